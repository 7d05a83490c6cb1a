package growth

import (
	"errors"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/evidence"
)

// observed is one run, statements by fingerprint.
type observed struct {
	run        *evidence.Run
	size       Size
	seconds    float64 // measured
	window     evidence.Window
	statements map[string]*counters
}

// counters are what one statement did in a run.
type counters struct {
	text  string
	use   analyzers.Use
	total sums
	// looks are its windows, and slices its slices: two ways to cut the same time.
	looks, slices []sums
	nested        bool // it also ran inside functions, which slices do not keep apart
}

// sums are what some calls cost together.
type sums struct{ calls, blocks, rows, seconds float64 }

func (s *sums) add(o sums) {
	s.calls += o.calls
	s.blocks += o.blocks
	s.rows += o.rows
	s.seconds += o.seconds
}

func (s sums) of(m Measure) float64 {
	return map[Measure]float64{Blocks: s.blocks, Rows: s.rows, Seconds: s.seconds}[m]
}

// of returns what a statement costs a request that is alone.
func of(s evidence.FootprintStatement, m Measure) float64 {
	return sums{blocks: s.Blocks, rows: s.Rows, seconds: s.Seconds}.of(m)
}

func observe(r *evidence.Run) (*observed, error) {
	o := &observed{run: r, statements: map[string]*counters{}, size: Size{Bytes: float64(r.Environment.DatabaseBytes)}}
	if r.Bundled != nil {
		o.size.Label = r.Bundled.Size
	}
	for _, t := range r.Catalog {
		o.size.Rows += rowsOf(t)
	}
	var sound []evidence.Window
	for _, w := range r.Measured() {
		// Counters that were reset within it say nothing.
		if !slices.ContainsFunc(w.Caveats, func(c string) bool { return strings.HasPrefix(c, evidence.StatisticsBroken) }) {
			sound = append(sound, w)
		}
	}
	if len(sound) == 0 {
		return nil, errors.New("no load was measured")
	}
	if r.Lacks(evidence.Statements) {
		return nil, errors.New("statements were not measured: " + strings.Join(r.Missing[evidence.Statements], "; "))
	}
	uses, nested := analyzers.Uses(r), map[string]bool{}
	for _, w := range sound {
		o.seconds += float64(w.Length)
		looks := map[string]*sums{}
		for _, s := range w.Statements {
			if s.Own || s.Calls <= 0 {
				continue
			}
			fp := r.Texts[s.ID].Fingerprint
			if s.Nested {
				nested[fp] = true
				continue // its cost is in its caller's
			}
			if o.statements[fp] == nil {
				use, known := uses(s.ID)
				if !known {
					continue
				}
				o.statements[fp] = &counters{text: r.Texts[s.ID].SQL, use: use}
			}
			if looks[fp] == nil {
				looks[fp] = &sums{}
			}
			looks[fp].add(sums{s.Calls, s.Hit + s.Read, s.Rows, s.Seconds})
		}
		for fp, l := range looks {
			c := o.statements[fp]
			c.looks = append(c.looks, *l)
			c.total.add(*l)
		}
		for _, sl := range w.Slices {
			o.slice(sl)
		}
	}
	for fp, c := range o.statements {
		c.nested = nested[fp]
	}
	var err error
	o.window, err = evidence.Merge(sound)
	return o, err
}

func (o *observed) slice(sl evidence.Slice) {
	parts := map[string]*sums{}
	for _, s := range sl.Statements {
		fp := o.run.Texts[s.ID].Fingerprint
		if o.statements[fp] == nil || s.Calls <= 0 {
			continue
		}
		if parts[fp] == nil {
			parts[fp] = &sums{}
		}
		parts[fp].add(sums{calls: s.Calls, blocks: s.Blocks, seconds: s.Seconds})
	}
	for fp, p := range parts {
		o.statements[fp].slices = append(o.statements[fp].slices, *p)
	}
}

// rowsOf is how many rows a table has: as VACUUM or ANALYZE estimated, else as
// counted. Not the count first: a copy of a database begins to count at zero, and
// what a session has inserted before its VACUUM it may report, and so count again,
// after it.
func rowsOf(t evidence.Table) float64 {
	if t.Rows > 0 {
		return t.Rows
	}
	return t.Live
}

// rows is how many rows the tables of a statement have together; 0 where one of
// them is not known.
func (o *observed) rows(u analyzers.Use) float64 {
	if len(u.Unknown) > 0 {
		return 0
	}
	var sum float64
	for _, a := range u.Tables {
		t := o.table(a)
		if t == nil || rowsOf(*t) == 0 {
			return 0
		}
		sum += rowsOf(*t)
	}
	return sum
}

func (o *observed) table(a analyzers.Access) *evidence.Table {
	i := slices.IndexFunc(o.run.Catalog, func(t evidence.Table) bool { return t.Schema == a.Schema && t.Name == a.Name })
	if i < 0 {
		return nil
	}
	return &o.run.Catalog[i]
}

// whole: a call that touches this part of a table's pages has read all of it; a
// scan with LIMIT stops half way on average.
const whole = 0.5

// reads reports whether each call reads the table whole, as far as counters of
// tables tell: others may scan it as well.
func (p point) reads(a analyzers.Access) bool {
	t := p.table(a)
	i := slices.IndexFunc(p.window.Tables, func(io evidence.TableIO) bool { return io.Schema == a.Schema && io.Name == a.Name })
	return t != nil && i >= 0 &&
		p.total.blocks >= whole*t.Pages*p.total.calls && p.window.Tables[i].SeqScans >= whole*p.total.calls
}

// wholeTable returns a table that each call reads whole; nil for none.
func (p point) wholeTable() *evidence.Table {
	for _, a := range p.use.Tables {
		if p.reads(a) {
			return p.table(a)
		}
	}
	return nil
}

// planChanged names a table that is read whole at one of two sizes only: the
// planner has gone another way, so that one line can't go through both.
func planChanged(a, b point) (string, bool) {
	for _, access := range a.use.Tables {
		if access.Writes && !access.Reads && len(access.Equal) == 0 {
			continue // a row that is inserted has no plan
		}
		if a.reads(access) != b.reads(access) {
			return access.Table(), true
		}
	}
	return "", false
}

// top reports whether a statement of a footprint was sent by the application: what
// runs inside functions is in its caller's cost.
func (o *observed) top(id string) bool { return o.statements[o.run.Texts[id].Fingerprint] != nil }

// part returns what a statement costs a request of an endpoint, and how often it
// is sent.
func (o *observed) part(print evidence.Footprint, fp string, m Measure) (cost, calls float64) {
	for _, s := range print.Statements {
		if o.run.Texts[s.ID].Fingerprint == fp {
			cost += of(s, m)
			calls += s.Calls
		}
	}
	return cost, calls
}

// calls returns how often a request of an endpoint sends a statement.
func (o *observed) calls(endpoint, fp string) float64 {
	for _, print := range o.run.Footprints {
		if print.Endpoint == endpoint {
			_, n := o.part(print, fp, Blocks)
			return n
		}
	}
	return 0
}
