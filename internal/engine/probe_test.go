package engine

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

const proberScenario = `
think: { default: { const: 1ms } }
data:
  n: { range: [1, 1000] }
  mail: { unique: "${unique}@x.test" }
  say: { choice: [a, b, c, d, e, f, g, h], per: request }
endpoints:
  register: { post: "/register/${mail}" }
  login: { post: "/login/${n}" }
  me: { get: "/me/${n}" }
  list: { get: /list, extract: { item.id: "items[].id" } }
  make: { post: /make, extract: { item.id: id } }
  item: { get: "/item/${item.id}" }
  note: { post: "/item/${item.id}/note?say=${say}" }
  gone: { get: "/gone/${gone.id}" }
  rare: { get: /rare, extract: { gone.id: "none[].id" } }
personas:
  newcomer:
    share: 0.5
    start: [register]
    journey:
      make: { to: { item: 1 } }
      item: { to: { end: 1 } }
  member:
    share: 0.5
    start: [login]
    journey:
      make: { to: { list: 1 } }
      list: { to: { item: .5, note: .3, me: .1, rare: .1 } }
      item: {}
      note: {}
      me: {}
      rare: { to: { gone: .5, end: .5 } }
      gone: {}
`

func TestProber(t *testing.T) {
	var seen []string // one user at a time: no lock
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.RequestURI())
		switch r.URL.Path {
		case "/list":
			fmt.Fprint(w, `{"items": [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]}`)
		case "/make":
			fmt.Fprint(w, `{"id": 9}`)
		}
	})
	p, err := NewProber(Options{Scenario: parse(t, proberScenario), Plan: plan(target)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Send(t.Context()); err == nil {
		t.Error("sent without prepare")
	}
	for _, tt := range []struct {
		endpoint string
		before   []string // prefixes of what prepares
		distinct int      // of four sends
	}{
		{"POST /register/{mail}", nil, 4},
		{"POST /login/{n}", nil, 3}, // a thousand users: hardly one twice
		{"GET /me/{n}", []string{"POST /login/"}, 1},
		// By the list: making an item changes something.
		{"GET /item/{id}", []string{"POST /login/", "GET /list"}, 4},
		{"POST /item/{id}/note", []string{"POST /login/", "GET /list"}, 4},
	} {
		seen = nil
		if err := p.Prepare(t.Context(), tt.endpoint); err != nil {
			t.Error(err)
			continue
		}
		if !slices.EqualFunc(seen, tt.before, strings.HasPrefix) {
			t.Errorf("%s was prepared by %q, want %q", tt.endpoint, seen, tt.before)
		}
		urls := map[string]bool{}
		for i := range 4 {
			r, err := p.Send(t.Context())
			if err != nil || r.Err != "" || r.Endpoint != tt.endpoint {
				t.Errorf("%s: %+v, %v", tt.endpoint, r, err)
			}
			if len(seen) != len(tt.before)+i+1 {
				t.Errorf("%s: one send made %q", tt.endpoint, seen)
			}
			urls[r.URL] = true
		}
		if len(urls) < tt.distinct || tt.distinct == 1 && len(urls) > 1 {
			t.Errorf("%s: %d different URLs, want %d", tt.endpoint, len(urls), tt.distinct)
		}
	}
	for endpoint, want := range map[string]string{
		"GET /gone/{id}": "probe GET /gone/{id}: no answer has a value for ${gone.id} of GET /gone/{id}",
		"GET /nowhere":   "probe GET /nowhere: no persona can request it",
	} {
		if err := p.Prepare(t.Context(), endpoint); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestProberOfNobody(t *testing.T) {
	p, err := NewProber(Options{Scenario: parse(t, proberScenario), Plan: plan("http://127.0.0.1:1")})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := "probe GET /item/{id}: POST /login/{n} on the way there: connection refused"
	if err := p.Prepare(t.Context(), "GET /item/{id}"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Run leaves nothing behind.
func TestNoLeak(t *testing.T) {
	target := serve(t, ok)
	before := runtime.NumGoroutine()
	s := parse(t, "endpoints:\n  x: { get: /, think: { const: 10s } }\npersonas:\n  p: { share: 1, start: [x] }\n")
	drive(t, s, plan(target, scenarios.Stage{Users: 50, Settle: 0.2, Measure: 0.1}))
	for range 50 { // connections take a moment to close
		if runtime.NumGoroutine() <= before+2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
