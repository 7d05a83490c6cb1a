package engine

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// What a user's browser does between a request and the connections.
//
// http.Client would do it, at the price of some twenty allocations for every
// request, most of them for cookies and redirects that are not there. Here they
// cost something when they occur; a redirect is then http.Client's to follow.

var (
	errRedirect = errors.New("redirect refused")
	errHops     = errors.New("too many redirects")
)

const maxRedirects = 10 // as net/http has it

// roundTrip sends the endpoint's request and follows redirects, keeping cookies.
// The last answer has time until the deadline.
func (u *user) roundTrip(ctx context.Context, deadline time.Time, e *endpoint, req *http.Request) (*http.Response, error) {
	resp, err := u.transport.do(ctx, deadline, req)
	switch {
	case err != nil:
		return nil, err
	case !e.stay && redirects(resp):
		return u.follow(ctx, deadline, e, req, resp)
	case len(resp.Header["Set-Cookie"]) > 0:
		if u.jar == nil {
			u.jar = newJar()
		}
		u.jar.SetCookies(req.URL, resp.Cookies())
	}
	return resp, nil
}

// follow goes where the answer to the endpoint's request points.
func (u *user) follow(ctx context.Context, deadline time.Time, e *endpoint, req *http.Request, resp *http.Response) (*http.Response, error) {
	if u.jar == nil {
		u.jar = newJar()
	}
	// What the redirect starts from: a URL in all its parts, and a header that
	// is nobody else's and whose cookies are http.Client's business.
	from, err := url.Parse(u.origin + req.URL.RequestURI())
	if err != nil {
		resp.Body.Close()
		return resp, err
	}
	within, cancel := context.WithDeadline(ctx, deadline)
	req = req.WithContext(within)
	req.URL, req.Header = from, u.header(e, "").Clone()
	rest := http.Client{Transport: &replay{resp, u.transport}, Jar: u.jar, CheckRedirect: u.checkRedirect}
	last, err := rest.Do(req)
	return cancelAfter(last, err, cancel)
}

// redirects reports whether http.Client would follow the answer somewhere.
func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// A replay answers the first request with what is there already.
type replay struct {
	first *http.Response
	rest  http.RoundTripper
}

func (r *replay) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.first == nil {
		return r.rest.RoundTrip(req)
	}
	resp := r.first
	r.first = nil
	if req.Body != nil {
		req.Body.Close()
	}
	return resp, nil
}

// checkRedirect is http.Client's. Each hop is a request and pays for itself at
// the rate ceiling.
func (u *user) checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return errHops
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" || !u.allowed(scenarios.HostPort(r.URL)) {
		return errRedirect
	}
	if err := u.limiter.Wait(r.Context()); err != nil {
		return context.DeadlineExceeded // or would be; rate's own error wraps nothing
	}
	return nil
}

// newJar returns an empty jar. Without a public suffix list a host may set a
// cookie for its whole top-level domain; the few hosts of an allow-list are no
// strangers to each other.
func newJar() http.CookieJar {
	jar, _ := cookiejar.New(nil) // has no error to give
	return jar
}

// cookies returns the Cookie header for a request to target, or "".
func (u *user) cookies(target *url.URL) string {
	if u.jar == nil {
		return ""
	}
	var b strings.Builder
	for _, c := range u.jar.Cookies(target) {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString((&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String())
	}
	return b.String()
}

var inQuery = strings.NewReplacer("+", "%2B", "&", "%26", "=", "%3D")

// url returns where the endpoint's request goes, with the values of the
// current request, and the same as text.
func (u *user) url(e *endpoint) (*url.URL, string, error) {
	b := append(make([]byte, 0, 128), u.origin...)
	b = append(b, u.prefix...)
	b = u.appendText(b, e.path, func(b []byte, v string) []byte {
		// As for a path, and what has a meaning in a query as well.
		return append(b, inQuery.Replace(url.PathEscape(v))...)
	})
	text := string(b)
	if !e.plain {
		target, err := url.Parse(text)
		if err != nil {
			return nil, text, err
		}
		return target, target.String(), nil
	}
	// What goes on the wire is known to be in order: Opaque is sent as it is.
	target := &url.URL{Scheme: u.base.Scheme, Host: u.base.Host, Opaque: text[len(u.origin):]}
	target.Path, _, _ = strings.Cut(target.Opaque, "?") // cookies go by it
	return target, text, nil
}

// isPlain reports whether a URL with this path, values filled in, is sent as it
// is written: then it need not be parsed to find that out, each time.
func isPlain(origin, prefix string, path text) bool {
	b := []byte(origin + prefix)
	for _, p := range path {
		if p.slot == -1 {
			b = append(b, p.lit...)
		} else {
			b = append(b, "%20"...) // the worst that a value becomes
		}
	}
	target, err := url.Parse(string(b))
	return err == nil && target.RequestURI() == string(b[len(origin):]) && !strings.HasPrefix(target.Path, "//")
}
