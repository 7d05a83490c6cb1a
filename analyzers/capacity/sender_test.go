package capacity

import (
	"math"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// Of a statement that two endpoints send, sessions say which one of them they work
// for: without the probe, and where its proportions say otherwise.
func TestSessionsThatSayWhomTheyWorkFor(t *testing.T) {
	endpoint := func(name string, mean time.Duration) evidence.Endpoint {
		h := evidence.NewHistogram()
		h.RecordN(mean, 100)
		return evidence.Endpoint{Name: name, Requests: 100, Latency: h}
	}
	running := func(sender string, aas float64) evidence.Activity {
		return evidence.Activity{Statement: "1", State: "active", Backend: "client backend", Application: "web", Sender: sender, AAS: aas}
	}
	sends := func(endpoint string, calls float64) evidence.Footprint {
		return evidence.Footprint{Endpoint: endpoint, Requests: 5, Statements: []evidence.FootprintStatement{{ID: "1", Calls: calls}}}
	}
	const courses, users = "GET /courses/{id}", "POST /users"
	for _, tt := range []struct {
		name       string
		activity   []evidence.Activity
		footprints []evidence.Footprint
		want       map[string]float64 // requests in flight in the statement
	}{
		{"nothing said, no probe", []evidence.Activity{running("", 4)}, nil, map[string]float64{courses: 2, users: 2}},
		{"all said, no probe", []evidence.Activity{running("/courses/{}", 3), running("/users", 1)}, nil, map[string]float64{courses: 3, users: 1}},
		{"with the method", []evidence.Activity{running("GET /courses/{}", 4)}, nil, map[string]float64{courses: 4}},
		{"another method", []evidence.Activity{running("PUT /courses/{}", 4)}, nil, map[string]float64{courses: 2, users: 2}},
		{"another name", []evidence.Activity{running("courses#show", 4)}, nil, map[string]float64{courses: 2, users: 2}},
		{"the rest by the probe", []evidence.Activity{running("/users", 1), running("", 2)}, []evidence.Footprint{sends(courses, 1)}, map[string]float64{courses: 2, users: 1}},
	} {
		w := evidence.Window{
			Phase: evidence.Measure, Length: 10,
			Endpoints:  []evidence.Endpoint{endpoint(courses, time.Second), endpoint(users, time.Second)}, // ten in flight of each
			Statements: []evidence.Statement{{ID: "1", Calls: 100, Seconds: 1}},
			Sessions:   &evidence.SessionStats{Samples: 100, Planned: 100, Interval: 0.1, Activity: tt.activity},
		}
		m, err := Fit(&evidence.Run{Windows: []evidence.Window{w}, Footprints: tt.footprints})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, e := range m.Steps[0].Ledger.Time {
			if e.Statement == "1" {
				got[e.Endpoint] += e.Amount
			}
		}
		for _, e := range []string{courses, users} {
			if math.Abs(got[e]-tt.want[e]) > 0.01 {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
				break
			}
		}
	}
}
