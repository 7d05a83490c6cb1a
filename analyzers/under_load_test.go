package analyzers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

// figures prints exhibits, one after the other.
func figures(es []Exhibit) string {
	var out []string
	for _, e := range es {
		out = append(out, fmt.Sprintf("%s %.2f", e.Name, e.Value))
	}
	return strings.Join(out, "; ")
}

func TestFootprintUnderLoad(t *testing.T) {
	// loaded is a run of sixteen slices in which a request of /x sends the statement
	// so many times, and alone as each says.
	loaded := func(sends float64, alone ...float64) *evidence.Run {
		random := rand.New(rand.NewPCG(1, 2))
		s := evidence.FootprintStatement{ID: "1"}
		for _, n := range alone {
			s.Calls += n / float64(len(alone))
			s.Each = append(s.Each, evidence.Sent{Calls: n, Rows: n})
		}
		w := evidence.Window{Phase: evidence.Measure, Length: 80}
		for range 16 {
			x, y := 80+random.Int64N(40), 180+random.Int64N(40)
			w.Slices = append(w.Slices, evidence.Slice{Length: 5, Requests: map[string]int64{"GET /x": x, "GET /y": y},
				Statements: []evidence.SliceStatement{{ID: "1", Calls: sends*float64(x) + float64(random.IntN(5))}}})
		}
		return &evidence.Run{
			Windows:    []evidence.Window{w},
			Footprints: []evidence.Footprint{{Endpoint: "GET /x", Requests: len(alone), Statements: []evidence.FootprintStatement{s}}},
		}
	}
	for _, tt := range []struct {
		name         string
		run          *evidence.Run
		speaks, says string // for, against
	}{
		{"as alone", loaded(3, 3, 3, 3, 3, 3), "calls of the statement in one request under load", ""},
		{"more often", loaded(3, 1, 1, 1, 1, 1), "", "under load a request of GET /x sends it 3.0 times (2.9 to 3.0), alone 1.0 times: retries"},
		{"less often", loaded(0.5, 1, 1, 1, 1, 1), "", "sends it 0.5 times"},
		{"users differ by more", loaded(12, 2, 20, 4, 16, 3), "", ""},
		{"no slices", &evidence.Run{Footprints: loaded(3, 1).Footprints}, "", ""},
	} {
		f := Finding{Subject: Subject{Statement: "1", Endpoint: "GET /x"}}
		underLoad(tt.run, &f)
		if got := figures(f.Exhibits); !strings.Contains(got, tt.speaks) || (got == "") != (tt.speaks == "") {
			t.Errorf("%s: for it: %q, want %q", tt.name, got, tt.speaks)
		}
		if got := strings.Join(f.Caveats, "; "); !strings.Contains(got, tt.says) || (got == "") != (tt.says == "") {
			t.Errorf("%s: against it: %q, want %q", tt.name, got, tt.says)
		}
	}
}
