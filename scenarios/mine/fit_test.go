package mine_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/scenarios"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

func builtin(t *testing.T, name string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// recorded is the log that users of s leave.
func recorded(t *testing.T, s *scenarios.Scenario, o mine.RecordOptions) *mine.Log {
	t.Helper()
	var b bytes.Buffer
	if err := mine.Record(&b, s, o); err != nil {
		t.Fatal(err)
	}
	l, err := read(t, mine.Options{}, "access.log", &b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func fit(t *testing.T, l *mine.Log, mode mine.Mode) *mine.Model {
	t.Helper()
	m, err := mine.Fit(l, mine.FitOptions{Mode: mode, Name: "mined"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSkeletons: sessions of the skeleton model are as the recorded ones were,
// and nothing happens in them that never happened.
func TestSkeletons(t *testing.T) {
	for _, json := range []bool{true, false} {
		t.Run(fmt.Sprintf("JSON %v", json), func(t *testing.T) {
			l := recorded(t, builtin(t, "lms"), mine.RecordOptions{Sessions: 1500, Rate: 1, Seed: 1, JSON: json})
			if len(l.Sessions) != 1500 {
				t.Fatalf("%d sessions, want 1500", len(l.Sessions))
			}
			held := fit(t, l, mine.Skeletons).Rules()
			v, err := mine.Judge(l, mine.FitOptions{}, held)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range v.Measures {
				t.Logf("%-60s %.3f floor %.3f limit %.3f %s", m.Name, m.Value, m.Floor, m.Limit, m.Missing)
				if !m.Pass && m.Missing == "" {
					t.Errorf("%s: %.3f is above %.3f", m.Name, m.Value, m.Limit)
				}
			}
			if len(held) == 0 {
				t.Error("no invariant held, want some: nobody enrols without having seen the courses")
			}
		})
	}
}

func TestPersonas(t *testing.T) {
	m := fit(t, recorded(t, builtin(t, "lms"), mine.RecordOptions{Sessions: 1500, Rate: 1, Seed: 1}), mine.Skeletons)
	sum, registered := 0.0, 0.0
	for _, p := range m.Scenario.Personas {
		sum += p.Share
		if cmp.Equal(p.Start, []string{"register"}) {
			registered += p.Share
		} else if !cmp.Equal(p.Start, []string{"login"}) {
			t.Errorf("persona %s starts with %v", p.Name, p.Start)
		}
	}
	if math.Abs(sum-1) > 1e-9 || len(m.Scenario.Personas) < 2 {
		t.Errorf("%d personas, shares sum to %v", len(m.Scenario.Personas), sum)
	}
	if registered < 0.31 || registered > 0.37 {
		t.Errorf("%.3f of the sessions register, want 0.34 as in the truth", registered)
	}
}

// TestSameSeed: same log, same seed: the same model, the same sessions.
func TestSameSeed(t *testing.T) {
	var drawn [2][]mine.Session
	for i := range drawn {
		m := fit(t, recorded(t, builtin(t, "lms"), mine.RecordOptions{Sessions: 300, Rate: 1, Seed: 1}), mine.Skeletons)
		var err error
		if drawn[i], err = m.Draw(300, 7); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(drawn[0], drawn[1]); diff != "" {
		t.Errorf("two models of one log differ:\n%s", diff[:min(len(diff), 2000)])
	}
}

// TestRebinding: who goes back to the first of two courses still does.
func TestRebinding(t *testing.T) {
	log := ""
	for i, path := range []string{"/courses/17", "/courses/30", "/courses/17", "/courses/17?page=1"} {
		log += fmt.Sprintf("1.1.1.1 - - [09/Mar/2026:08:00:%02d +0000] \"GET %s HTTP/1.1\" 200 1\n", i, path)
	}
	l, err := read(t, mine.Options{}, "x", bytes.NewReader([]byte(log)))
	if err != nil {
		t.Fatal(err)
	}
	k := fit(t, l, mine.Skeletons).Scenario.Personas[0].Skeletons[0]
	want := []scenarios.Step{
		{Endpoint: "course", Bind: []scenarios.Bind{{Var: "course.id", N: 1}}},
		{Endpoint: "course", Bind: []scenarios.Bind{{Var: "course.id", N: 2}}},
		{Endpoint: "course", Bind: []scenarios.Bind{{Var: "course.id", N: 1}}},
		{Endpoint: "course_by_page", Bind: []scenarios.Bind{{Var: "course.id", N: 1}}},
	}
	if diff := cmp.Diff(want, k.Steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestLoops: counted loops of one, two and four requests become repeats.
func TestLoops(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  string // one letter each
		want map[string]int
	}{
		{"one", "abbbc", map[string]int{"b": 3}},
		{"two", "abcbcbcd", map[string]int{"loop_b_c": 3}},
		{"four", "abcdeabcdefg", map[string]int{}},
		{"four twice", "xabcdabcdy", map[string]int{"loop_a_b_c_d": 2}},
		{"none", "abcab", map[string]int{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := ""
			for i, c := range tt.ops {
				log += fmt.Sprintf("1.1.1.1 - - [09/Mar/2026:08:00:%02d +0000] \"GET /%c HTTP/1.1\" 200 1\n", i, c)
			}
			l, err := read(t, mine.Options{}, "x", bytes.NewReader([]byte(log)))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, n := range fit(t, l, mine.Graph).Scenario.Personas[0].Journey {
				if n.Repeat != nil {
					got[n.Name] = n.Repeat.Choice[0].N
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("loops (-want +got):\n%s", diff)
			}
		})
	}
}

// TestArrivals: what the log shows of how sessions clump together is found
// again.
func TestArrivals(t *testing.T) {
	s := builtin(t, "lms")
	s.Personas = s.Personas[:1]
	s.Personas[0].Journey = s.Personas[0].Journey[:0]
	for _, tt := range []struct {
		name   string
		truth  scenarios.Arrivals
		bursts bool
		curve  bool
	}{
		{"Poisson", scenarios.Arrivals{}, false, false},
		{"bursts", scenarios.Arrivals{Bursts: &scenarios.Bursts{Factor: 10, On: 20, Off: 120}}, true, false},
		{"a day's curve", scenarios.Arrivals{Curve: []scenarios.Level{{At: 0, Factor: 0.2}, {At: 100, Factor: 1.8}, {At: 200, Factor: 0.2}}}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Arrivals = tt.truth
			m := fit(t, recorded(t, s, mine.RecordOptions{Sessions: 10_000, Rate: 1, Seed: 3, JSON: true}), mine.Skeletons)
			got := m.Scenario.Arrivals
			if (got.Bursts != nil) != tt.bursts || (got.Curve != nil) != tt.curve {
				t.Fatalf("bursts %+v, curve %v", got.Bursts, got.Curve)
			}
			if b := got.Bursts; b != nil && (b.Factor < 4 || b.Factor > 30 || b.On < 10 || b.On > 40 || b.Off < 50 || b.Off > 300) {
				t.Errorf("%+v, want about %+v", b, tt.truth.Bursts)
			}
			if r := m.Scenario.Load.Rate; r < 0.8 || r > 1.25 {
				t.Errorf("%v sessions/s, want 1", r)
			}
		})
	}
}

// TestPopularity: the exponent comes back, though the log shows only some of
// the values and ranks them by chance.
func TestPopularity(t *testing.T) {
	for _, want := range []float64{0, 0.6, 0.9, 1.2} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			s := builtin(t, "lms")
			s.Endpoints = []scenarios.Endpoint{{Name: "item", Method: "GET", Path: "/items/${item.id}", Think: &scenarios.Think{Const: 1}}}
			s.Data = []scenarios.Source{{Name: "item.id", Range: &[2]int64{1, 2000}, Popularity: scenarios.Popularity{Zipf: want}}}
			s.Personas = []scenarios.Persona{{Name: "x", Share: 1, Journey: []scenarios.Node{{Name: "item", Endpoint: "item"}}}}
			m := fit(t, recorded(t, s, mine.RecordOptions{Sessions: 10_000, Rate: 5, Seed: 2}), mine.Skeletons)
			if got := m.Scenario.Data[0].Popularity.Zipf; math.Abs(got-want) > 0.07 {
				t.Errorf("exponent %v, want %v", got, want)
			}
		})
	}
}
