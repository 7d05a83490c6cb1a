package analyzers_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// twoRows is a step in which requests wait for rows of two tables, for sessions'
// worth of a and b on average, seen in that many looks.
func twoRows(a, b float64, looks int) *evidence.Run {
	slow := evidence.NewHistogram()
	slow.RecordN(800*time.Millisecond, 500)
	waits := func(id string, aas float64) evidence.Activity {
		return evidence.Activity{Statement: id, State: "active", WaitClass: "Lock", WaitEvent: "transactionid", Backend: "client backend", AAS: aas}
	}
	blocker := func(id, table string, aas float64) evidence.Blocker {
		return evidence.Blocker{LockType: "transactionid", Relation: "public." + table, Waiter: id, State: "active", Waiting: aas}
	}
	return &evidence.Run{
		Plan: scenarios.Plan{Kind: scenarios.Journeys, Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}}},
		Texts: map[string]evidence.Text{
			"1": {SQL: "UPDATE a SET n = n + $1", Kind: "UPDATE"}, "2": {SQL: "UPDATE b SET n = n + $1", Kind: "UPDATE"},
		},
		Windows: []evidence.Window{{
			Phase: evidence.Measure, Length: 20, Users: 100,
			Endpoints:  []evidence.Endpoint{{Name: "GET /", Requests: 500, Latency: slow}},
			Statements: []evidence.Statement{{ID: "1", Calls: 500, Seconds: 20 * a}, {ID: "2", Calls: 500, Seconds: 20 * b}},
			Sessions: &evidence.SessionStats{Samples: looks, Planned: looks, Interval: 0.05,
				Activity: []evidence.Activity{waits("1", a), waits("2", b)},
				Blockers: []evidence.Blocker{blocker("1", "a", a), blocker("2", "b", b)},
			},
		}},
	}
}

func analyze(t *testing.T, r *evidence.Run) []analyzers.Finding {
	t.Helper()
	m, err := capacity.Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := analyzers.Run(r, m, analyzers.All)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestConfidence(t *testing.T) {
	for _, tt := range []struct {
		name     string
		a, b     float64
		looks    int
		min, max float64
	}{
		{"one is far ahead", 15, 3, 400, 0.85, 1},
		{"the second is close, seen often", 11, 8, 4000, 0.85, 1},
		{"the second is close, seen seldom", 10, 9, 20, 0.3, 0.9},
	} {
		found := analyze(t, twoRows(tt.a, tt.b, tt.looks))
		if len(found) != 2 || found[0].Subject.Name != "a" {
			t.Fatalf("%s: found %v", tt.name, found)
		}
		if c := found[0].Confidence; c < tt.min || c > tt.max {
			t.Errorf("%s: confidence %.2f, want %.1f to %.1f", tt.name, c, tt.min, tt.max)
		}
		if diff := cmp.Diff(found, analyze(t, twoRows(tt.a, tt.b, tt.looks))); diff != "" {
			t.Errorf("%s: another analysis found something else:\n%s", tt.name, diff)
		}
	}
}

// A statement that takes all of its time in one of four slices is first in some of
// the draws only.
func TestConfidenceOfBursts(t *testing.T) {
	r := twoRows(11, 7, 4000)
	w := &r.Windows[0]
	for i := range 4 {
		seconds := 0.0
		if i == 2 {
			seconds = 20 * 11
		}
		w.Slices = append(w.Slices, evidence.Slice{Length: 5, Statements: []evidence.SliceStatement{
			{ID: "1", Calls: 100, Seconds: seconds}, {ID: "2", Calls: 100, Seconds: 20 * 7 / 4},
		}})
	}
	found := analyze(t, r)
	// Not drawn at all in (3/4)⁴ = 32 % of the draws.
	if c := found[0].Confidence; c < 0.55 || c > 0.8 {
		t.Errorf("confidence %.2f, want about 0.68", c)
	}
}

// Two faults at once: both are among the first two, whichever comes first.
func TestTwoFaults(t *testing.T) {
	r := twoRows(9, 0, 400)
	w := &r.Windows[0]
	mail := evidence.NewHistogram()
	mail.RecordN(900*time.Millisecond, 300)
	w.Endpoints = append(w.Endpoints, evidence.Endpoint{Name: "POST /register", Requests: 300, Latency: mail})
	w.Calls = []evidence.Call{{Dependency: "smtp", System: "smtp", Count: 300, Seconds: 255}}
	r.Footprints = []evidence.Footprint{
		{Endpoint: "GET /", Requests: 5, Seconds: 0.02, Statements: []evidence.FootprintStatement{{ID: "1", Calls: 1}}},
		{Endpoint: "POST /register", Requests: 5, Seconds: 0.87, Calls: []evidence.FootprintCall{{Dependency: "smtp", System: "smtp", Calls: 1, Seconds: 0.85, Every: true}}},
	}
	found := analyze(t, r)
	causes := map[string]bool{}
	for _, f := range found[:min(2, len(found))] {
		causes[f.Cause] = true
	}
	if !causes["lock-contention"] || !causes["blocking-side-effect"] {
		t.Errorf("the first two of %d findings are %v", len(found), causes)
	}
}
