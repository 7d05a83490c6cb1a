package analyzers

import (
	"math"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// split is a step of ten requests in flight: five in statement 1 on a
// processor, three that wait for a lock, two that nobody explains.
func split() *capacity.Step {
	return &capacity.Step{
		InFlight: 10, Coverage: 0.8, Unattributed: 2,
		Stations: []capacity.Station{{Name: "postgres cpu", Bound: capacity.CPU, Load: 5}, {Name: "locks", Bound: capacity.Lock, Load: 3}},
		Ledger: &capacity.Ledger{Time: []capacity.Entry{
			{Key: capacity.Key{Class: capacity.ClassCPU, Endpoint: "GET /a", Statement: "1"}, Amount: 5},
			{Key: capacity.Key{Class: capacity.ClassLock, Endpoint: "GET /a"}, Amount: 3},
			{Key: capacity.Key{Class: capacity.ClassOther, Endpoint: "GET /a"}, Amount: 2},
		}},
	}
}

func TestRival(t *testing.T) {
	index := Finding{Cause: "missing-index", Bound: capacity.CPU, Share: 0.5}
	other := Finding{Cause: "n-plus-one", Bound: capacity.CPU, Share: 0.2, Subject: Subject{Name: "GET /b"}}
	jobs := Finding{Cause: "queue-backlog", Bound: capacity.Workers, Fails: true}
	if r := rival(split(), []Finding{index, jobs, other}, 0); r == nil || r.Cause != "n-plus-one" || r.Name != "GET /b" || r.Share != 0.2 {
		t.Errorf("beside another finding: %+v, want n-plus-one", r)
	}
	if r := rival(split(), []Finding{index, jobs}, 0); r == nil || r.Cause != "locks" || math.Abs(r.Share-0.3) > 1e-9 {
		t.Errorf("alone: %+v, want the locks that hold three of ten", r)
	}
	if r := rival(split(), []Finding{jobs, index}, 0); r != nil {
		t.Errorf("a queue of jobs holds up no request: %+v", r)
	}
}

func TestAgainst(t *testing.T) {
	f := Finding{Share: 0.5, Subject: Subject{Statement: "1"}}
	got := against(split(), evidence.Window{Sessions: &evidence.SessionStats{Samples: 400}}, f)
	if len(got) != 2 || math.Abs(got[0].Value-0.2) > 1e-9 || math.Abs(got[1].Value-0.049) > 1e-3 {
		t.Errorf("%+v, want two tenths that nothing explains and 1.96·√(0.5·0.5/400)", got)
	}
}
