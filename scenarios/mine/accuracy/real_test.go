package main

import (
	"testing"

	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestMain(m *testing.M) { pg.Main(m) }

// hurried returns the scenario with think times a hundredth as long.
func hurried(t *testing.T, name string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	quick := &scenarios.Think{Mean: 0.03, Max: 0.3}
	for i := range s.Endpoints {
		s.Endpoints[i].Think = quick
	}
	for i := range s.Between {
		s.Between[i].Think = *quick
	}
	for i := range s.Personas {
		for k := range s.Personas[i].Journey {
			s.Personas[i].Journey[k].Think = nil
		}
	}
	return s
}

// TestReal: the app's own log tells its users' sessions apart, a model of it does
// nothing that they would not do, and sent twice it is the same load, call by
// call.
func TestReal(t *testing.T) {
	at := &site{pg.ForTest(t).Server, referenceapp.XS}
	r, err := measureReal(t.Context(), at, hurried(t, "portal"), load{rate: 60, length: 3, seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sessions != r.Users.Sessions || r.Requests != r.Users.Requests || r.Sessions < 120 {
		t.Errorf("mined %d sessions and %d requests of %+v", r.Sessions, r.Requests, r.Users)
	}
	skeleton := r.Verdicts[0]
	for _, i := range []int{0, 2, 3, 4} { // of so few sessions, what is decided by them
		if x := skeleton.Measures[i]; !x.Pass {
			t.Errorf("%s: %.3f, limit %.3f", x.Name, x.Value, x.Limit)
		}
	}
	p := r.Replay
	if len(p.Unequal) > 0 || !p.Users[0].same(&p.Users[1]) {
		t.Errorf("two replays differ: %+v, %+v\n%+v", p.Users[0], p.Users[1], p.Unequal)
	}
	if p.Statements < 15 || p.Calls < int64(p.Users[0].Requests) || p.Users[0].Requests < r.Requests/2 {
		t.Errorf("%d statements, %d calls, %+v", p.Statements, p.Calls, p.Users[0])
	}
	for _, c := range p.Excluded {
		t.Logf("not compared: %s (%v)", c.Statement, c.Calls)
	}
}
