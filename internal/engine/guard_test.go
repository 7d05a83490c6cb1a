package engine

import (
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// lone is a stage with one user, who begins at once.
var lone = scenarios.Stage{Users: 1, Settle: 0.01, Measure: 60}

func TestErrorKinds(t *testing.T) {
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was requested elsewhere", r.URL) })
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(5 * time.Millisecond)
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(500)
		case "/elsewhere":
			http.Redirect(w, r, elsewhere, http.StatusFound)
		case "/elsewhere-scheme":
			http.Redirect(w, r, "ftp://"+r.Host, http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			w.Write(make([]byte, 2000))
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(make([]byte, 64<<10))
			z.Close()
		case "/slow":
			<-r.Context().Done() // the other side gives up
		case "/drip":
			for r.Context().Err() == nil {
				fmt.Fprint(w, ".")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		case "/cut":
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")
			c.Close()
		case "/hangup":
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		default:
			fmt.Fprint(w, `{"name": "x", "n": 5, "none": null}`)
		}
	})
	for _, tt := range []struct{ request, want string }{
		{`get: /ok`, ""},
		{`get: /500`, "status 500"},
		{`get: /ok, expect: { status: 201 }`, "status 200"},
		{`get: /ok, expect: { contains: '"x"' }`, ""},
		{`get: /ok, expect: { contains: "y" }`, "check: body"},
		{`get: /ok, expect: { json: { n: 5, name: null } }`, ""},
		{`get: /ok, expect: { json: { name: y } }`, "check: name"},
		{`get: /ok, expect: { json: { none: null } }`, "check: none"},
		{`get: /here`, ""},
		{`get: /here, expect: { status: 302 }`, ""},
		{`get: /elsewhere`, "redirect refused"},
		{`get: /elsewhere-scheme`, "redirect refused"},
		{`get: /round`, "too many redirects"},
		{`get: /large`, "body too large"},
		{`get: /bomb`, "body too large"},
		{`get: /slow`, "timeout"},
		{`get: /drip`, "timeout"},
		{`get: /cut`, "connection closed"},
		{`post: /hangup`, "connection closed"},
	} {
		s := one(t, tt.request)
		s.Timeout = 5
		if tt.want == "timeout" {
			s.Timeout = 0.1
		}
		p := plan(target, lone)
		p.Limits.BodyBytes = 1000
		x := driveUntil(t, s, p, 1).results[0]
		if x.Err != tt.want {
			t.Errorf("%s: error %q, want %q", tt.request, x.Err, tt.want)
		}
		if x.Bytes > 1000 {
			t.Errorf("%s: %d bytes were read", tt.request, x.Bytes)
		}
		if took := x.End.Sub(x.Start); tt.want == "timeout" && (took < 100*time.Millisecond || took > time.Second) {
			t.Errorf("%s: a timeout of 100 ms after %v", tt.request, took)
		}
	}
}

// A refusing target is errors at their time, and no storm: users think after
// a page that did not come, too.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := parse(t, "endpoints:\n  x: { get: /, think: { const: 100ms } }\npersonas:\n  p: { share: 1, start: [x] }\n")
	r := drive(t, s, plan("http://"+l.Addr().String(), scenarios.Stage{Users: 10, Settle: 0.1, Measure: 0.9}))
	if n := r.count(func(x Result) bool { return x.Err != "connection refused" || x.Status != 0 }); n > 0 {
		t.Errorf("%d of %d results are not refused: %+v", n, len(r.results), r.results[0])
	}
	if n := len(r.results); n < 30 || n > 105 {
		t.Errorf("10 users who think 100 ms sent %d requests in 1 s", n)
	}
}

// Even a plan that names a host on a port that it must not use sends nothing there.
func TestAllowed(t *testing.T) {
	w := &walker{hosts: []string{"127.0.0.1:80", "any.example", "[::1]:8080"}}
	for _, tt := range []struct {
		addr string
		want bool
	}{
		{"127.0.0.1:80", true}, {"127.0.0.1:81", false}, {"any.example:1", true}, {"ANY.example:443", true},
		{"not.any.example:1", false}, {"[::1]:8080", true}, {"[::1]:80", false}, {"any.example", false}, {"", false},
	} {
		if got := w.allowed(tt.addr); got != tt.want {
			t.Errorf("allowed(%q) = %v", tt.addr, got)
		}
	}
}

// The ceiling holds, redirects counted, and what it delays is late.
func TestRateCeiling(t *testing.T) {
	target := serve(t, ok)
	p := plan(target, scenarios.Stage{Rate: 200, Settle: 0.1, Measure: 1.4})
	p.Limits.Rate = 50
	r := drive(t, one(t, "get: /"), p)
	first, last := r.results[0].Start, r.results[0].Start
	for _, x := range r.results {
		if x.Start.Before(first) {
			first = x.Start
		}
		if x.Start.After(last) {
			last = x.Start
		}
	}
	n := r.count(func(x Result) bool { return x.Start.Sub(first) < time.Second })
	if n > 50+5+3 || n < 30 {
		t.Errorf("%d requests within a second, the ceiling is 50", n)
	}
	if r.dropped == 0 {
		t.Error("nothing was dropped at the end, though four times the ceiling was due")
	}
	late := r.count(func(x Result) bool { return x.Start.Sub(x.Intended) > 100*time.Millisecond })
	if late < len(r.results)/2 {
		t.Errorf("%d of %d requests were late", late, len(r.results))
	}
}

func TestProxyOfEnvironmentIsIgnored(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	w, err := newWalker(Options{Scenario: one(t, "get: /"), Plan: plan("http://example.test")})
	if err != nil {
		t.Fatal(err)
	}
	if w.transport.rest.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func TestBodies(t *testing.T) {
	got := make(chan string, 100)
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1000)
		n, _ := r.Body.Read(b)
		got <- r.Header.Get("Content-Type") + " " + r.Header.Get("X-A") + " " + string(b[:n])
	})
	for _, tt := range []struct{ data, request, want string }{
		{`{ v: { choice: ['q"\x'] } }`, `post: /, json: { a: "${v}", b: [1, true, null] }`, `application/json  {"a":"q\"\\x","b":[1,true,null]}`},
		{`{ v: { choice: ['a&b=c d'] } }`, `post: /, form: { f: "${v}" }`, `application/x-www-form-urlencoded  f=a%26b%3Dc+d`},
		{`{ v: { choice: ['x"'] } }`, `put: /, body: '${v}$${y}', headers: { x-a: "1${v}", Content-Type: text/plain }`, `text/plain 1x" x"${y}`},
	} {
		s := parse(t, "data: "+tt.data+"\nthink: { default: { const: 50ms } }\nendpoints:\n  x: { "+tt.request+" }\npersonas:\n  p: { share: 1, start: [x] }\n")
		driveUntil(t, s, plan(target, lone), 1)
		if g := strings.TrimSpace(<-got); g != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.request, g, tt.want)
		}
		for len(got) > 0 {
			<-got
		}
	}
}
