package collect

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// A link is one session with the database. It is used by one at a time, has a
// deadline for every use, and reconnects after a loss.
type link struct {
	cfg     *pgx.ConnConfig
	timeout time.Duration // of a statement, on the server
	count   *counter
	health  *health

	turn chan struct{} // holds one token
	conn *pgx.Conn     // nil while there is none
	pid  atomic.Uint32 // of its server process; 0 while there is none

	retry   time.Time     // no attempt to connect before
	backoff time.Duration // until the next but one
	last    error         // of the last attempt

	pooled bool            // what is at the other end is not the server
	end    context.Context // for closing: not cancelled with what opened the link
}

func dial(ctx context.Context, cfg *pgx.ConnConfig, timeout time.Duration, c *counter, h *health) (*link, error) {
	l := &link{cfg: cfg, timeout: timeout, count: c, health: h, turn: make(chan struct{}, 1), end: context.WithoutCancel(ctx)}
	conn, pid, err := connect(ctx, cfg, timeout, c)
	if err != nil {
		return nil, err
	}
	l.conn, l.pooled = conn, conn.PgConn().PID() != pid
	l.pid.Store(pid)
	h.ok()
	l.turn <- struct{}{}
	return l, nil
}

// minBackoff and maxBackoff: a crashed server is back within seconds, and the
// sampler should not miss more than it must. Nobody gains from knocking more
// often on one that starts up.
const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// do calls f with the session. The context that f gets ends after the
// statement timeout and a little more, so that the server can say first that it
// was its timeout; a half-open connection ends with the context.
func (l *link) do(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	select {
	case <-l.turn:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { l.turn <- struct{}{} }()
	if l.conn == nil {
		if err := l.reconnect(ctx); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, l.timeout+time.Second)
	defer cancel()
	err := f(within, l.conn)
	switch {
	case l.conn.IsClosed():
		l.conn = nil
		l.pid.Store(0)
		l.retry, l.backoff = time.Time{}, minBackoff
		if ctx.Err() == nil {
			l.health.failed(err)
		}
		if err == nil {
			err = errors.New("connection lost")
		}
	default: // also an error: the server answered
		l.health.ok()
	}
	return err
}

func (l *link) reconnect(ctx context.Context) error {
	if time.Now().Before(l.retry) {
		return l.last
	}
	conn, pid, err := connect(ctx, l.cfg, l.timeout, l.count)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		l.backoff = min(max(2*l.backoff, minBackoff), maxBackoff)
		l.retry, l.last = time.Now().Add(l.backoff), err
		l.health.failed(err)
		return err
	}
	l.conn = conn
	l.pid.Store(pid)
	l.health.ok()
	return nil
}

// close ends the session. Nobody may use it afterwards.
func (l *link) close() {
	<-l.turn
	if l.conn != nil {
		// A server that does not answer must not hold up the end of a run.
		ctx, cancel := context.WithTimeout(l.end, time.Second)
		defer cancel()
		l.conn.Close(ctx)
	}
}

// A counter counts statements. It is safe for concurrent use.
type counter struct{ sent atomic.Int64 }

// TraceQueryStart implements pgx.QueryTracer.
func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.sent.Add(1)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Health is what all links together know about the server. It is safe for
// concurrent use.
type health struct {
	mu    sync.Mutex
	heard time.Time // from the server, last
	since time.Time // of the first failure after that; zero while all is well
	err   error     // the last failure
}

func (h *health) ok() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard, h.since, h.err = time.Now(), time.Time{}, nil
}

func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = time.Now()
	}
	if err != nil {
		h.err = err
	}
}

// A server that refuses connections or does not answer is gone after
// silentLimit; a crash restart of one under load takes a second or two until it
// answers again, if only to say that it is starting up. One that answers gets
// busyLimit to recover.
const (
	silentLimit = 5 * time.Second
	busyLimit   = time.Minute
)

// lost says that the server has gone, and since when.
func (h *health) lost() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		return nil
	}
	limit := silentLimit
	if errors.Is(h.err, errAnswered) {
		limit = busyLimit
	}
	if d := time.Since(h.since); d > limit {
		return fmt.Errorf("database lost for %.0f s: %w", d.Seconds(), h.err)
	}
	return nil
}

// quiet returns for how long nothing was heard from the server.
func (h *health) quiet() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.heard)
}
