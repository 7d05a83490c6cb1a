// Package outside plays the world the app depends on and does not control: a mail
// provider and a third-party HTTP service. Both listen on loopback, are as slow as
// the real ones, and refuse who asks too often. They share nothing with the app
// but the network.
package outside

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Behaviour is how a provider treats its clients.
type Behaviour struct {
	// Latency is what one conversation takes.
	Latency time.Duration
	// PerSecond is how many conversations a second it accepts; 0 is any number.
	PerSecond float64
}

// limiter allows a second's worth at once.
func (b Behaviour) limiter() *rate.Limiter {
	if b.PerSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(b.PerSecond), max(1, int(b.PerSecond)))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
