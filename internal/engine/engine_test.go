package engine

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// recorder is the sink of the tests: it keeps everything.
type recorder struct {
	more    int    // results until enough is called
	enough  func() //
	mu      sync.Mutex
	results []Result
	starts  []Start
	passed  []Passage
	offered int
	dropped int
	active  []int
}

func (r *recorder) Offered(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.offered += n
}

func (r *recorder) Started(s Start) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts = append(r.starts, s)
}

func (r *recorder) Passed(p Passage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed = append(r.passed, p)
}

func (r *recorder) Result(x Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, x)
	if r.more--; r.more == 0 {
		r.enough()
	}
}

func (r *recorder) Dropped(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropped += n
}

func (r *recorder) Active(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = append(r.active, n)
}

func (r *recorder) count(match func(Result) bool) (n int) {
	for _, x := range r.results {
		if match(x) {
			n++
		}
	}
	return n
}

func parse(t testing.TB, text string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Parse("test.yaml", []byte("version: 1\nname: test\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// one is a scenario of sessions with a single request.
func one(t *testing.T, request string) *scenarios.Scenario {
	t.Helper()
	return parse(t, "think: { default: { const: 0s } }\nendpoints:\n  x: { "+request+" }\npersonas:\n  p: { share: 1, start: [x] }\n")
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func plan(target string, stages ...scenarios.Stage) *scenarios.Plan {
	return &scenarios.Plan{Target: target, Seed: 1, Stages: stages, Limits: scenarios.DefaultLimits()}
}

func drive(t *testing.T, s *scenarios.Scenario, p *scenarios.Plan) *recorder {
	t.Helper()
	r := &recorder{}
	if err := Run(t.Context(), Options{Scenario: s, Plan: p}, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// driveUntil is drive, until there are n results: how many come in a given time
// depends on how busy the machine is.
func driveUntil(t *testing.T, s *scenarios.Scenario, p *scenarios.Plan, n int) *recorder {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := &recorder{more: n, enough: cancel}
	if err := Run(ctx, Options{Scenario: s, Plan: p}, r); err != nil {
		t.Fatal(err)
	}
	if len(r.results) < n {
		t.Fatalf("%d results, want at least %d", len(r.results), n)
	}
	return r
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }

// forum is a small site with all that users need: a login with a cookie, lists
// and pages.
func forum(t *testing.T, seen func(*http.Request)) string {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if seen != nil {
			seen(r)
		}
		_, err := r.Cookie("who")
		switch {
		case r.URL.Path == "/login":
			http.SetCookie(w, &http.Cookie{Name: "who", Value: r.FormValue("user")})
		case err != nil:
			http.Error(w, "log in first", http.StatusUnauthorized)
		case r.URL.Path == "/list":
			fmt.Fprint(w, `{"topics": [{"id": 3, "posts": [{"id": "a/b"}, {"id": "c d"}]}, {"id": 4, "posts": [{"id": "e?f"}]}, {"id": 5}]}`)
		case strings.HasPrefix(r.URL.Path, "/topic/"), strings.HasPrefix(r.URL.Path, "/post/"):
			fmt.Fprint(w, `{"ok": true}`)
		default:
			http.NotFound(w, r)
		}
	})
}

const forumScenario = `
think: { default: { exponential: 20ms } }
data:
  n: { range: [1, 100] }
  say: { words: [2, 9], per: request }
endpoints:
  login: { post: /login, form: { user: "u${n}" }, expect: { status: 200 } }
  list: { get: /list, extract: { topic.id: "topics[].id", post.id: "topics[].posts[].id" } }
  topic: { get: "/topic/${topic.id}?again=${topic.id}", expect: { json: { ok: true } } }
  post: { get: "/post/${post.id}" }
  reply: { post: "/topic/${topic.id}/reply", json: { text: "${say}" } }
personas:
  reader:
    share: 0.7
    start: [login]
    journey:
      list: { to: { topic: .5, post: .5 } }
      topic: { to: { post: .5, list: .3, end: .2 } }
      post: { to: { post: .5, list: .3, end: .2 } }
  writer:
    share: 0.3
    start: [login]
    journey:
      list: { to: { reply: 1 } }
      reply: { to: { list: .4, end: .6 } }
`

func TestJourney(t *testing.T) {
	var mu sync.Mutex
	paths := map[string]int{}
	target := forum(t, func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths[r.URL.EscapedPath()]++
		if r.Header.Get("User-Agent") != userAgent {
			t.Errorf("user agent %q", r.Header.Get("User-Agent"))
		}
	})
	r := driveUntil(t, parse(t, forumScenario), plan(target, scenarios.Stage{Users: 20, Settle: 0.2, Measure: 60}), 600)
	if n := r.count(func(x Result) bool { return x.Err != "" }); n > 0 {
		t.Errorf("%d of %d requests failed: %v", n, len(r.results), r.results[:3])
	}
	for _, p := range []string{"/topic/3", "/topic/5", "/post/a%2Fb", "/post/c%20d", "/post/e%3Ff", "/topic/4/reply"} {
		if paths[p] == 0 {
			t.Errorf("%s was never requested: %v", p, paths)
		}
	}
	names := map[string]bool{}
	for _, x := range r.results {
		names[x.Endpoint] = true
		if x.Start.Before(x.Intended) || x.End.Before(x.Start) {
			t.Fatalf("intended %v, start %v, end %v", x.Intended, x.Start, x.End)
		}
	}
	for _, want := range []string{"POST /login", "GET /list", "GET /topic/{id}", "GET /post/{id}", "POST /topic/{id}/reply"} {
		if !names[want] {
			t.Errorf("no result for %s: %v", want, names)
		}
	}
}

// Session k does the same for the same seed, however the sessions interleave.
func TestSameSeedSameChoices(t *testing.T) {
	t.Parallel() // like all that don't watch the clock
	target := forum(t, func(*http.Request) {})
	s := parse(t, forumScenario)
	requests := func(seed int64) map[int][]string {
		p := plan(target, scenarios.Stage{Users: 10, Settle: 0.1, Measure: 60})
		p.Seed = seed
		r := driveUntil(t, s, p, 300)
		by := map[int][]string{}
		for _, x := range r.results {
			by[x.User] = append(by[x.User], x.Method+" "+x.URL)
		}
		return by
	}
	a, b, c := requests(1), requests(1), requests(2)
	same, differ := 0, 0
	for user, first := range a {
		n := min(len(first), len(b[user])) // either may have been cut off by the end
		if !slices.Equal(first[:n], b[user][:n]) {
			t.Errorf("session %d: first\n%v\nthen\n%v", user, first, b[user])
		}
		same += n
		if n = min(len(first), len(c[user])); !slices.Equal(first[:n], c[user][:n]) {
			differ++
		}
	}
	if same < 100 || differ < 5 {
		t.Errorf("%d requests compared, %d sessions differ with another seed", same, differ)
	}
}

func TestUserHeaders(t *testing.T) {
	t.Parallel() // like all that don't watch the clock
	var mu sync.Mutex
	addresses := map[string]map[string]bool{} // address → users
	target := forum(t, func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if c, err := r.Cookie("who"); err == nil {
			ip := r.Header.Get("X-Forwarded-For")
			if addresses[ip] == nil {
				addresses[ip] = map[string]bool{}
			}
			addresses[ip][c.Value] = true
		}
	})
	driveUntil(t, parse(t, "client_ip: per_user\n"+forumScenario), plan(target, scenarios.Stage{Users: 10, Settle: 0.1, Measure: 60}), 150)
	if len(addresses) < 10 {
		t.Errorf("%d addresses: %v", len(addresses), addresses)
	}
	for ip, users := range addresses {
		if !strings.HasPrefix(ip, "198.18.") || len(users) != 1 {
			t.Errorf("%q stands for %v", ip, users)
		}
	}
}

// Nobody can click on what is not there.
func TestEmptyListClosesEdges(t *testing.T) {
	t.Parallel() // like all that don't watch the clock
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/list" && r.URL.Path != "/other" {
			t.Errorf("%s was requested", r.URL)
		}
		fmt.Fprint(w, `{"items": []}`)
	})
	s := parse(t, `
think: { default: { const: 1ms } }
endpoints:
  list: { get: /list, extract: { item: "items[].id" } }
  item: { get: "/item/${item}" }
  other: { get: /other }
personas:
  p:
    share: 1
    journey:
      list: { to: { item: .9, other: .05, end: .05 } }
      item: { to: { list: 1 } }
      other: { to: { item: 1 } }
`)
	r := driveUntil(t, s, plan(target, scenarios.Stage{Users: 2, Settle: 0.1, Measure: 60}), 100)
	if r.count(func(x Result) bool { return x.Endpoint == "GET /other" }) == 0 {
		t.Error("the other way was never taken")
	}
}

func TestExclusive(t *testing.T) {
	t.Parallel() // like all that don't watch the clock
	var mu sync.Mutex
	busy, clashes := map[string]bool{}, 0
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := r.URL.Path
		mu.Lock()
		if busy[n] {
			clashes++
		}
		busy[n] = true
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		busy[n] = false
		mu.Unlock()
	})
	s := parse(t, `
data: { n: { range: [1, 5], draw: exclusive } }
endpoints:
  x: { get: "/${n}", think: { const: 1ms } }
personas:
  p: { share: 1, start: [x, x] }
`)
	r := driveUntil(t, s, plan(target, scenarios.Stage{Users: 5, Settle: 0.05, Measure: 60}), 300)
	if clashes > 0 || r.dropped > 0 {
		t.Errorf("%d clashes, %d dropped, %d requests", clashes, r.dropped, len(r.results))
	}
}

func TestUnique(t *testing.T) {
	t.Parallel() // like all that don't watch the clock
	var mu sync.Mutex
	seen := map[string]int{}
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.URL.Path]++
	})
	s := parse(t, `
data: { mail: { unique: "a-${unique}@x.test" } }
endpoints: { x: { get: "/${mail}", think: { const: 1ms } } }
personas: { p: { share: 1, start: [x] } }
`)
	for range 2 { // another run with the same seed is another run
		driveUntil(t, s, plan(target, scenarios.Stage{Users: 4, Settle: 0.05, Measure: 60}), 100)
	}
	for path, n := range seen {
		if n > 1 {
			t.Errorf("%s came %d times", path, n)
		}
	}
}

func TestCancel(t *testing.T) {
	begun := make(chan struct{}, 10)
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		time.Sleep(300 * time.Millisecond)
	})
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{}
	done := make(chan error)
	go func() {
		p := plan(target, scenarios.Stage{Users: 1, Settle: 0.001, Measure: 60})
		done <- Run(ctx, Options{Scenario: one(t, "get: /"), Plan: p}, r)
	}()
	<-begun
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(r.results) != 1 || r.results[0].Err != "" {
		t.Errorf("results %+v, want the request that was under way, finished", r.results)
	}
	if n := len(r.active); r.active[n-1] != 0 {
		t.Errorf("active users %v, want 0 in the end", r.active)
	}
}

func TestRunRefuses(t *testing.T) {
	s := one(t, "get: /")
	for _, o := range []Options{
		{},
		{Scenario: s, Plan: &scenarios.Plan{Target: "nowhere"}},
		{Scenario: s, Plan: plan("http://x"), Segment: [2]float64{0.5, 0.2}},
		{Scenario: s, Plan: plan("http://x"), Segment: [2]float64{0, 2}},
		{Scenario: &scenarios.Scenario{Personas: []scenarios.Persona{{Name: "p", Share: 1, Start: []string{"x"}}}}, Plan: plan("http://x")},
	} {
		if err := Run(t.Context(), o, &recorder{}); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
