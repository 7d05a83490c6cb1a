package capacity

import (
	"math"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// crowded is a step in which fifty requests are under way, the app has eight workers,
// and these wait for a lock.
func crowded() *evidence.Run {
	latency := func(d time.Duration, n int64) *evidence.Histogram {
		h := evidence.NewHistogram()
		h.RecordN(d, n)
		return h
	}
	return &evidence.Run{
		Plan: scenarios.Plan{Kind: scenarios.Journeys, Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}}},
		Footprints: []evidence.Footprint{
			{Endpoint: "GET /a", Seconds: 0.02, DBSeconds: 0.01, Statements: []evidence.FootprintStatement{{ID: "1", Calls: 1}}},
			{Endpoint: "GET /b", Seconds: 0.4},
		},
		Windows: []evidence.Window{{
			Phase: evidence.Measure, Length: 20, Users: 100,
			Endpoints: []evidence.Endpoint{
				{Name: "GET /a", Requests: 1000, Latency: latency(time.Second, 1000)},
				{Name: "GET /b", Requests: 200, Latency: latency(500*time.Millisecond, 200)},
			},
			Statements: []evidence.Statement{{ID: "1", Calls: 1000}, {ID: "job", Calls: 500}},
			Sessions: &evidence.SessionStats{
				Samples: 400, Planned: 400,
				Activity: []evidence.Activity{
					{Statement: "1", State: "active", WaitClass: "Lock", WaitEvent: "tuple", Backend: evidence.ClientBackend, Application: "web", AAS: 7},
					{Statement: "1", State: "idle in transaction", WaitClass: "Client", Backend: evidence.ClientBackend, Application: "web", AAS: 0.5},
					{Statement: "1", State: "active", Backend: evidence.ClientBackend, Application: "web", AAS: 0.4},
				},
				Busy: []evidence.Busy{{Application: "web", Looks: []int{0, 0, 0, 0, 0, 0, 40, 360}}},
			},
		}},
	}
}

// Who waits for a worker or a connection is seen by nobody but the client.
func TestSlots(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*evidence.Run, *evidence.SessionStats)
		want   float64
	}{
		{"eight workers wait for a lock", func(*evidence.Run, *evidence.SessionStats) {}, 42.1},
		{"files from before it was counted", func(_ *evidence.Run, s *evidence.SessionStats) { s.Busy = nil }, 0},
		{"as arrivals vary", func(_ *evidence.Run, s *evidence.SessionStats) {
			s.Busy[0].Looks = []int{1, 4, 11, 22, 36, 51, 60, 60, 52, 41, 28, 17, 9, 5, 2, 1}
		}, 0},
		{"more were busy in another step", func(r *evidence.Run, _ *evidence.SessionStats) {
			settle := evidence.Window{Phase: evidence.Settle, Length: 5, Sessions: &evidence.SessionStats{
				Samples: 100, Busy: []evidence.Busy{{Application: "web", Looks: append(make([]int, 14), 1)}},
			}}
			r.Windows = append(r.Windows, settle)
		}, 0},
		{"busy on processors", func(_ *evidence.Run, s *evidence.SessionStats) {
			s.Activity[0].WaitClass, s.Activity[0].WaitEvent = "", ""
		}, 0},
		{"jobs have the workers", func(_ *evidence.Run, s *evidence.SessionStats) { s.Activity[0].Statement = "job" }, 0},
		{"slow when alone", func(r *evidence.Run, _ *evidence.SessionStats) {
			r.Footprints[0].Seconds, r.Footprints[0].DBSeconds = 0.8, 0.79
		}, 10},
		{"no footprints", func(r *evidence.Run, _ *evidence.SessionStats) { r.Footprints = nil }, 0},
	} {
		r := crowded()
		tt.change(r, r.Windows[0].Sessions)
		m, err := Fit(r)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Steps[0]
		inferred := s.Ledger.Inferred[ClassPool]
		if math.Abs(inferred-tt.want) > 0.05*tt.want {
			t.Errorf("%s: %.2f requests are taken to wait for a worker, want %.2f", tt.name, inferred, tt.want)
		}
		var waiting float64
		for _, e := range s.Ledger.Time {
			if e.Class != ClassPool {
				continue
			}
			waiting += e.Amount
			if e.Endpoint != "GET /a" {
				t.Errorf("%s: %v, which sends nothing", tt.name, e)
			}
		}
		if math.Abs(waiting-inferred) > 1e-9 {
			t.Errorf("%s: %.2f requests wait, %.2f by inference", tt.name, waiting, inferred)
		}
	}
}
