package capacity

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// A load is made up: a statement, its calls by one request of each endpoint, and
// what runs beside.
type load struct {
	slices  int
	rates   []float64 // a second, of endpoints 0, 1, 2, … at full load
	sends   []float64 // calls by one request
	alone   []float64 // by the footprint; sends where nil
	beside  float64   // calls a second
	latency time.Duration
	locked  bool // all endpoints are requested in turn
}

func name(i int) string { return "GET /" + string(rune('a'+i)) }

// poisson draws a count of the mean, which is large enough for a normal one.
func poisson(r *rand.Rand, mean float64) float64 {
	return math.Round(max(0, mean+r.NormFloat64()*math.Sqrt(mean)))
}

// run makes the load's slices, in steps of eight that rise.
func (l load) run(seed uint64) *evidence.Run {
	random := rand.New(rand.NewPCG(seed, 1))
	run := &evidence.Run{}
	alone := l.alone
	if alone == nil {
		alone = l.sends
	}
	for i, n := range alone {
		f := evidence.Footprint{Endpoint: name(i), Requests: 5}
		if n > 0 {
			f.Statements = []evidence.FootprintStatement{{ID: "1", Calls: n}}
		}
		run.Footprints = append(run.Footprints, f)
	}
	const inStep = 8
	steps := (l.slices + inStep - 1) / inStep
	for i := range l.slices {
		if i%inStep == 0 {
			run.Windows = append(run.Windows, evidence.Window{Phase: evidence.Measure, Step: i / inStep, Length: 5 * inStep})
		}
		w := &run.Windows[len(run.Windows)-1]
		level := float64(w.Step+1) / float64(steps)
		s := evidence.Slice{Length: 5, Requests: map[string]int64{}}
		calls := poisson(random, 5*l.beside)
		shared := poisson(random, 1000) / 1000
		for e, rate := range l.rates {
			n := poisson(random, 5*rate*level)
			if l.locked {
				n = math.Round(5 * rate * level * shared)
			}
			s.Requests[name(e)] = int64(n)
			calls += n * l.sends[e]
		}
		s.Statements = []evidence.SliceStatement{{ID: "1", Calls: calls}}
		w.Slices = append(w.Slices, s)
	}
	for i := range run.Windows {
		w := &run.Windows[i]
		h := evidence.NewHistogram()
		var n int64
		for _, s := range w.Slices {
			n += s.Requests[name(0)]
		}
		h.RecordN(l.latency, n)
		w.Endpoints = []evidence.Endpoint{{Name: name(0), Requests: n, Latency: h}}
	}
	return run
}

func TestUnderLoad(t *testing.T) {
	for _, tt := range []struct {
		name string
		load load
		want float64
	}{
		{"as alone", load{slices: 16, rates: []float64{20, 30}, sends: []float64{3, 0}}, 3},
		{"more often", load{slices: 16, rates: []float64{20, 30}, sends: []float64{3, 0}, alone: []float64{1, 0}}, 3},
		{"others send it, too", load{slices: 24, rates: []float64{20, 30, 40}, sends: []float64{3, 2, 1}, beside: 10}, 3},
		{"another sends it unknown to its footprint", load{slices: 24, rates: []float64{20, 60}, sends: []float64{3, 1}, alone: []float64{3, 0}}, 3},
		{"it never sends it", load{slices: 16, rates: []float64{20, 30}, sends: []float64{0, 1}, alone: []float64{1, 1}}, 0},
	} {
		held := 0
		const draws = 200
		for seed := range uint64(draws) {
			got, err := UnderLoad(tt.load.run(seed), name(0), "1")
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				break
			}
			if got.Low <= tt.want+1e-9 && tt.want <= got.High+1e-9 {
				held++
			}
			if got.Calls < 0.6*tt.want-0.2 || got.Calls > 1.4*tt.want+0.2 || got.N != tt.load.slices {
				t.Errorf("%s: %+v, want %v", tt.name, got, tt.want)
			}
		}
		// 95 % in the mean of many; of 200 draws no less than 180 (binomial, p < 0.002).
		if held < 180 {
			t.Errorf("%s: the interval holds the truth in %d of %d draws", tt.name, held, draws)
		}
	}
}

func TestUnderLoadRefused(t *testing.T) {
	normal := load{slices: 16, rates: []float64{20, 30}, sends: []float64{3, 0}}
	short, together, slow := normal, normal, normal
	short.slices = 6
	together.locked = true
	slow.latency = 5 * time.Second
	thin := normal.run(1)
	for i := range thin.Windows {
		thin.Windows[i].Slices = thin.Windows[i].Slices[:2]
	}
	for _, tt := range []struct {
		name     string
		run      *evidence.Run
		endpoint string
		why      string
	}{
		{"too few", short.run(1), name(0), "need >= 7 slices, have 6"},
		{"together", together.run(1), name(0), "come and go"},
		{"one a step", thin, name(0), "need >= "},
		{"under way for a slice", slow.run(1), name(0), "edges"},
		{"no request", normal.run(1), "GET /nothing", "no slice has a request"},
		{"no slice", &evidence.Run{}, name(0), "no slice"},
	} {
		got, err := UnderLoad(tt.run, tt.endpoint, "1")
		if err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %+v, %v; want refused for %q", tt.name, got, err, tt.why)
		}
	}
	if _, err := UnderLoad(normal.run(1), name(0), "2"); err == nil {
		t.Error("a statement that no slice has: want refused, for what is not in a slice is not zero")
	}
}

func TestAlone(t *testing.T) {
	// t of 2 degrees of freedom is 4.303; the standard error of 2, 3, 4 is 1/√3.
	got := Alone(evidence.FootprintStatement{Calls: 3, Each: []evidence.Sent{{Calls: 2}, {Calls: 3}, {Calls: 4}}})
	if math.Abs(got.High-3-4.303/math.Sqrt(3)) > 1e-3 || got.Low != max(0, 3-4.303/math.Sqrt(3)) && math.Abs(got.Low-0.516) > 1e-3 || got.N != 3 {
		t.Errorf("%+v", got)
	}
}
