package engine

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/time/rate"
)

// Sessions walks sessions one by one for who decides when: a k6 script. Their
// numbers and personas are those of open load. It is safe for concurrent use.
type Sessions struct{ w *walker }

// NewSessions returns the sessions of the scenario. Of the plan it uses target,
// seed and limits.
func NewSessions(o Options) (*Sessions, error) {
	w, err := newWalker(o)
	if err != nil {
		return nil, err
	}
	return &Sessions{w}, nil
}

// A Caller is who walks sessions one after the other, over connections of its
// own.
type Caller struct{ w *walker }

// Caller returns a caller who connects by dial, which gets only addresses that
// the plan allows, and who asks limiter before each request unless that is nil.
func (s *Sessions) Caller(dial func(ctx context.Context, network, addr string) (net.Conn, error), limiter *rate.Limiter) *Caller {
	w := *s.w
	if limiter != nil {
		w.limiter = limiter
	}
	w.transport = newTransport(w.allowed, dial)
	return &Caller{&w}
}

// Walk walks the next session from now on, of the named persona if there is a
// name. It returns the session's number and the name of its persona. When ctx
// ends, so does the request that is under way.
func (c *Caller) Walk(ctx context.Context, persona string, sink Sink) (number int, who string, err error) {
	number, k := c.w.draw.nextOwn(0)
	if persona != "" {
		if k = c.w.persona(persona); k < 0 {
			return 0, "", fmt.Errorf("there is no persona %q", persona)
		}
	}
	u := c.w.newUser(number)
	defer u.close()
	p := &c.w.personas[k]
	sink.Offered(1)
	if u.reserve(p) {
		u.session(&pace{load: ctx, requests: ctx}, p, time.Now(), sink)
	}
	if !u.sent {
		sink.Dropped(1)
	}
	return number, p.name, nil
}

// Close closes the caller's connections.
func (c *Caller) Close() { c.w.transport.close() }
