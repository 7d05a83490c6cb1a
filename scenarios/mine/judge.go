package mine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A Verdict says how close sessions drawn from a model come to recorded ones
// that it has not seen.
type Verdict struct {
	Mode     Mode      `json:"mode"`
	Fitted   int       `json:"fitted"` // sessions
	Judged   int       `json:"judged"`
	Measures []Measure `json:"measures"`
	Pass     bool      `json:"pass"` // of all measures that could be taken
}

// A Measure is one distance, 0 being the same.
type Measure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"` // of the model
	// Floor is what two halves of the log are away from each other, on average
	// over random partings: no model can be expected to stay below. (Sessions
	// drawn with replacement would give a floor that is easier to reach: those
	// that come twice make popular things more popular.) For arrivals, the halves
	// are put together anew of blocks of ten minutes.
	Floor float64 `json:"floor"`
	Limit float64 `json:"limit"` // the goal, or 1.5 times the floor where that is more
	Pass  bool    `json:"pass"`
	// Missing says why it could not be taken; then nothing else counts.
	Missing string `json:"missing,omitempty"`
}

// Halves parts the sessions at random in two of the same size.
func (l *Log) Halves(seed uint64) (fit, judge *Log) {
	r := rand.New(rand.NewPCG(seed, 0x68616c66))
	a, b := *l, *l
	a.Sessions, b.Sessions = nil, nil
	first := make([]bool, len(l.Sessions))
	for _, i := range r.Perm(len(first))[:len(first)/2] {
		first[i] = true
	}
	for i, s := range l.Sessions {
		if first[i] {
			a.Sessions = append(a.Sessions, s)
		} else {
			b.Sessions = append(b.Sessions, s)
		}
	}
	a.Ops, b.Ops = slices.Clone(l.Ops), slices.Clone(l.Ops)
	a.count()
	b.count()
	return &a, &b
}

const (
	// minShare: operations with a smaller part of the requests are not judged by
	// themselves.
	minShare = 0.01
	// minEdge think times make a distribution that can be judged.
	minEdge = 200
	// minJudged sessions: with fewer, the floor is higher than any goal.
	minJudged = 100
	// Figures are means over so many random partings of the log, the same for the
	// model and for the floor.
	partings = 8
	// many times as many sessions as are judged are drawn: it is the model that
	// is held against the log, not the luck of one draw.
	many = 4
)

// names and goals of the measures, in order.
var goals = []struct {
	name string
	goal float64
}{
	{"request mix, total variation", 0.03},
	{"share of an operation with 1 % or more, worst relative error", 0.10},
	{"session length, KS", 0.05},
	{"count per session of an operation, worst KS", 0.05},
	{"impossible sessions, share", 0},
	{"think time of an edge with 200 or more, worst KS", 0.08},
	{"popularity, share of the top 1 %, worst difference", 0.03},
	{"popularity, Zipf exponent, worst difference", 0.10},
	{"dispersion of starts (IDC) at 1 s, relative error", 0.25},
	{"dispersion of starts (IDC) at 10 s, relative error", 0.25},
	{"dispersion of starts (IDC) at 60 s, relative error", 0.25},
	{"times between starts, CV², relative error", 0.20},
}

// Judge says how faithful models of the log in this mode are: fitted to one half
// of its sessions, held against the other. rules are what no session may break.
// Same seed, same figures.
func Judge(l *Log, o FitOptions, rules []scenarios.Invariant) (*Verdict, error) {
	v := &Verdict{Mode: o.Mode, Fitted: len(l.Sessions) / 2, Judged: (len(l.Sessions) + 1) / 2, Pass: true}
	if len(l.Sessions) < minJudged {
		return nil, fmt.Errorf("%d sessions are too few to judge a model by: need >= %d", len(l.Sessions), minJudged)
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x6a756467))
	value, floor := make([]moments, len(goals)), make([]moments, len(goals))
	missing := make([]string, len(goals))
	for range partings {
		fit, judged := l.Halves(r.Uint64())
		c := newComparison(judged, rules)
		c.add(floor, fit.Sessions)
		c.addArrivals(floor, blocks(fit.startTimes(r), r))
		m, err := Fit(fit, o)
		if err != nil {
			return nil, err
		}
		sessions, err := m.Draw(many*len(judged.Sessions), r.Uint64())
		if err != nil {
			return nil, err
		}
		c.add(value, sessions)
		c.addArrivals(value, simulate(m.Scenario.Arrivals, c.dispersion.Rate, len(judged.Sessions), r))
		copy(missing, c.missing[:])
	}
	for i, g := range goals {
		x := Measure{Name: g.name, Value: value[i].mean, Floor: floor[i].mean, Limit: max(g.goal, 1.5*floor[i].mean), Missing: missing[i]}
		x.Pass = x.Missing == "" && x.Value <= x.Limit
		v.Pass = v.Pass && (x.Pass || x.Missing != "")
		v.Measures = append(v.Measures, x)
	}
	return v, nil
}

// A comparison holds what is asked of the judged sessions again and again.
type comparison struct {
	log     *Log
	rules   []scenarios.Invariant
	shares  []float64
	lengths []float64
	counts  map[int][]float64 // by operation that is judged: per session
	edges   map[[2]int][]float64
	popular map[int]Popular // by variable
	missing [12]string      // by goal: why it can't be judged

	dispersion Dispersion
}

func newComparison(l *Log, rules []scenarios.Invariant) *comparison {
	c := &comparison{log: l, rules: rules, edges: map[[2]int][]float64{}, popular: map[int]Popular{}}
	c.shares = shares(l.Sessions, len(l.Ops))
	c.lengths = lengths(l.Sessions)
	c.counts = c.countsOf(l.Sessions)
	for e, t := range l.edges() {
		if len(t) >= minEdge {
			c.edges[e] = l.rounded(t)
		}
	}
	for x, v := range l.Vars {
		if !v.Number || !v.identifies() || v.Secret {
			continue
		}
		if _, firsts, _ := l.uses(x); len(firsts) >= 20 {
			if p := popularity(firsts); p.draws >= 200 {
				c.popular[x] = p
			}
		}
	}
	if len(c.edges) == 0 {
		c.missing[5] = fmt.Sprintf("no edge has %d think times", minEdge)
	}
	if len(c.popular) == 0 {
		c.missing[6] = "no variable has 200 numbers of 20 kinds"
		c.missing[7] = c.missing[6]
	}
	c.dispersion = dispersion(l.startTimes(rand.New(rand.NewPCG(1, 1))))
	for i, idc := range c.dispersion.IDC {
		if idc == 0 {
			c.missing[8+i] = fmt.Sprintf("the log holds fewer than %d windows of this length", minWindows)
		}
	}
	if l.resolution == 1 && c.dispersion.Rate > 0.2 {
		c.missing[11] = "the log's clock has seconds only, and sessions start within one"
	}
	return c
}

// rounded gives think times the resolution of the log's clock: a second's
// uncertainty is the log's, not the model's.
func (l *Log) rounded(times []float64) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = math.Round(t/l.resolution) * l.resolution
	}
	return out
}

// add measures sessions and adds the figures.
func (c *comparison) add(to []moments, sessions []Session) {
	got := shares(sessions, len(c.log.Ops))
	tvd, worst := 0.0, 0.0
	for i, want := range c.shares {
		tvd += math.Abs(got[i]-want) / 2
		if want >= minShare {
			worst = max(worst, math.Abs(got[i]/want-1))
		}
	}
	to[0].add(tvd)
	to[1].add(worst)
	to[2].add(ks(c.lengths, lengths(sessions)))
	worst = 0
	for op, counts := range c.countsOf(sessions) {
		worst = max(worst, ks(c.counts[op], counts))
	}
	to[3].add(worst)
	to[4].add(c.impossible(sessions))

	drawn := Log{Ops: c.log.Ops, Vars: c.log.Vars, Sessions: sessions, resolution: c.log.resolution}
	if len(c.edges) > 0 {
		edges := drawn.edges()
		worst = 0
		for e, want := range c.edges {
			worst = max(worst, ks(want, drawn.rounded(edges[e])))
		}
		to[5].add(worst)
	}
	if len(c.popular) > 0 {
		top, slope := 0.0, 0.0
		// How popular the most popular look depends on how many are looked at.
		drawn.Sessions = sessions[:min(len(sessions), len(c.log.Sessions))]
		for x, want := range c.popular {
			_, firsts, _ := drawn.uses(x)
			p := popularity(firsts)
			top = max(top, math.Abs(p.top-want.top))
			slope = max(slope, math.Abs(p.Slope-want.Slope))
		}
		to[6].add(top)
		to[7].add(slope)
	}
}

func (c *comparison) impossible(sessions []Session) float64 {
	bad := 0
	for _, s := range sessions {
		names := make([]string, len(s.Calls))
		for i, call := range s.Calls {
			names[i] = c.log.Ops[call.Op].Name
		}
		if slices.ContainsFunc(c.rules, func(r scenarios.Invariant) bool { return !r.Holds(names) }) {
			bad++
		}
	}
	return float64(bad) / float64(len(sessions))
}

func shares(sessions []Session, ops int) []float64 {
	out := make([]float64, ops)
	n := 0.0
	for _, s := range sessions {
		for _, c := range s.Calls {
			out[c.Op]++
			n++
		}
	}
	for i := range out {
		out[i] /= max(1, n)
	}
	return out
}

func lengths(sessions []Session) []float64 {
	out := make([]float64, len(sessions))
	for i, s := range sessions {
		out[i] = float64(len(s.Calls))
	}
	return out
}

// countsOf returns, for the operations that are judged, how often each session
// requested them.
func (c *comparison) countsOf(sessions []Session) map[int][]float64 {
	out := map[int][]float64{}
	for op, share := range c.shares {
		if share >= minShare {
			out[op] = make([]float64, len(sessions))
		}
	}
	for i, s := range sessions {
		for _, call := range s.Calls {
			if counts := out[call.Op]; counts != nil {
				counts[i]++
			}
		}
	}
	return out
}

// ks is the largest distance between two empirical distribution functions.
func ks(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return 1
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	i, j, worst := 0, 0, 0.0
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] <= x {
			i++
		}
		for j < len(b) && b[j] <= x {
			j++
		}
		worst = max(worst, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return worst
}

// block of the log that is drawn again as a whole, in seconds: longer than a
// burst, so that bursts stay whole.
const block = 600

// addArrivals compares how sessions clump together. Random halves of a log have
// their bursts at the same times; a model's come when they come. So the floor is
// that of blocks of the log, put together anew.
func (c *comparison) addArrivals(to []moments, starts []float64) {
	d := dispersion(starts)
	for i, want := range c.dispersion.IDC {
		to[8+i].add(relative(d.IDC[i], want))
	}
	to[11].add(relative(d.CV2, c.dispersion.CV2))
}

func relative(x, want float64) float64 {
	if want == 0 {
		return 0
	}
	return math.Abs(x/want - 1)
}

// blocks puts blocks of the log together at random, as long as the log.
func blocks(starts []float64, r *rand.Rand) []float64 {
	origin := starts[0]
	length := starts[len(starts)-1] - origin
	n := int(math.Ceil(length / block))
	var out []float64
	for i := range n {
		from := origin + r.Float64()*max(0, length-block)
		lo, _ := slices.BinarySearch(starts, from)
		for _, t := range starts[lo:] {
			if t >= from+block {
				break
			}
			out = append(out, float64(i)*block+t-from)
		}
	}
	return out
}
