package scenarios

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// school has what a chain of independent choices can't hold: counted loops,
// sequences, think times between two endpoints.
func school() *Scenario {
	c := func(s Seconds) *Think { return &Think{Const: s} }
	get := func(name, path string, extract ...Extract) Endpoint {
		return Endpoint{Name: name, Method: "GET", Path: path, Extract: extract, Think: c(1)}
	}
	return &Scenario{
		Name: "school",
		Endpoints: []Endpoint{
			get("login", "/login"),
			get("home", "/home", Extract{"quiz.id", "quizzes[].id"}),
			get("open", "/quiz/${quiz.id}", Extract{"question.id", "questions[].id"}),
			get("answer", "/question/${question.id}"),
			get("hint", "/hint/${question.id}"),
			get("submit", "/quiz/${quiz.id}/submit"),
			get("lost", "/lost/${lost.id}"),
			get("loser", "/loser", Extract{"lost.id", "none[].id"}),
		},
		Between: []Between{{"home", "open", Think{Const: 7}}},
		Personas: []Persona{{
			Name: "pupil", Share: 1, Start: []string{"login"},
			Journey: []Node{
				{Name: "home", Endpoint: "home", To: []Edge{{"open", 1}}},
				{Name: "open", Endpoint: "open", Think: nil, To: []Edge{{"answers", 1}}},
				{Name: "answers", Sequence: []string{"answer", "hint"}, Repeat: &Repeat{Each: "question.id", About: 4}, Think: c(3), To: []Edge{{"submit", 1}}},
				{Name: "submit", Endpoint: "submit", To: []Edge{{"home", .5}, {End, .5}}},
			},
		}},
	}
}

func model(t *testing.T, s *Scenario) *Model {
	t.Helper()
	m, err := NewModel(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// names returns the endpoints of a session, letters for short.
func names(m *Model, moves []Move) string {
	var all []string
	for _, v := range moves {
		if v.Endpoint >= 0 {
			all = append(all, m.Scenario.Endpoints[v.Endpoint].Name)
		}
	}
	return strings.Join(all, " ")
}

func TestWalkCounts(t *testing.T) {
	m := model(t, school())
	round := "home open " + strings.Repeat("answer hint ", 4) + "submit"
	for seed := range uint64(200) {
		moves := m.Session(0, seeded(seed))
		got := names(m, moves)
		rest := strings.TrimPrefix(got, "login ")
		n := strings.Count(got, "home")
		if rest == got || rest != strings.TrimSpace(strings.Repeat(round+" ", n)) {
			t.Fatalf("session %q, want whole rounds of %q", got, round)
		}
		if again := m.Session(0, seeded(seed)); names(m, again) != got {
			t.Fatalf("the same seed gives %q, then %q", got, names(m, again))
		}
		// Before home 1 s (login), before open 7 (between), before the first
		// answer 1, before each hint and answer 3, also after the last.
		want := []Seconds{0, 1, 7, 1, 3, 3, 3, 3, 3, 3, 3, 3, 1}
		for i, w := range want {
			if moves[i].Think != w {
				t.Fatalf("think time %d is %v, want %v (%s)", i, moves[i].Think, w, got)
			}
		}
		// The round's value holds in all its requests.
		for i := range 8 {
			b := moves[3+i].Bind
			if want := string(rune('1' + i/2)); len(b) != 1 || b[0].Value != want || m.Vars[b[0].Var] != "question.id" {
				t.Fatalf("request %d is bound to %v, want %s", i, b, want)
			}
		}
	}
}

// What is not there is left out; who can't log in goes home, after thinking.
func TestWalkLeavesOut(t *testing.T) {
	s := school()
	s.Personas[0].Journey[0].To = []Edge{{"lost", .9}, {End, .1}}
	s.Personas[0].Journey = append(s.Personas[0].Journey[:1], Node{Name: "lost", Sequence: []string{"lost", "home"}})
	m := model(t, s)
	if got := names(m, m.Session(0, seeded(1))); got != "login home" {
		t.Errorf("session %q, want the edge to lost closed", got)
	}
	w := m.Walk(0, seeded(1))
	v := &plenty{m: m, bound: make([]bool, len(m.Vars))}
	if first := w.Next(true, v); m.Scenario.Endpoints[first.Endpoint].Name != "login" || first.Think != 0 {
		t.Errorf("first %+v", first)
	}
	for range 2 {
		if next := w.Next(false, v); next.Endpoint >= 0 {
			t.Errorf("after a failed login comes %+v", next)
		}
	}
}

func TestRepeat(t *testing.T) {
	r := seeded(3)
	for _, tt := range []struct {
		repeat Repeat
		lo, hi int
	}{
		{Repeat{Times: &[2]int{8, 40}}, 8, 40},
		{Repeat{Geometric: 0.7, Max: 15}, 1, 15},
		{Repeat{Geometric: 0.7}, 1, 1000},
		{Repeat{Choice: []Rounds{{1, .5}, {2, .3}, {4, .2}}}, 1, 4},
	} {
		if err := tt.repeat.check(); err != nil {
			t.Error(err)
		}
		var n, squares float64
		const draws = 20_000
		for range draws {
			d := tt.repeat.draw(r, 0)
			if d < tt.lo || d > tt.hi {
				t.Fatalf("%+v: %d rounds", tt.repeat, d)
			}
			n += float64(d)
			squares += float64(d * d)
		}
		if got, want := n/draws, tt.repeat.Mean(); math.Abs(got-want) > 0.02*want {
			t.Errorf("%+v: %.2f rounds on average, want %.2f", tt.repeat, got, want)
		}
		// Who is found in a loop at any time is found in one of E[N²]/E[N] rounds,
		// on average in its middle.
		var round, of float64
		for range draws {
			k, n := tt.repeat.middle(r)
			round, of = round+float64(k)/draws, of+float64(n)/draws
		}
		want := squares / n
		if math.Abs(of-want) > 0.03*want || math.Abs(round-(want+1)/2) > 0.03*want {
			t.Errorf("%+v: met in round %.2f of %.2f, want %.2f of %.2f", tt.repeat, round, of, (want+1)/2, want)
		}
	}
}

// recorded has skeletons instead of a journey.
func recorded() *Scenario {
	s := school()
	s.Personas[0].Journey = nil
	one := []Bind{{"quiz.id", 1}}
	s.Personas[0].Skeletons = []Skeleton{
		{3, []Step{{"home", nil}, {"open", one}, {"submit", one}}},
		{1, []Step{{"home", nil}, {"open", one}, {"open", []Bind{{"quiz.id", 2}}}, {"lost", nil}, {"answer", nil}, {"submit", one}}},
	}
	return s
}

func TestWalkSkeletons(t *testing.T) {
	m := model(t, recorded())
	had := map[string]int{}
	r := seeded(5)
	for range 4000 {
		had[names(m, m.Session(0, r))]++
	}
	short, long := had["login home open submit"], had["login home open open answer submit"]
	if short+long != 4000 || short < 2850 || short > 3150 {
		t.Errorf("sessions %v, want about 3000 and 1000", had)
	}
	mix := m.Mix()
	if want := 0.75*4 + 0.25*7; math.Abs(mix.Requests-want) > 1e-9 { // with the one that no ideal target has
		t.Errorf("%v requests a session, want %v", mix.Requests, want)
	}
}

// The mix that is foretold is the mix of the walks, loops and all, and users
// who join are where those are who have been there for long.
func TestMixIsWalked(t *testing.T) {
	loops := school()
	loops.Personas[0].Journey[0].Repeat = &Repeat{Times: &[2]int{1, 4}}
	loops.Personas[0].Journey[1].Repeat = &Repeat{Geometric: .6, Max: 8}
	skeletons := recorded()
	skeletons.Personas[0].Skeletons[1].Steps = slices.Delete(skeletons.Personas[0].Skeletons[1].Steps, 3, 4)
	for _, s := range []*Scenario{school(), loops, skeletons} {
		m := model(t, s)
		r := seeded(7)
		requests, think := 0.0, 0.0
		count := map[string]float64{}
		spent := map[string]float64{}
		const sessions = 20_000
		for range sessions {
			last := ""
			for _, v := range m.Session(0, r) {
				think += float64(v.Think)
				if last != "" {
					spent[last] += float64(v.Think)
				}
				if v.Endpoint < 0 {
					break
				}
				last = s.Endpoints[v.Endpoint].Route()
				count[last]++
				requests++
			}
		}
		mix := m.Mix()
		if math.Abs(mix.Requests-requests/sessions) > 0.02*mix.Requests || math.Abs(float64(mix.Think)-think/requests) > 0.02*float64(mix.Think) {
			t.Errorf("foretold %.3f requests and %.3f s, walked %.3f and %.3f s", mix.Requests, mix.Think, requests/sessions, think/requests)
		}
		for _, p := range mix.Endpoints {
			if got := count[p.Endpoint] / requests; math.Abs(got-p.Share) > 0.005 {
				t.Errorf("%s: foretold %.4f, walked %.4f", p.Endpoint, p.Share, got)
			}
		}

		// The request that a joining user thinks about is each one's share of the time.
		presence := m.Presence(0)
		if got, want := presence.Time(0), think/sessions; math.Abs(got-want) > 0.02*want {
			t.Errorf("a session lasts %.2f s, walked %.2f s", got, want)
		}
		at := map[string]float64{}
		for range sessions {
			_, w := presence.Join(0, r)
			e := w.last
			if e < 0 {
				e = 0 // the start
			}
			at[s.Endpoints[e].Route()]++
		}
		for route, n := range at {
			if want := spent[route] / think; math.Abs(n/sessions-want) > 0.015 {
				t.Errorf("%.3f of the users join at %s, want %.3f", n/sessions, route, want)
			}
		}
	}
}

// Whoever joins in the middle has what the rest of the session takes, and ends
// like everybody.
func TestJoin(t *testing.T) {
	for _, s := range []*Scenario{school(), recorded()} {
		m := model(t, s)
		p := m.Presence(0.05)
		r := seeded(9)
		rest := map[string]int{}
		for range 2000 {
			before, w := p.Join(0, r)
			v := &plenty{m: m, bound: make([]bool, len(m.Vars))}
			visit := func(e int) {
				if !v.Can(e) {
					t.Fatalf("can't request %s on the way: %q", s.Endpoints[e].Name, names(m, before))
				}
				for _, i := range m.binds[e] {
					v.bound[i] = true
				}
			}
			for _, b := range before {
				visit(b.Endpoint)
			}
			var moves []Move
			for move := w.Next(true, v); move.Endpoint >= 0; move = w.Next(true, v) {
				visit(move.Endpoint)
				moves = append(moves, move)
			}
			if len(before) > 0 {
				rest[names(m, moves)]++
			}
		}
		if s.Personas[0].Journey == nil {
			for _, want := range []string{"submit", "open submit", "answer submit", "open answer submit", ""} {
				if rest[want] == 0 {
					t.Errorf("nobody goes on with %q: %v", want, rest)
				}
			}
			continue
		}
		for left := range 4 {
			want := strings.TrimSpace("hint " + strings.Repeat("answer hint ", left) + "submit")
			if rest[want] == 0 {
				t.Errorf("nobody goes on with %q", want)
			}
		}
	}
}

func TestNewModelRefuses(t *testing.T) {
	for want, spoil := range map[string]func(s *Scenario){
		`there is no endpoint "nowhere"`:                        func(s *Scenario) { s.Personas[0].Start[0] = "nowhere" },
		`leads to "nowhere", which is not in the journey`:       func(s *Scenario) { s.Personas[0].Journey[0].To[0].To = "nowhere" },
		"want one of times, geometric, choice and each":         func(s *Scenario) { s.Personas[0].Journey[0].Repeat = &Repeat{} },
		"times are at least 1, and the lowest comes first":      func(s *Scenario) { s.Personas[0].Journey[0].Repeat = &Repeat{Times: &[2]int{0, 2}} },
		"the probability of another round lies between 0 and 1": func(s *Scenario) { s.Personas[0].Journey[0].Repeat = &Repeat{Geometric: 1} },
		"nothing gives nothing a value":                         func(s *Scenario) { s.Personas[0].Journey[2].Repeat.Each = "nothing" },
		"has a journey and skeletons, want one of them":         func(s *Scenario) { s.Personas[0].Skeletons = recorded().Personas[0].Skeletons },
		"does nothing":                               func(s *Scenario) { s.Personas[0] = Persona{Name: "idler", Share: 1} },
		"there are no personas":                      func(s *Scenario) { s.Personas = nil },
		`between: there is no endpoint "nowhere"`:    func(s *Scenario) { s.Between[0].To = "nowhere" },
		"a skeleton has weight 0":                    func(s *Scenario) { *s = *recorded(); s.Personas[0].Skeletons[0].Weight = 0 },
		"quiz.id: values are numbered from 1, not 0": func(s *Scenario) { *s = *recorded(); s.Personas[0].Skeletons[0].Steps[1].Bind[0].N = 0 },
	} {
		s := school()
		spoil(s)
		if _, err := NewModel(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// Each law draws the k-th most popular value as often as it says.
func TestPopularity(t *testing.T) {
	const draws = 60_000
	for _, s := range []float64{0.3, 0.8, 1, 1.1, 2.5} {
		for _, n := range []int64{1, 2, 10, 1000} {
			d := Source{Name: "x", Range: &[2]int64{1, n}, Popularity: Popularity{Newest: s}}
			l, r := d.Law(), seeded(uint64(n))
			had := make([]float64, n)
			for range draws {
				had[l.Draw(r)]++
			}
			sum := 0.0
			for k := range n {
				sum += math.Pow(float64(k+1), -s)
			}
			for _, k := range []int64{1, 2, 5, n / 2, n} {
				if k < 1 || k > n {
					continue
				}
				want := draws * math.Pow(float64(k), -s) / sum
				if got := had[n-k]; math.Abs(got-want) > 5*math.Sqrt(want)+1 {
					t.Errorf("newest %g of %d: the %d. from the end came %g times, want %.0f", s, n, k, got, want)
				}
			}
		}
	}
	d := Source{Name: "x", Choice: []string{"a", "b", "c"}, Popularity: Popularity{Weights: []float64{1, 0, 3}}}
	l, r, had := d.Law(), seeded(1), [3]float64{}
	for range draws {
		had[l.Draw(r)]++
	}
	if had[1] > 0 || math.Abs(had[0]/draws-0.25) > 0.01 {
		t.Errorf("weights 1, 0, 3 came %v times", had)
	}
}

// Popular values lie anywhere in the range, and in the same places in every run.
func TestScatter(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 7, 64, 1000, 4097} {
		s := newScatter("course", n)
		seen := make([]bool, n)
		for i := range n {
			at := s.of(i)
			if at < 0 || at >= n || seen[at] {
				t.Fatalf("of %d values the %d. goes to %d", n, i, at)
			}
			seen[at] = true
		}
	}
	s := newScatter("course", 100_000)
	near := 0
	for i := range int64(1000) {
		if d := s.of(i) - s.of(i+1); d > -1000 && d < 1000 {
			near++
		}
	}
	if near > 60 { // 20 by chance
		t.Errorf("%d of 1000 neighbours in rank are neighbours in the range", near)
	}
	if a, b := newScatter("course", 1000), newScatter("user", 1000); a.of(0) == b.of(0) && a.of(1) == b.of(1) {
		t.Error("two sources have the same order")
	}
}

func BenchmarkWalk(b *testing.B) {
	m, err := NewModel(school())
	if err != nil {
		b.Fatal(err)
	}
	r := seeded(1)
	for b.Loop() {
		m.Session(0, r)
	}
}
