package engine

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A log-in that redirects: cookies that are set on the way are there at the end
// of it and afterwards, beside one that the scenario sends.
func TestCookiesAndRedirects(t *testing.T) {
	t.Parallel()
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		has := func(names ...string) bool {
			for _, n := range names {
				if c, err := r.Cookie(n); err != nil || c.Value == "" {
					t.Errorf("%s %s without cookie %s: %v", r.Method, r.URL, n, r.Header["Cookie"])
					return false
				}
			}
			return len(r.Cookies()) == len(names)
		}
		switch r.URL.Path {
		case "/base/login":
			if r.FormValue("user") != "a b" || !has("own") {
				t.Errorf("log-in with %v", r.Form)
			}
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
			http.Redirect(w, r, "step?x=1", http.StatusTemporaryRedirect)
		case "/base/step":
			if r.Method != "POST" || r.FormValue("user") != "a b" || !has("own", "session") {
				t.Errorf("%s with %v, cookies %v", r.Method, r.Form, r.Cookies())
			}
			http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "two words", Path: "/base"})
			http.Redirect(w, r, "/base/home", http.StatusSeeOther)
		case "/base/home":
			if r.Method != "GET" || !has("own", "session", "csrf") {
				t.Errorf("%s, cookies %v", r.Method, r.Cookies())
			}
			fmt.Fprint(w, "home")
		}
	})
	s := parse(t, `
think: { default: { const: 1ms } }
headers: { Cookie: "own=0" }
endpoints:
  login: { post: /login, form: { user: "a b" }, expect: { contains: home } }
  home: { get: /home }
personas: { p: { share: 1, start: [login, home, home] } }
`)
	r := driveUntil(t, s, plan(target+"/base", lone), 12)
	for _, x := range r.results {
		if x.Err != "" || x.Status != 200 {
			t.Fatalf("%+v", x)
		}
	}
}

// What is written in a path arrives, whatever it is: plain text as it is, the
// rest escaped.
func TestPathsArrive(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]string{}
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.Header.Get("X-Case")] = r.RequestURI
	})
	for _, tt := range []struct{ path, want string }{
		{"/a/${v}?q=${v}&w=1", "/a/x%2Fy%20z%3F%26%3D%2B%C3%BC?q=x%2Fy%20z%3F%26%3D%2B%C3%BC&w=1"},
		{"/a%20b?c=%2F", "/a%20b?c=%2F"},
		{"/", "/"},
	} {
		name := strings.ReplaceAll(tt.path, "${v}", "v")
		s := parse(t, "think: { default: { const: 0s } }\ndata: { v: { choice: ['x/y z?&=+ü'] } }\nendpoints:\n  x: { get: \""+tt.path+"\", headers: { X-Case: \""+name+"\" } }\npersonas:\n  p: { share: 1, start: [x] }\n")
		driveUntil(t, s, plan(target, lone), 1)
		mu.Lock()
		if g := got[name]; g != tt.want {
			t.Errorf("%s arrived as %s, want %s", tt.path, g, tt.want)
		}
		mu.Unlock()
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	target := httptest.NewTLSServer(http.HandlerFunc(ok))
	defer target.Close()
	// A certificate that nobody vouches for is the target's failure.
	r := driveUntil(t, one(t, "get: /"), plan(target.URL, lone), 1)
	if r.results[0].Err != "TLS" {
		t.Errorf("%+v", r.results[0])
	}
}
