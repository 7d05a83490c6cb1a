package capacity

import (
	"math"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// burst is a step before whose measured window everybody waited for a statement, to
// be answered within it.
func burst(t *testing.T) *evidence.Run {
	t.Helper()
	answered := func(d time.Duration, n int64) *evidence.Histogram {
		h := evidence.NewHistogram()
		h.RecordN(d, n)
		return h
	}
	seconds := func(n int, inFlight float64) (out []evidence.Second) {
		for range n {
			out = append(out, evidence.Second{Length: 1, InFlight: inFlight, Busy: 0.2})
		}
		return out
	}
	at := time.Unix(100, 0)
	idle := &evidence.SessionStats{Samples: 200, Planned: 200}
	return &evidence.Run{
		Plan: scenarios.Plan{Kind: scenarios.Journeys, Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}}},
		Windows: []evidence.Window{
			{
				Phase: evidence.Settle, Start: at, Length: 5, Users: 100,
				Endpoints: []evidence.Endpoint{{Name: "GET /a", Requests: 50, Latency: answered(10*time.Millisecond, 50)}},
				Seconds:   seconds(5, 20),
				Sessions: &evidence.SessionStats{Samples: 100, Planned: 100, Activity: []evidence.Activity{
					{Statement: "1", State: "active", WaitClass: "Lock", Backend: "client backend", AAS: 20},
				}},
			},
			{
				Phase: evidence.Measure, Start: at.Add(5 * time.Second), Length: 10, Users: 100,
				Endpoints: []evidence.Endpoint{{Name: "GET /a", Requests: 50, Latency: answered(2*time.Second, 50)}},
				Seconds:   seconds(10, 0.5),
				Sessions:  idle,
			},
		},
	}
}

func TestCarried(t *testing.T) {
	r := burst(t)
	m, err := Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Step()
	lock := s.ByClass("1")[ClassLock]
	if s.Status != Missed || s.Requests != 100 || s.Verdicts[0].N != 50 || lock < 0.9*s.InFlight {
		t.Errorf("%s with %d of %d requests, and %.1f of %.1f in flight in the statement; want the judgement of the measured window and all of the time in the statement", s.Status, s.Verdicts[0].N, s.Requests, lock, s.InFlight)
	}
	if len(m.Caveats) != 1 {
		t.Errorf("caveats %q, want one", m.Caveats)
	}
	if w := s.Window(); w.Length != 15 || w.Phase != evidence.Measure {
		t.Errorf("time is looked for in %v s of %s", w.Length, w.Phase)
	}

	for name, change := range map[string]func(*evidence.Window){
		"time within the window": func(w *evidence.Window) {
			for i := range w.Seconds {
				w.Seconds[i].InFlight = 9
			}
		},
		"not recorded": func(w *evidence.Window) { w.Seconds = nil },
		"half of it":   func(w *evidence.Window) { w.Seconds = w.Seconds[:5] },
	} {
		r := burst(t)
		change(&r.Windows[1])
		m, err := Fit(r)
		if err != nil {
			t.Fatal(err)
		}
		if w := m.Step().Window(); w.Length != 10 || len(m.Caveats) > 0 {
			t.Errorf("%s: time is looked for in %v s, %q", name, w.Length, m.Caveats)
		}
	}
}

// Who got no answer by the end of the step has waited in it.
func TestOverdue(t *testing.T) {
	h := func(d time.Duration, n int64) *evidence.Histogram {
		h := evidence.NewHistogram()
		h.RecordN(d, n)
		return h
	}
	p95 := scenarios.Objective{Quantile: 0.95, Limit: 0.3}
	for _, tt := range []struct {
		name     string
		answered int64
		pending  *evidence.Histogram
		want     Status
		n        int64
		got      float64
		inFlight float64
	}{
		{"nobody waits", 100, nil, Met, 100, 0.01, 0.1},
		{"two wait", 100, h(time.Second, 2), Met, 102, 0.01, 0.3},
		{"many wait", 100, h(5*time.Second, 50), Missed, 150, math.Inf(1), 25.1},
		{"many have just begun", 100, h(150*time.Millisecond, 50), Met, 100, 0.01, 0.85},
		{"none was answered", 0, h(20*time.Second, 5), Missed, 5, math.Inf(1), 5},
		{"one was not answered", 0, h(20*time.Second, 1), TooFew, 1, math.Inf(1), 1},
	} {
		e := evidence.Endpoint{Name: "GET /a", Requests: tt.answered, Latency: latencies(tt.answered, 0), Pending: tt.pending}
		j := judge(p95, e)
		if j.Status != tt.want || j.N != tt.n || math.Abs(j.Got-tt.got) > 0.001 && j.Got != tt.got {
			t.Errorf("%s: %s with %d requests, p95 %v; want %s with %d, %v", tt.name, j.Status, j.N, j.Got, tt.want, tt.n, tt.got)
		}
		s, err := fitStep(&evidence.Run{}, evidence.Window{Length: 10, Endpoints: []evidence.Endpoint{e}})
		if err != nil || math.Abs(s.InFlight-tt.inFlight) > 0.02*tt.inFlight {
			t.Errorf("%s: %v in flight, want %v (%v)", tt.name, s.InFlight, tt.inFlight, err)
		}
	}
}
