package capacity

import (
	"math"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// sends is the footprint of an endpoint whose lonely request takes that long and
// sends that many different statements.
func sends(endpoint string, seconds float64, statements int) evidence.Footprint {
	f := evidence.Footprint{Endpoint: endpoint, Seconds: seconds}
	for i := range statements {
		f.Statements = append(f.Statements, evidence.FootprintStatement{ID: string(rune('a' + i)), Calls: 1, Each: []evidence.Sent{{Calls: 1}, {Calls: 1}}})
	}
	return f
}

func TestRoundTrip(t *testing.T) {
	job := evidence.FootprintStatement{ID: "job", Calls: 20, Each: []evidence.Sent{{Calls: 40}, {}}}
	withJob := sends("GET /b", 0.012, 1)
	withJob.Statements = append(withJob.Statements, job)
	inDatabase := sends("GET /a", 0.100, 1)
	inDatabase.DBSeconds = 0.09
	for _, tt := range []struct {
		name string
		fs   []evidence.Footprint
		want float64
	}{
		{"nobody sends anything", []evidence.Footprint{sends("GET /a", 1, 0)}, 0},
		{"far away", []evidence.Footprint{sends("GET /a", 0.240, 20), sends("GET /b", 0.013, 1)}, 0.012},
		{"one waits for something else", []evidence.Footprint{sends("GET /a", 1, 20), sends("GET /b", 0.001, 1)}, 0.001},
		{"in the database is not on the way", []evidence.Footprint{inDatabase, sends("GET /b", 0.5, 2)}, 0.010},
		{"a job's statements are not the request's", []evidence.Footprint{sends("GET /a", 0.240, 20), withJob}, 0.012},
	} {
		if got := RoundTrip(tt.fs); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v s, want %v", tt.name, got, tt.want)
		}
	}
}

func second(length scenarios.Seconds, inFlight, busy float64) evidence.Second {
	return evidence.Second{Length: length, InFlight: inFlight, Busy: busy}
}

// What was under way in a burst that took all processors waited for them, though
// they are idle for most of the window. What was under way without one did not.
func TestBurst(t *testing.T) {
	for _, tt := range []struct {
		name    string
		seconds []evidence.Second
		want    float64
	}{
		{"not recorded", nil, 0},
		{"nothing under way", []evidence.Second{{Length: 1, Busy: 1}}, 0},
		{"a burst on all processors", []evidence.Second{second(1, 0, 0.1), second(1, 90, 0.98), second(1, 10, 0.5), second(1, 0, 0.1)}, 0.9},
		{"a burst on a mutex", []evidence.Second{second(1, 0, 0.1), second(1, 90, 0.2), second(1, 10, 0.95)}, 0.1},
		{"seconds of different length", []evidence.Second{second(0.5, 20, 1), second(1, 10, 0)}, 0.5},
	} {
		if got := shortOfCPU(tt.seconds); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	r := busy()
	w := &r.Windows[0]
	w.Host.Cores = 64 // on average
	w.Processes = nil
	infer := func() (inferred, rest float64) {
		m, err := Fit(r)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Steps[0]
		return s.Ledger.Inferred[ClassQueue], s.ByClass("")[ClassOther]
	}
	if inferred, _ := infer(); inferred != 0 {
		t.Errorf("%.2f requests are taken to wait for a processor without a sign of it", inferred)
	}
	w.Seconds = []evidence.Second{second(1, 75, 1), second(1, 25, 0.2)}
	inferred, rest := infer()
	if rest <= 0 || math.Abs(inferred/(inferred+rest)-0.75) > 1e-9 {
		t.Errorf("of what nothing explains %.2f are taken to wait for a processor and %.2f left; want three quarters and one", inferred, rest)
	}
}
