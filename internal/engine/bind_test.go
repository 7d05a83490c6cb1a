package engine

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A user of a skeleton comes back to the value that had the number before,
// whether an answer or the data gave it, and others with other numbers.
func TestNumberedValues(t *testing.T) {
	t.Parallel()
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"topics": [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]}`)
	})
	s := parse(t, `
think: { default: { const: 1ms } }
data: { page: { range: [1, 6], per: request } }
endpoints:
  list: { get: /list, extract: { topic.id: "topics[].id" } }
  topic: { get: "/topic/${topic.id}/${page}" }
personas:
  p: { share: 1, journey: { list: { to: { topic: 1 } }, topic: {} } }
`)
	bind := func(topic, page int) scenarios.Step {
		return scenarios.Step{Endpoint: "topic", Bind: []scenarios.Bind{{Var: "topic.id", N: topic}, {Var: "page", N: page}}}
	}
	s.Personas[0].Journey = nil
	s.Personas[0].Skeletons = []scenarios.Skeleton{{Weight: 1, Steps: []scenarios.Step{
		{Endpoint: "list"}, bind(1, 1), bind(2, 1), {Endpoint: "list"}, bind(1, 2), bind(3, 1),
	}}}
	r := driveUntil(t, s, plan(target, scenarios.Stage{Rate: 100, Settle: 0.1, Measure: 60}), 300)
	by := map[int][]string{}
	for _, x := range r.results {
		by[x.User] = append(by[x.User], strings.TrimPrefix(x.URL, target))
	}
	different := map[string]bool{}
	for user, urls := range by {
		if len(urls) < 6 {
			continue
		}
		part := func(i, k int) string { return strings.Split(urls[i], "/")[k] }
		if part(1, 2) != part(4, 2) || part(1, 3) != part(2, 3) || part(1, 3) != part(5, 3) {
			t.Errorf("session %d does not come back: %v", user, urls)
		}
		if part(1, 2) == part(2, 2) || part(2, 2) == part(5, 2) || part(1, 3) == part(4, 3) {
			t.Errorf("session %d has one value for two numbers: %v", user, urls)
		}
		different[urls[1]] = true
	}
	if len(different) < 8 {
		t.Errorf("all sessions look at the same: %v", different)
	}
}

// Columns come from one row; locality keeps a value, popularity prefers one.
func TestValues(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	kept, requests := 0.0, 0.0
	last := map[string]string{}
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		part := strings.Split(r.URL.Path, "/")
		user, password, course, newest := part[1], part[2], part[3], part[4]
		if "p"+user != password {
			t.Errorf("%s has password %s", user, password)
		}
		seen[newest]++
		who := r.Header.Get("X-Forwarded-For")
		if last[who] != "" {
			if requests++; last[who] == course {
				kept++
			}
		}
		last[who] = course
	})
	s := parse(t, `
client_ip: per_user
think: { default: { const: 0s } }
data:
  user: { range: [1, 3] }
  user.name: { choice: [a, b, c] }
  user.password: { choice: [pa, pb, pc] }
  course: { range: [1, 100000], per: request }
  newest: { range: [1, 50], per: request }
endpoints:
  x: { get: "/${user.name}/${user.password}/${course}/${newest}" }
personas:
  p: { share: 1, start: [x, x, x, x, x, x, x, x] }
`)
	s.Data[1].Row, s.Data[2].Row = "user", "user"
	s.Data[3].Locality = 0.75
	s.Data[4].Popularity = scenarios.Popularity{Newest: 1}
	driveUntil(t, s, plan(target, scenarios.Stage{Users: 10, Settle: 0.1, Measure: 60}), 4000)
	if share := kept / requests; share < 0.70 || share > 0.80 {
		t.Errorf("%.2f of the requests keep the course, want 0.75", share)
	}
	// Of 50 values the newest has 1/H(50) = 0.22 of the draws, the next half of it.
	if a, b := seen["50"], seen["49"]; a < 700 || a > 1100 || b < 300 || b > 600 {
		t.Errorf("the newest came %d times, the next %d times, want about 890 and 445", a, b)
	}
}
