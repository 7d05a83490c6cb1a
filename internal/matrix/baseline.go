package matrix

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Guess is what a trivial way to answer says of a run. Of a random pick, the chance
// that it is right is between 0 and 1.
type Guess struct {
	Baseline string  `json:"baseline"`
	Says     string  `json:"says"`
	Entity   float64 `json:"entity_right"` // the subject
	Right    float64 `json:"right"`        // the subject, and what it is bound by
}

// A Baseline answers with one of the things that report.json shows. It always
// answers, also where nothing is wrong.
type Baseline struct {
	Name string
	// Says returns the answer, or all those among which chance decides.
	Says func(*Report) []Answer
}

// An Answer is a thing that is blamed: a query, endpoint, dependency, job, pool or
// station. Bound is what an engineer takes it to be bound by; empty for an endpoint,
// which says nothing about that. The cause is in none of them.
type Answer struct{ Kind, Name, ID, Bound string }

// query is the answer that blames a statement. Its time is computing, or reading where
// most blocks were not in shared buffers: pg_stat_statements says no more.
func query(s Statement) Answer {
	a := Answer{Kind: "query", Name: s.Text, ID: s.ID, Bound: "cpu"}
	if s.Read > s.Blocks/2 {
		a.Bound = "io"
	}
	return a
}

func station(s Station) Answer { return Answer{Kind: "station", Name: s.Name, Bound: s.Bound} }

func pool(p Pool) Answer { return Answer{Kind: "pool", Name: p.Name, Bound: "pool"} }

// Baselines are what is done without a tool.
var Baselines = []Baseline{
	{"random pick", everything},
	{"highest utilization", busiest},
	{"largest total_exec_time", slowest},
	{"largest wait class", longest},
	{"largest z-score", changed},
}

// guesses returns what the baselines say.
func guesses(w Want, r *Report) []Guess {
	var gs []Guess
	for _, b := range Baselines {
		answers := b.Says(r)
		g := Guess{Baseline: b.Name, Says: "nothing"}
		if len(answers) > 0 {
			g.Says = answers[0].Kind + " " + answers[0].Name
		}
		if len(answers) > 1 {
			g.Says = fmt.Sprintf("one of %d", len(answers))
		}
		for _, a := range answers {
			var entity, bound bool
			for _, c := range w.Culprits {
				if leads(a, c, r) {
					entity, bound = true, bound || slices.Contains(c.Bounds, a.Bound)
				}
			}
			chance := 1 / float64(len(answers))
			if entity {
				g.Entity += chance
			}
			if bound {
				g.Right += chance
			}
		}
		gs = append(gs, g)
	}
	return gs
}

// leads reports whether an engineer who looks at the answer finds the culprit. It
// is generous: the statement that a right verdict is about counts although the
// verdict says more, and so do an endpoint whose heaviest statement it is and the
// name of a place at which only one thing can wait.
func leads(a Answer, c Culprit, r *Report) bool {
	switch a.Kind {
	case "query":
		return c.Statement != "" && strings.Contains(a.Name, c.Statement) ||
			slices.ContainsFunc(r.Findings, func(f Finding) bool { return c.is(f) && f.Subject.Statement != "" && f.Subject.Statement == a.ID })
	case "endpoint":
		return c.Kind == a.Kind && strings.Contains(a.Name, c.Subject) || c.Endpoint != "" && strings.Contains(a.Name, c.Endpoint) ||
			leads(heaviest(r, a.Name), c, r)
	case "station":
		return a.Name == c.Station || c.Kind == "dependency" && strings.Contains(a.Name, c.Subject)
	case "pool":
		return c.Kind == "station" && c.Station == "connection pool" && strings.Contains(a.Name, c.Subject)
	}
	return c.Kind == a.Kind && strings.Contains(a.Name, c.Subject)
}

// heaviest returns the statement that most requests of the endpoint are in.
func heaviest(r *Report, endpoint string) Answer {
	var most float64
	var id string
	for _, e := range r.Endpoints {
		for _, s := range e.Statements {
			if e.Name == endpoint && s.Load > most {
				id, most = s.ID, s.Load
			}
		}
	}
	for _, s := range r.Statements {
		if s.ID == id {
			return query(s)
		}
	}
	return Answer{Kind: "query"}
}

func everything(r *Report) []Answer {
	var as []Answer
	for _, s := range r.Statements {
		as = append(as, query(s))
	}
	for _, e := range r.Endpoints {
		as = append(as, Answer{Kind: "endpoint", Name: e.Name})
	}
	for _, d := range r.Dependencies {
		as = append(as, Answer{Kind: "dependency", Name: d.Name, Bound: "external"})
	}
	for _, j := range r.Jobs {
		as = append(as, Answer{Kind: "job", Name: j.Kind, Bound: "workers"})
	}
	for _, p := range r.Pools {
		as = append(as, pool(p))
	}
	if s := r.judged(); s != nil {
		for _, st := range s.Stations {
			as = append(as, station(st))
		}
	}
	return as
}

// top returns the name with the highest value, the first among equals, unless none
// is above zero.
type top struct {
	answer Answer
	value  float64
}

func (t *top) see(a Answer, value float64) {
	if value > t.value {
		t.answer, t.value = a, value
	}
}

func (t *top) answers() []Answer {
	if t.value == 0 {
		return nil
	}
	return []Answer{t.answer}
}

func busiest(r *Report) []Answer {
	var t top
	for _, p := range r.Pools {
		if p.Max > 0 {
			t.see(pool(p), p.InUse/p.Max)
		}
	}
	if s := r.judged(); s != nil {
		for _, st := range s.Stations {
			t.see(station(st), st.Utilization)
		}
	}
	return t.answers()
}

func slowest(r *Report) []Answer {
	var t top
	for _, s := range r.Statements {
		t.see(query(s), s.Seconds)
	}
	return t.answers()
}

// longest is the place at which most requests are, on a processor or waiting.
func longest(r *Report) []Answer {
	var t top
	if s := r.judged(); s != nil {
		for _, st := range s.Stations {
			t.see(station(st), st.Load)
		}
	}
	return t.answers()
}

// changed is the metric that is furthest from what it was in the first step, in
// its standard deviations there: the requests in flight at each station, and each
// endpoint's percentile. Where the first step is judged, the endpoints' means are
// compared with the requests alone.
func changed(r *Report) []Answer {
	var t top
	s := r.judged()
	if s == nil {
		return nil
	}
	first := &r.Steps[0]
	if s == first {
		for _, e := range r.Endpoints {
			if e.Alone > 0 && e.Latency.N > 0 {
				// Of n exponential times the mean has the standard deviation R/√n.
				t.see(Answer{Kind: "endpoint", Name: e.Name}, (e.Latency.Mean-e.Alone)/(e.Alone/math.Sqrt(e.Latency.N)))
			}
		}
		return t.answers()
	}
	for _, j := range s.Judgments {
		i := slices.IndexFunc(first.Judgments, func(f Judgment) bool { return f.Endpoint == j.Endpoint && f.Objective == j.Objective })
		if i < 0 {
			continue
		}
		before := first.Judgments[i]
		if sd := deviation(before); sd > 0 {
			t.see(Answer{Kind: "endpoint", Name: j.Endpoint}, (j.Got-before.Got)/sd)
		}
	}
	loads := map[string]float64{}
	for _, st := range first.Stations {
		loads[st.Name] = st.Load
	}
	for _, st := range s.Stations {
		if first.Requests == 0 {
			break
		}
		// One request's part stands for a station that had none.
		before := max(loads[st.Name], first.InFlight/first.Requests)
		// L averaged over T has the variance 2·L·R/T where the times R are exponential
		// and nobody waits for another (M/G/∞), and n = L·T/R: the deviation is L·√(2/n).
		if sd := before * math.Sqrt(2/first.Requests); sd > 0 {
			t.see(station(st), (st.Load-loads[st.Name])/sd)
		}
	}
	return t.answers()
}

// deviation of a sample quantile q(p) of n values, √(p(1−p)/n) ÷ f(q) (Cramér 1946),
// where the values are exponential: f(q) = (1−p)·ln(1/(1−p))/q. 0 for other
// objectives than a quantile.
func deviation(j Judgment) float64 {
	name, _, _ := strings.Cut(j.Objective, "<")
	percent, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
	if !strings.HasPrefix(name, "p") || err != nil || j.N == 0 {
		return 0
	}
	p := percent / 100
	return j.Got * math.Sqrt(p/((1-p)*j.N)) / math.Log(1/(1-p))
}

// best returns the most frequently right one, the first among equals.
func best(ts []Tally) Tally {
	if len(ts) == 0 {
		return Tally{}
	}
	return slices.MaxFunc(ts, func(a, b Tally) int { return cmp.Compare(a.JointTop1, b.JointTop1) })
}
