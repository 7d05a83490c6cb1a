package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/scalecheck/scalecheck/scenarios"
)

// maxValues is how many values of one extract rule are kept: a user chooses
// among what a page shows, and a thousand users must not hold a catalogue each.
const maxValues = 100

// send sends the endpoint's request, takes variables from the answer and tells
// the sink, unless that is nil. When load is over, it waits no longer for the
// rate ceiling; when ctx is, for the answer.
func (u *user) send(load, ctx context.Context, endpoint int, intended time.Time, sink Sink) Result {
	r := u.exchange(load, ctx, endpoint, intended, sink)
	if sink == nil || r.Err == unsent {
		return r
	}
	sink.Result(r)
	u.trail.pass(u.paths, endpoint, &r, sink)
	return r
}

func (u *user) exchange(load, ctx context.Context, endpoint int, intended time.Time, sink Sink) Result {
	e := &u.endpoints[endpoint]
	r := Result{Endpoint: e.route, Method: e.method, Intended: intended, User: u.number, New: !u.sent}
	u.request++
	target, text, err := u.url(e)
	r.URL = text
	if !u.limiter.Allow() && u.limiter.Wait(load) != nil {
		r.Start = time.Now()
		r.End, r.Err = r.Start, unsent
		return r
	}
	r.Start, u.sent = time.Now(), true
	if sink != nil {
		sink.Started(Start{r.Endpoint, r.Start, intended, r.User, r.New})
	}
	if err != nil {
		r.End, r.Err = r.Start, "bad request"
		return r
	}
	resp, err := u.roundTrip(ctx, r.Start.Add(u.timeout.Duration()), e, u.build(e, target))
	if resp != nil {
		r.Status = resp.StatusCode
	}
	var body *bytes.Buffer
	if err == nil {
		body, r.Bytes, err = u.read(resp, e)
	}
	r.End = time.Now()
	switch {
	case ctx.Err() != nil && err != nil:
		r.Err = unfinished
	case err != nil:
		r.Err = kind(err)
	case !expected(e, r.Status):
		r.Err = "status " + strconv.Itoa(r.Status)
	default:
		r.Err = u.take(e, body)
	}
	if body != nil {
		buffers.Put(body)
	}
	return r
}

const (
	// unfinished is a request that the end of the run cut off: it took at least
	// so long.
	unfinished = "unfinished"
	// unsent is a request that still waited for the rate ceiling then. No sink
	// hears of it: it says nothing about the target.
	unsent = "unsent"
)

// build returns the endpoint's request to target.
func (u *user) build(e *endpoint, target *url.URL) *http.Request {
	req := new(http.Request)
	*req = *e.blank
	req.URL, req.Host, req.Header = target, target.Host, u.header(e, u.cookies(target))
	var body []byte
	switch {
	case e.json != nil:
		body = u.appendText(nil, e.json, appendJSON)
	case e.hasForm:
		for _, f := range e.form {
			if body != nil {
				body = append(body, '&')
			}
			body = append(body, url.QueryEscape(f.name)+"="+url.QueryEscape(u.render(f.text))...)
		}
	case e.body != nil:
		body = u.appendText(nil, e.body, nil)
	}
	if body != nil {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
	}
	return req
}

// header returns the endpoint's header with these cookies. It may be shared:
// nobody changes the header of a request that is being sent.
func (u *user) header(e *endpoint, cookies string) http.Header {
	if u.ip == "" && cookies == "" && len(e.dynamic) == 0 {
		return e.static
	}
	h := make(http.Header, len(e.static)+len(e.dynamic)+2)
	if u.ip != "" {
		h["X-Forwarded-For"] = []string{u.ip}
	}
	maps.Copy(h, e.static)
	for _, f := range e.dynamic {
		h[f.name] = []string{u.render(f.text)}
	}
	if own := h.Get("Cookie"); cookies != "" && own != "" {
		h["Cookie"] = []string{own + "; " + cookies}
	} else if cookies != "" {
		h["Cookie"] = []string{cookies}
	}
	return h
}

// appendJSON appends s as the inside of a JSON string.
func appendJSON(b []byte, s string) []byte {
	plain := utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == '"' || c == '\\' })
	if plain {
		return append(b, s...)
	}
	q, _ := json.Marshal(s) // of a string: never fails
	return append(b, q[1:len(q)-1]...)
}

var errTooLarge = errors.New("body too large")

// buffers are for bodies that something looks at. What is kept of one is copied.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read reads the answer up to the ceiling. The body is returned only if
// something looks at it; it goes back to buffers.
func (u *user) read(resp *http.Response, e *endpoint) (body *bytes.Buffer, n int64, err error) {
	// Closed before it is at its end, a body takes its connection along: that is
	// what should happen to an answer that is too large.
	defer resp.Body.Close()
	limited := io.LimitedReader{R: resp.Body, N: u.limits.BodyBytes + 1}
	if len(e.extract) > 0 || len(e.checks) > 0 || e.expect.Contains != "" {
		body = buffers.Get().(*bytes.Buffer)
		body.Reset()
		n, err = body.ReadFrom(&limited)
	} else {
		n, err = io.Copy(io.Discard, &limited)
	}
	if n > u.limits.BodyBytes {
		return body, u.limits.BodyBytes, errTooLarge
	}
	return body, n, err
}

func expected(e *endpoint, status int) bool {
	if len(e.expect.Status) == 0 {
		return status < 400
	}
	return slices.Contains(e.expect.Status, status)
}

// take checks the answer and extracts variables from it. It returns the
// failed check, or "".
func (u *user) take(e *endpoint, body *bytes.Buffer) string {
	if e.expect.Contains != "" && !bytes.Contains(body.Bytes(), []byte(e.expect.Contains)) {
		return "check: body"
	}
	if len(e.checks)+len(e.extract) == 0 {
		return ""
	}
	doc := gjson.ParseBytes(body.Bytes())
	for _, c := range e.checks {
		found := false
		each(doc, c.path, func(v gjson.Result) bool {
			found = c.want == "" || v.String() == c.want
			return !found
		})
		if !found {
			return "check: " + c.name
		}
	}
	for _, x := range e.extract {
		v := &u.vars[x.slot]
		v.list = v.list[:0]
		each(doc, x.path, func(r gjson.Result) bool {
			// Cloned: a value must not hold the whole answer in memory.
			if s := r.String(); s != "" {
				v.list = append(v.list, strings.Clone(s))
			}
			return len(v.list) < maxValues
		})
	}
	return ""
}

// each calls f for every value at the path until f says false.
func each(v gjson.Result, path scenarios.JSONPath, f func(gjson.Result) bool) bool {
	for i, hop := range path {
		if hop.Name == "" {
			more := true
			if v.IsArray() {
				v.ForEach(func(_, item gjson.Result) bool {
					more = each(item, path[i+1:], f)
					return more
				})
			}
			return more
		}
		if v = v.Get(hop.Name); !v.Exists() {
			return true
		}
	}
	if v.Type == gjson.Null {
		return true
	}
	return f(v)
}

// kind classifies why there is no answer, without addresses.
func kind(err error) string {
	var timeout net.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, errRedirect):
		return errRedirect.Error()
	case errors.Is(err, errHops):
		return errHops.Error()
	case errors.Is(err, errHost):
		return errHost.Error()
	case errors.Is(err, errTooLarge):
		return errTooLarge.Error()
	case errors.Is(err, errHeader):
		return errHeader.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "generator out of sockets"
	case errors.As(err, &dns):
		return "name not found"
	case errors.As(err, &cert), errors.As(err, &record):
		return "TLS"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	}
	return "network"
}
