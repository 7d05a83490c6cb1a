package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

func TestTrail(t *testing.T) {
	paths := []path{{"ab", []int{0, 1}}, {"aab", []int{0, 0, 1}}, {"c", []int{2}}}
	r := &recorder{}
	var tr trail
	at := time.Now()
	for _, e := range []struct {
		endpoint int
		err      string
		want     []string
	}{
		{0, "", nil}, {1, "", []string{"ab"}}, // also after what was no path
		{0, "", nil}, {0, "", nil}, {0, "", nil}, {1, "", []string{"ab", "aab"}},
		{2, "", []string{"c"}}, {1, "", nil}, // turned off
		{0, "timeout", nil}, {1, "", []string{"ab!"}},
	} {
		r.passed = nil
		end := at.Add(time.Duration(e.endpoint+1) * time.Second)
		tr.pass(paths, e.endpoint, &Result{Intended: at, End: end, Err: e.err}, r)
		var got []string
		for _, p := range r.passed {
			name := p.Path
			if p.Failed {
				name += "!"
			}
			got = append(got, name)
			if want := map[string]time.Duration{"ab": 3, "aab": 4, "c": 3}[p.Path] * time.Second; p.Latency != want || p.End != end {
				t.Errorf("%s took %v, want %v", p.Path, p.Latency, want)
			}
		}
		if !slices.Equal(got, e.want) {
			t.Errorf("after %d: %v, want %v", e.endpoint, got, e.want)
		}
	}
}

// The path's latency leaves out what users think on the way.
func TestPathsAreTimed(t *testing.T) {
	target := forum(t, nil)
	s := parse(t, forumScenario)
	s.Paths = []scenarios.Path{{Name: "in", Endpoints: []string{"login", "list"}}}
	r := driveUntil(t, s, plan(target, scenarios.Stage{Users: 10, Settle: 0.1, Measure: 60}), 300)
	logins := r.count(func(x Result) bool { return x.Endpoint == "POST /login" })
	if n := len(r.passed); n < logins/2 || n > logins || n == 0 {
		t.Errorf("%d passages, %d log-ins", n, logins)
	}
	for _, p := range r.passed {
		if p.Path != "in" || p.Failed || p.Latency <= 0 {
			t.Fatalf("%+v", p)
		}
	}
}
