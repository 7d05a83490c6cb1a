package growth

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// Ahead is how many times more data predictions are for.
const Ahead = 10

const (
	// minFactor: sizes closer than that tell nothing of an exponent. Twice the
	// data is what one more level of a B-tree hides, or one page more.
	minFactor = 2
	// minCalls of a statement at each size: below, chance decides who is looked at.
	minCalls = 10
	// minPages: up to 800 kB a table is read whole in under a millisecond, and the
	// planner does so whatever indexes there are. What a statement touches there says
	// nothing of what it will do when there is more; and what touches no more than
	// that with ten times the data is nobody's trouble.
	minPages = 100
)

// A Growth is what runs at several sizes say together.
type Growth struct {
	Sizes []Size // smallest first
	// Statements with a prediction come first, those that will cost most at Ahead
	// times the data before others; then those without.
	Statements []Statement
	Endpoints  []Endpoint // as far as the isolation probe knows them, what they will cost most first
	Caveats    []string   // that the runs differ in more than their size
}

// A Size is one of the runs.
type Size struct {
	Label string  // of the bundled app's data; empty for others
	Rows  float64 // of all tables
	Bytes float64 // of the database; 0 where not known
}

// A Statement is one statement at all sizes.
type Statement struct {
	Fingerprint string
	Text        string   // without literals
	Tables      []string // that it names, as far as the catalog has them
	// By says what its sizes are: rows of its tables, or bytes of the database.
	By    string
	Sizes []float64 // at which it was seen and that count, smallest first

	Fits  []Fit // the first one is what is predicted with; none where nothing can be said
	Shape Shape
	Flag  Flag
	Why   string   // there is no answer; empty where there is one
	Notes []string // what to know beside it

	PerSecond float64  // calls, at the largest size that it was seen at
	Effects   []Effect // on endpoints that send it, largest first
}

// A Measure is what a call costs.
type Measure string

const (
	Blocks  Measure = "blocks"  // shared, found in shared buffers or not
	Rows    Measure = "rows"    // returned or changed
	Seconds Measure = "seconds" // of execution
)

// measures, the most reliable first.
var measures = []Measure{Blocks, Rows, Seconds}

// A Fit is a line through the logarithms of size and cost, with intervals of 95 %.
type Fit struct {
	Measure                 Measure
	Costs                   []float64 // of a call, at each size
	Exponent, Low, High     float64
	Now                     float64 // a call, at the largest size
	Then, ThenLow, ThenHigh float64 // at Ahead times that
	Looks                   int     // windows or slices behind it, all sizes together
}

// A Shape is an exponent in a word.
type Shape string

const (
	Constant     Shape = "constant"
	Sublinear    Shape = "sublinear"
	Linear       Shape = "linear"
	Superlinear  Shape = "superlinear"
	Inconclusive Shape = "inconclusive"
)

// A Flag says what is wrong with a growth.
type Flag string

const (
	// FasterThanData: the exponent is above 1, so that cost outgrows the data.
	FasterThanData Flag = "superlinear"
	// LinearLookup: it compares a column with a value, as a lookup does, and
	// what it reads grows with the table nevertheless.
	LinearLookup Flag = "linear lookup"
	// LongerResult: it returns the more the more data there is.
	LongerResult Flag = "longer result"
)

// An Effect is what a statement's growth does to the requests of an endpoint, in
// the unit of the statement's first fit.
type Effect struct {
	Endpoint string
	Calls    []float64 // a request, at each of the statement's sizes
	Now      float64   // a request costs, all of its statements together
	Then     float64   // with this statement at Ahead times the data and the others as they are
}

// An Endpoint is what a request costs in the database, in blocks.
type Endpoint struct {
	Name    string
	Now     float64 // at the largest size
	Then    float64 // with each statement at Ahead times the data; those without an answer as they are
	Unknown float64 // part of Now that is of statements without an answer
}

// New holds two or more runs against each other. It fails where a run lacks what
// is needed.
func New(runs []*evidence.Run) (*Growth, error) {
	if len(runs) < 2 {
		return nil, fmt.Errorf("growth takes runs at two sizes or more, this is %d", len(runs))
	}
	var seen []*observed
	for i, r := range runs {
		o, err := observe(r)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", i+1, err)
		}
		seen = append(seen, o)
	}
	slices.SortStableFunc(seen, func(a, b *observed) int {
		return cmp.Or(cmp.Compare(a.size.Rows, b.size.Rows), cmp.Compare(a.size.Bytes, b.size.Bytes))
	})
	g := &Growth{Caveats: differences(seen)}
	prints := map[string]bool{}
	for _, o := range seen {
		g.Sizes = append(g.Sizes, o.size)
		for fp := range o.statements {
			prints[fp] = true
		}
	}
	for fp := range prints {
		g.Statements = append(g.Statements, newStatement(seen, fp))
	}
	slices.SortFunc(g.Statements, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.weight(), a.weight()), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	g.Endpoints = endpoints(seen[len(seen)-1], g.Statements)
	return g, nil
}

// Conclusive reports whether any statement has an answer.
func (g *Growth) Conclusive() bool { return len(g.Statements) > 0 && len(g.Statements[0].Fits) > 0 }

// rank puts statements together whose costs can be compared: blocks, rows, seconds,
// and none.
func (s *Statement) rank() int {
	if len(s.Fits) == 0 {
		return len(measures)
	}
	return slices.Index(measures, s.Fits[0].Measure)
}

// weight orders statements: what the traffic of the largest run will cost.
func (s *Statement) weight() float64 {
	if len(s.Fits) == 0 {
		return s.PerSecond
	}
	return s.Fits[0].Then * s.PerSecond
}

// differences are what the runs differ in beside their size.
func differences(seen []*observed) []string {
	var out []string
	first := seen[0].run
	differ := func(what string, same func(r *evidence.Run) bool) {
		if slices.ContainsFunc(seen[1:], func(o *observed) bool { return !same(o.run) }) {
			out = append(out, "the runs differ in "+what+" too, so that not all growth is the data's")
		}
	}
	differ("their scenario", func(r *evidence.Run) bool { return r.Plan.SHA256 == first.Plan.SHA256 })
	differ("the version of PostgreSQL", func(r *evidence.Run) bool { return r.Environment.Postgres == first.Environment.Postgres })
	differ("the faults of the bundled app", func(r *evidence.Run) bool {
		return (r.Bundled == nil) == (first.Bundled == nil) && (r.Bundled == nil || slices.Equal(r.Bundled.Faults, first.Bundled.Faults))
	})
	for _, name := range []string{"random_page_cost", "enable_seqscan", "enable_indexscan", "enable_bitmapscan", "enable_nestloop", "work_mem"} {
		differ(name, func(r *evidence.Run) bool { return r.Environment.Settings[name] == first.Environment.Settings[name] })
	}
	for _, o := range seen {
		if !o.run.Complete() {
			out = append(out, fmt.Sprintf("the run with %s rows was cut short", digits.Three(o.size.Rows)))
		}
	}
	return out
}

// A point is a statement at one size.
type point struct {
	*observed
	*counters
	data float64 // rows or bytes
}

func newStatement(seen []*observed, fp string) Statement {
	s := Statement{Fingerprint: fp, Shape: Inconclusive}
	var ps []point
	for _, o := range seen {
		if c := o.statements[fp]; c != nil {
			ps = append(ps, point{observed: o, counters: c})
		}
	}
	last := ps[len(ps)-1]
	s.Text = last.text
	for _, a := range last.use.Tables {
		s.Tables = append(s.Tables, a.Table())
	}
	s.PerSecond = last.total.calls / last.seconds
	s.By = sizes(ps)
	slices.SortStableFunc(ps, func(a, b point) int { return cmp.Compare(a.data, b.data) })
	ps = s.often(ps)
	s.Why = s.fit(ps)
	if s.Why == "" {
		s.judge(ps[len(ps)-len(s.Sizes):])
	}
	return s
}

// often returns the points with enough calls, and notes which have not.
func (s *Statement) often(ps []point) []point {
	var out []point
	for _, p := range ps {
		if n := p.total.calls; n < minCalls {
			s.Notes = append(s.Notes, fmt.Sprintf("it was called only %.0f times at %s; it takes %d", n, s.at(p), minCalls))
		} else {
			out = append(out, p)
		}
	}
	return out
}

// sizes sets the data of each point and says what it is.
func sizes(ps []point) string {
	known := true
	for i := range ps {
		ps[i].data = ps[i].rows(ps[i].use)
		known = known && ps[i].data > 0
	}
	if known {
		return "rows of its tables"
	}
	for i := range ps {
		ps[i].data = ps[i].size.Bytes
	}
	return "bytes of the database"
}

// fit fills in the fits and the shape, or returns why there are none.
func (s *Statement) fit(ps []point) string {
	if len(ps) < 2 {
		if len(s.Notes) == 0 {
			return "it was sent at one size only"
		}
		why := strings.Join(s.Notes, "; ")
		s.Notes = nil
		return why
	}
	if ps[0].data <= 0 {
		return "the size of its tables is not known, nor that of the database"
	}
	if f := factor(ps); f < minFactor {
		return fmt.Sprintf("its sizes differ by a factor of %.2g only; it takes %d", f, minFactor)
	}
	same := ps
	for i := len(ps) - 2; i >= 0; i-- {
		if table, changed := planChanged(ps[i], ps[len(ps)-1]); changed {
			same = ps[i+1:]
			change := fmt.Sprintf("its plan is another at %s: %s is read whole at one of the sizes and not at the other", s.at(ps[i]), table)
			if factor(same) < minFactor {
				return change + ", and what is left are no two sizes"
			}
			s.Notes = append(s.Notes, change)
			break
		}
	}
	if t := ps[len(ps)-1].wholeTable(); t != nil && t.Pages < minPages {
		return fmt.Sprintf("at %s it reads %s whole, which had %s pages before the load: with more of them its plan will be another, if there is an index", s.at(ps[len(ps)-1]), t.Name, digits.Three(t.Pages))
	}
	for _, m := range measures {
		xs, ys := logarithms(same, m)
		if ys == nil {
			continue
		}
		if bend, bent := bends(xs, ys); bent {
			if len(s.Fits) == 0 {
				s.Notes = append(s.Notes, bend)
				same = same[len(same)-2:]
			}
			xs, ys = xs[len(xs)-2:], ys[len(ys)-2:]
		}
		if len(xs) == len(same) {
			s.Fits = append(s.Fits, line(m, xs, ys))
		}
	}
	if len(s.Fits) == 0 {
		return "there are too few windows or slices with it to say how much its cost varies"
	}
	for _, p := range same {
		s.Sizes = append(s.Sizes, p.data)
	}
	f := s.Fits[0]
	switch s.Shape = f.shape(); {
	case f.High < -constant:
		s.Fits, s.Shape = nil, Inconclusive
		return fmt.Sprintf("it costs less where there is more data (exponent %.2g): the runs differ in something else", f.Exponent)
	case s.Shape == Inconclusive:
		s.Fits = nil
		return fmt.Sprintf("its exponent may be anything between %.2g and %.2g: its calls differ too much from each other", f.Low, f.High)
	}
	return ""
}

// at says which size a point is.
func (s *Statement) at(p point) string {
	if p.size.Label != "" {
		return "size " + p.size.Label
	}
	return digits.Three(p.data) + " " + s.By
}

func factor(ps []point) float64 { return ps[len(ps)-1].data / ps[0].data }

// logarithms returns the points of the line; none where one of them is not known.
func logarithms(ps []point, m Measure) (xs []float64, ys []estimate) {
	for _, p := range ps {
		y, known := p.estimate(m)
		if !known {
			return nil, nil
		}
		xs, ys = append(xs, math.Log(p.data)), append(ys, y)
	}
	return xs, ys
}

const (
	// superlinear: rows a page, and pages at all of a small table, vary by a few
	// per cent, which makes exponents of 1.05 out of what is linear. At ten times
	// the data the tenth is a quarter of the cost.
	superlinear = 1.1
	// linear: nearer to proportional than to constant.
	linear = 0.5
	// constant: at ten times the data at most 1.6 times the cost, as of a B-tree
	// that grows by a level.
	constant = 0.2
	// widest interval that still says something.
	widest = 0.8
)

func (f Fit) shape() Shape {
	switch {
	case f.Low > superlinear:
		return Superlinear
	case f.Low > linear:
		return Linear
	case f.High < constant:
		return Constant
	case f.High-f.Low > widest || math.IsNaN(f.Low) || math.IsNaN(f.High):
		return Inconclusive
	}
	return Sublinear
}

const (
	// faster: an exponent of time that is so much higher than that of blocks is not
	// the blocks' doing.
	faster = 0.3
	// minSeconds: a call that is quicker even with ten times the data may be as many
	// times slower as it likes.
	minSeconds = 0.005
)

// judge says what is wrong with the growth, and what it does to endpoints.
func (s *Statement) judge(ps []point) {
	f, time := s.Fits[0], s.fitOf(Seconds)
	last := ps[len(ps)-1]
	exponent, rows := results(ps)
	longer := exponent > linear
	small := f.Measure == Blocks && f.Then < minPages
	switch {
	case s.Shape == Superlinear && !small:
		s.Flag = FasterThanData
	case s.Shape == Linear && !small && last.compares() && (last.wholeTable() != nil || !longer && !last.use.Aggregates):
		s.Flag = LinearLookup
	case longer && rows >= longList:
		s.Flag = LongerResult
	}
	if time != nil && f.Measure == Blocks && time.Then > minSeconds && time.Low > f.High+faster {
		s.Notes = append(s.Notes, fmt.Sprintf("its time grew faster than its blocks, with an exponent of %.2g (%.2g to %.2g): work of the processor, reads from storage, or a machine that was busier",
			time.Exponent, time.Low, time.High))
	}
	s.effects(ps)
}

// longList: nobody reads more rows than that at once.
const longList = 100

// results returns the exponent with which what a call returns grows, and how many
// rows that makes with Ahead times the data. Less than a row is what a lookup
// returns that finds nothing at times.
func results(ps []point) (exponent, then float64) {
	rows := func(p point) float64 { return max(1, p.total.rows/p.total.calls) }
	now := rows(ps[len(ps)-1])
	exponent = math.Log(now/rows(ps[0])) / math.Log(factor(ps))
	return exponent, now * math.Pow(Ahead, exponent)
}

func (s *Statement) fitOf(m Measure) *Fit {
	for i := range s.Fits {
		if s.Fits[i].Measure == m {
			return &s.Fits[i]
		}
	}
	return nil
}

// moreCalls: an endpoint that sends a statement so many times as often, when there
// is more data, has a loop over it.
const moreCalls = 2

// effects fills in what the statement does to the endpoints that send it.
func (s *Statement) effects(ps []point) {
	f, last := s.Fits[0], ps[len(ps)-1]
	for _, print := range last.run.Footprints {
		part, calls := last.observed.part(print, s.Fingerprint, f.Measure)
		if calls == 0 {
			continue
		}
		e := Effect{Endpoint: print.Endpoint}
		for _, fs := range print.Statements {
			if last.top(fs.ID) {
				e.Now += of(fs, f.Measure)
			}
		}
		e.Then = e.Now + part*(f.Then/f.Now-1)
		for _, p := range ps {
			e.Calls = append(e.Calls, p.calls(print.Endpoint, s.Fingerprint))
		}
		if first := e.Calls[0]; first > 0 && calls >= moreCalls*first {
			s.Notes = append(s.Notes, fmt.Sprintf("%s sends it more often where there is more data: %.3g times a request, then %.3g", print.Endpoint, first, calls))
		}
		s.Effects = append(s.Effects, e)
	}
	slices.SortStableFunc(s.Effects, func(a, b Effect) int { return cmp.Compare(b.Then-b.Now, a.Then-a.Now) })
}

// endpoints adds up what the statements of the largest run do to its endpoints.
func endpoints(o *observed, statements []Statement) []Endpoint {
	times := map[string]float64{} // fingerprint → factor at Ahead times the data
	for _, s := range statements {
		if f := s.fitOf(Blocks); f != nil {
			times[s.Fingerprint] = f.Then / f.Now
		}
	}
	var out []Endpoint
	for _, print := range o.run.Footprints {
		e := Endpoint{Name: print.Endpoint}
		var unknown float64
		for _, fs := range print.Statements {
			if !o.top(fs.ID) {
				continue
			}
			e.Now += fs.Blocks
			if f, ok := times[o.run.Texts[fs.ID].Fingerprint]; ok {
				e.Then += fs.Blocks * f
			} else {
				e.Then += fs.Blocks
				unknown += fs.Blocks
			}
		}
		if e.Now > 0 {
			e.Unknown = unknown / e.Now
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Endpoint) int { return cmp.Compare(b.Then, a.Then) })
	return out
}

// compares reports whether the statement looks something up in a table that it
// reads, or changes.
func (p point) compares() bool {
	return slices.ContainsFunc(p.use.Tables, func(a analyzers.Access) bool { return len(a.Equal) > 0 })
}
