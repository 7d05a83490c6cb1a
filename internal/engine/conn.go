package engine

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxHeader is how many bytes of an answer may come before its body: a hundred
// times what servers and proxies let through.
const maxHeader = 1 << 20

var errHeader = errors.New("header too large")

// A conn is an HTTP/1.1 connection, with one request under way at most: send,
// receive, and close the answer's body. In between it holds no buffers, since
// most users think most of the time.
type conn struct {
	net.Conn
	peeker    *peeker // nil: what cannot be looked at is not used again
	host      string
	transport *transport
	used      bool          // for an earlier request
	since     time.Time     // idle
	in        *bufio.Reader // nil between two requests
	left      int64         // bytes that may still be read
	failed    error         // of reading

	// A connection watches the context of its request, and goes on with that
	// until the context is another one: in a run it is always the same.
	mu    sync.Mutex
	busy  bool
	ctx   context.Context
	leave func() bool // ends the watch
}

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// send sends a request and waits for the first byte of the answer. It returns
// how many bytes were sent. After an error the connection is closed.
func (c *conn) send(ctx context.Context, deadline time.Time, request []byte) (sent int, err error) {
	c.in, c.left, c.failed = readers.Get().(*bufio.Reader), maxHeader, nil
	c.in.Reset(c)
	if err = cmp.Or(c.watch(ctx), c.SetDeadline(deadline)); err == nil {
		var unsent error
		sent, unsent = c.Write(request)
		// A server that has enough of a request may answer before its end, and hang
		// up: the answer counts.
		if _, err = c.in.Peek(1); err != nil && unsent != nil {
			err = unsent
		}
	}
	if err != nil {
		c.end(false)
	}
	return sent, err
}

// receive returns the answer to req, which has been sent. The connection is
// that of the next request once the body is closed at its end.
func (c *conn) receive(req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil:
			c.end(false)
			return nil, cmp.Or(c.failed, err) // the end of a line that broke off looks malformed
		case resp.StatusCode/100 == 1 && resp.StatusCode != http.StatusSwitchingProtocols:
			continue // there is more to come
		}
		c.left = math.MaxInt64
		b := &body{conn: c, from: resp.Body}
		b.over = resp.Body == http.NoBody
		b.keep = !resp.Close && resp.StatusCode >= 200
		if resp.Body = b; !b.over && asksGzip(req) && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
			resp.Body = &unzipped{body: b}
		}
		return resp, nil
	}
}

// Read reads what may still be read.
func (c *conn) Read(p []byte) (n int, err error) {
	if err = errHeader; c.left > 0 {
		n, err = c.Conn.Read(p[:min(int64(len(p)), c.left)])
	}
	c.left -= int64(n)
	c.failed = err
	return n, err
}

// watch closes the connection if ctx ends while it is busy.
func (c *conn) watch(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx != ctx {
		if c.leave != nil {
			c.leave()
		}
		c.ctx, c.leave = ctx, context.AfterFunc(ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.busy && c.ctx == ctx {
				c.Conn.Close()
			}
		})
	}
	c.busy = true
	return ctx.Err()
}

// end ends the exchange. What has come after an answer is no answer to anything:
// such a connection is not kept.
func (c *conn) end(keep bool) {
	keep = keep && c.peeker != nil && c.in.Buffered() == 0
	c.in.Reset(nil)
	readers.Put(c.in)
	c.in = nil
	c.mu.Lock()
	c.busy = false
	c.mu.Unlock()
	if keep {
		c.transport.park(c)
	} else {
		c.close()
	}
}

func (c *conn) close() {
	if c.leave != nil {
		c.leave()
	}
	c.Conn.Close()
}

// A body is that of an answer.
type body struct {
	conn *conn
	from io.Reader // nil: closed
	over bool      // from is at its end
	keep bool      // the connection may be kept then
}

func (b *body) Read(p []byte) (int, error) {
	if b.from == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.from.Read(p)
	b.over = b.over || err == io.EOF
	return n, err
}

// Close closes the connection if there is more to read: that would be taken for
// the next answer.
func (b *body) Close() error {
	if b.from != nil {
		b.from = nil
		b.conn.end(b.over && b.keep)
	}
	return nil
}

// An unzipped body was sent compressed.
type unzipped struct {
	*body
	zip *gzip.Reader // nil before the first byte
}

var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (u *unzipped) Read(p []byte) (int, error) {
	if u.zip == nil {
		u.zip = unzippers.Get().(*gzip.Reader)
		if err := u.zip.Reset(u.body); err != nil {
			return 0, err
		}
	}
	return u.zip.Read(p)
}

func (u *unzipped) Close() error {
	if u.zip != nil {
		unzippers.Put(u.zip)
		u.zip = nil
	}
	return u.body.Close()
}

// asksGzip reports whether the request goes out with an Accept-Encoding of ours.
func asksGzip(req *http.Request) bool {
	return req.Method != http.MethodHead && req.Header["Accept-Encoding"] == nil && req.Header["Range"] == nil
}

// implied are the fields of a header that write makes of the rest of a request.
var implied = map[string]bool{"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true}

// write writes the request to an empty b, body included.
func write(b *bytes.Buffer, req *http.Request) error {
	b.Reset()
	b.WriteString(req.Method)
	b.WriteByte(' ')
	b.WriteString(req.URL.RequestURI())
	b.WriteString(" HTTP/1.1\r\nHost: ")
	b.WriteString(cmp.Or(req.Host, req.URL.Host))
	b.WriteString("\r\n")
	if err := req.Header.WriteSubset(b, implied); err != nil {
		return err
	}
	if asksGzip(req) {
		b.WriteString("Accept-Encoding: gzip\r\n")
	}
	// Of methods that usually have a body servers want to know even that it is empty.
	if req.Body != nil || req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch {
		b.WriteString("Content-Length: ")
		b.Write(strconv.AppendInt(b.AvailableBuffer(), req.ContentLength, 10))
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	if req.Body == nil {
		return nil
	}
	defer req.Body.Close()
	b.Grow(int(req.ContentLength) + bytes.MinRead)
	_, err := b.ReadFrom(req.Body)
	return err
}
