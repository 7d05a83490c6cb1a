package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/scalecheck/scalecheck/scenarios"
)

// idleFor is below the usual servers' patience, who would close the connection
// under our hands.
const idleFor = 30 * time.Second

// A transport sends requests over connections that it keeps. Whoever sends one
// takes a connection that nobody uses, or else opens one: there are never more
// than users.
//
// For http:// it speaks HTTP/1.1 itself, in the goroutine of the user who waits
// for the answer (conn). net/http has two goroutines more for each connection,
// and hands every request and every answer from one to the other, with a timer
// and a context for each. It does https://.
type transport struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	rest *http.Transport

	mu    sync.Mutex
	idle  map[string][]*conn // by host, those of late at the end
	timer *time.Timer        // closes those of long ago; nil: none is idle
}

// newTransport returns a transport that reaches what is allowed, by dial.
func newTransport(allowed func(addr string) bool, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *transport {
	guarded := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !allowed(addr) {
			return nil, errHost
		}
		return dial(ctx, network, addr)
	}
	return &transport{
		dial: guarded,
		idle: map[string][]*conn{},
		rest: &http.Transport{
			Proxy:                 nil, // one in the environment would be measured along, or leak the load
			DialContext:           guarded,
			MaxIdleConns:          0, // no bound: users have at most one request under way each
			MaxIdleConnsPerHost:   1 << 20,
			IdleConnTimeout:       idleFor,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
			ReadBufferSize:        4 << 10,
			WriteBufferSize:       4 << 10,
		},
	}
}

// do sends the request. The answer, whose body is to be closed, has time until
// the deadline, body included; it is cut off when ctx ends.
func (t *transport) do(ctx context.Context, deadline time.Time, req *http.Request) (*http.Response, error) {
	if !own(req.URL) {
		within, cancel := context.WithDeadline(ctx, deadline)
		resp, err := t.rest.RoundTrip(req.WithContext(within))
		return cancelAfter(resp, err, cancel)
	}
	out := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(out)
	if err := write(out, req); err != nil {
		return nil, err
	}
	for {
		c, err := t.take(ctx, deadline, req.URL)
		if err != nil {
			return nil, err
		}
		sent, err := c.send(ctx, deadline, out.Bytes())
		if err == nil {
			return c.receive(req)
		}
		// A server closes a connection that it has not heard from, be it while a
		// request is on its way there. It is the server's failure only on a new
		// one; but who knows what it did with a request that changes something.
		if !c.used || sent > 0 && !repeatable(req) || ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
}

// RoundTrip implements http.RoundTripper. The request's context has a deadline.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	deadline, _ := req.Context().Deadline()
	return t.do(req.Context(), deadline, req)
}

// own reports whether requests to u need no net/http, which knows about TLS and
// about what hosts can be called: by a name that is not ASCII, with a zone.
func own(u *url.URL) bool {
	return canPeek && u.Scheme == "http" && !strings.ContainsFunc(u.Host, func(r rune) bool { return r == '%' || r >= utf8.RuneSelf })
}

// repeatable reports whether the request may be sent twice. These are
// net/http's rules.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}

// take returns an idle connection to the host, or a new one.
func (t *transport) take(ctx context.Context, deadline time.Time, u *url.URL) (*conn, error) {
	for {
		c := t.pop(u.Host)
		if c == nil {
			break
		}
		if c.peeker.silent() {
			return c, nil
		}
		c.close()
	}
	within, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	to, err := t.dial(within, "tcp", scenarios.HostPort(u))
	if err != nil {
		return nil, err
	}
	return &conn{Conn: to, peeker: newPeeker(to), host: u.Host, transport: t}, nil
}

// pop returns the connection that was used last: others may become so old that
// they are closed.
func (t *transport) pop(host string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.idle[host]
	if len(all) == 0 {
		return nil
	}
	last := len(all) - 1
	c := all[last]
	all[last] = nil
	t.idle[host] = all[:last]
	return c
}

// park keeps the connection for another request.
func (t *transport) park(c *conn) {
	c.used, c.since = true, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle[c.host] = append(t.idle[c.host], c)
	if t.timer == nil {
		t.timer = time.AfterFunc(idleFor, func() { t.closeIdle(time.Now().Add(-idleFor)) })
	}
}

// close closes all connections that are idle.
func (t *transport) close() {
	t.closeIdle(time.Now())
	t.rest.CloseIdleConnections()
}

// closeIdle closes the connections that have been idle since the given time or
// longer.
func (t *transport) closeIdle(since time.Time) {
	for _, c := range t.popIdle(since) { // may take a while: users must not wait for it
		c.close()
	}
}

func (t *transport) popIdle(since time.Time) (old []*conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var oldest time.Time // of those that stay
	for host, all := range t.idle {
		n := 0
		for n < len(all) && !all[n].since.After(since) {
			n++
		}
		if n < len(all) && (oldest.IsZero() || all[n].since.Before(oldest)) {
			oldest = all[n].since
		}
		old = append(old, all[:n]...)
		t.idle[host] = slices.Delete(all, 0, n)
	}
	switch {
	case t.timer == nil:
	case oldest.IsZero():
		t.timer.Stop()
		t.timer = nil
	default:
		t.timer.Reset(time.Until(oldest.Add(idleFor)))
	}
	return old
}

// cancelAfter calls cancel when the answer is closed, or now if there is none.
func cancelAfter(resp *http.Response, err error, cancel func()) (*http.Response, error) {
	if err != nil {
		cancel()
	} else {
		resp.Body = &cancelling{resp.Body, cancel}
	}
	return resp, err
}

type cancelling struct {
	io.ReadCloser
	cancel func()
}

func (c *cancelling) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}
