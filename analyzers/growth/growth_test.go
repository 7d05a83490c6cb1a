package growth_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers/growth"
	"github.com/scalecheck/scalecheck/evidence"
)

const lookup = "select body from items where owner = $1"

// A shop is an application whose one statement costs what a test says.
type shop struct {
	sql    string
	blocks func(rows float64) float64 // of a call
	rows   func(rows float64) float64 // returned by a call; nil: one
	calls  float64                    // in a window; 0: 100
	spread float64                    // of the cost, between windows; 0: two per cent
	scans  func(rows float64) bool    // the table is read whole; nil: never
}

// run records four windows of the shop with so many rows. Statement IDs differ
// from run to run, as those of servers do.
func (s shop) run(rows float64) *evidence.Run {
	if s.calls == 0 {
		s.calls = 100
	}
	if s.spread == 0 {
		s.spread = 0.02
	}
	id := "q" + strconv.Itoa(int(rows))
	returned := 1.0
	if s.rows != nil {
		returned = s.rows(rows)
	}
	r := &evidence.Run{
		Texts:       map[string]evidence.Text{id: evidence.Redact(s.sql)},
		Catalog:     []evidence.Table{{Schema: "public", Name: "items", Rows: rows, Pages: rows / 100, Columns: []string{"id", "owner", "body"}}},
		Environment: evidence.Environment{DatabaseBytes: int64(rows * 100)},
		Footprints: []evidence.Footprint{{Endpoint: "GET /items", Requests: 5, Statements: []evidence.FootprintStatement{
			{ID: id, Calls: 3, Rows: 3 * returned, Blocks: 3 * s.blocks(rows), Seconds: 0.001},
		}}},
		End: &evidence.End{Reason: evidence.Completed},
	}
	for i := range 4 {
		off := 1 + s.spread*float64(2*(i%2)-1)
		w := evidence.Window{
			Phase: evidence.Measure, Step: i, Length: 10,
			Statements: []evidence.Statement{
				{ID: id, Calls: s.calls, Rows: s.calls * returned, Hit: s.calls * s.blocks(rows) * off, Seconds: s.calls * 0.001},
				{ID: "own", Own: true, Calls: 9, Hit: 1e9},
			},
			Tables: []evidence.TableIO{{Schema: "public", Name: "items", SeqScans: 1}},
		}
		if s.scans != nil && s.scans(rows) {
			w.Tables[0].SeqScans = s.calls
		}
		r.Windows = append(r.Windows, w)
	}
	return r
}

func fitOne(t *testing.T, runs ...*evidence.Run) growth.Statement {
	t.Helper()
	g, err := growth.New(runs)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Statements) != 1 {
		t.Fatalf("statements: %+v", g.Statements)
	}
	return g.Statements[0]
}

func power(factor, exponent float64) func(float64) float64 {
	return func(rows float64) float64 { return factor * math.Pow(rows, exponent) }
}

func TestExponents(t *testing.T) {
	always := func(float64) bool { return true }
	for _, tt := range []struct {
		name     string
		shop     shop
		exponent float64
		shape    growth.Shape
		flag     growth.Flag
	}{
		{"an index", shop{sql: lookup, blocks: power(4, 0)}, 0, growth.Constant, ""},
		{"a square root", shop{sql: lookup, blocks: power(3, 0.5)}, 0.5, growth.Sublinear, ""},
		{"no index", shop{sql: lookup, blocks: power(0.01, 1), scans: always}, 1, growth.Linear, growth.LinearLookup},
		{"no index, by an index of another column", shop{sql: lookup, blocks: power(0.01, 1)}, 1, growth.Linear, growth.LinearLookup},
		{"a report on everything", shop{sql: "select sum(price) from items", blocks: power(0.01, 1), scans: always}, 1, growth.Linear, ""},
		{"a list without a limit", shop{sql: lookup, blocks: power(0.01, 1), rows: power(0.1, 1)}, 1, growth.Linear, growth.LongerResult},
		{"a list that stays in few blocks", shop{sql: lookup, blocks: power(4, 0), rows: power(0.1, 1)}, 0, growth.Constant, growth.LongerResult},
		{"a join with itself", shop{sql: "select count(*) from items a, items b where a.owner <> b.owner", blocks: power(1e-5, 2)}, 2, growth.Superlinear, growth.FasterThanData},
	} {
		for _, sizes := range [][]float64{{1e4, 1e5}, {1e4, 4e4, 2e5}} {
			t.Run(tt.name+" at "+strconv.Itoa(len(sizes)), func(t *testing.T) {
				var runs []*evidence.Run
				for _, n := range sizes {
					runs = append([]*evidence.Run{tt.shop.run(n)}, runs...) // in any order
				}
				s := fitOne(t, runs...)
				if s.Why != "" || len(s.Fits) == 0 || s.By != "rows of its tables" {
					t.Fatalf("%+v", s)
				}
				f := s.Fits[0]
				if f.Measure != growth.Blocks || math.Abs(f.Exponent-tt.exponent) > 0.01 || f.Low > tt.exponent || f.High < tt.exponent || f.Low == f.High {
					t.Errorf("exponent %v (%v to %v) of %s, want %v", f.Exponent, f.Low, f.High, f.Measure, tt.exponent)
				}
				largest := sizes[len(sizes)-1]
				want := tt.shop.blocks(growth.Ahead * largest)
				if math.Abs(f.Then/want-1) > 0.05 || f.ThenLow > want || f.ThenHigh < want || math.Abs(f.Now/tt.shop.blocks(largest)-1) > 0.01 {
					t.Errorf("now %v, then %v (%v to %v), want %v", f.Now, f.Then, f.ThenLow, f.ThenHigh, want)
				}
				if s.Shape != tt.shape || s.Flag != tt.flag {
					t.Errorf("%s, flag %q; want %s, %q", s.Shape, s.Flag, tt.shape, tt.flag)
				}
				if len(s.Effects) != 1 || s.Effects[0].Calls[0] != 3 || math.Abs(s.Effects[0].Then/(3*want)-1) > 0.05 {
					t.Errorf("effects %+v, want 3 calls a request", s.Effects)
				}
			})
		}
	}
}

func TestInconclusive(t *testing.T) {
	scan := shop{sql: lookup, blocks: power(0.01, 1)}
	other := shop{sql: "select id from items", blocks: power(1, 0)}
	noisy, rare, flips, small := scan, scan, scan, scan
	small.scans = func(float64) bool { return true }
	noisy.spread, rare.calls = 0.9, 2
	flips.scans = func(rows float64) bool { return rows < 5e4 }
	both := scan.run(1e4)
	both.Windows[0].Statements = append(both.Windows[0].Statements, other.run(1).Windows[0].Statements[0])
	for _, tt := range []struct {
		name string
		runs []*evidence.Run
		why  string
	}{
		{"too close", []*evidence.Run{scan.run(1e4), scan.run(1.5e4)}, "differ by a factor of 1.5 only; it takes 2"},
		{"too few calls", []*evidence.Run{rare.run(1e4), rare.run(1e5)}, "called only 8 times at 10 000 rows of its tables; it takes 10"},
		{"less with more data", []*evidence.Run{shop{sql: lookup, blocks: power(1e4, -1)}.run(1e4), shop{sql: lookup, blocks: power(1e4, -1)}.run(1e5)}, "it costs less where there is more data (exponent -1)"},
		{"too noisy", []*evidence.Run{noisy.run(1e4), noisy.run(2.5e4)}, "its calls differ too much"},
		{"a table that is small", []*evidence.Run{small.run(400), small.run(4000)}, "at 4 000 rows of its tables it reads items whole, which had 40 pages"},
		{"another plan", []*evidence.Run{flips.run(1e4), flips.run(1e5)}, "items is read whole at one of the sizes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := growth.New(tt.runs)
			if err != nil {
				t.Fatal(err)
			}
			s := g.Statements[0]
			if len(s.Fits) > 0 || s.Shape != growth.Inconclusive || s.Flag != "" || !strings.Contains(s.Why, tt.why) || g.Conclusive() {
				t.Errorf("%+v\nwant no answer because %q", s, tt.why)
			}
		})
	}
}

func TestOneSizeOnly(t *testing.T) {
	g, err := growth.New([]*evidence.Run{
		shop{sql: lookup, blocks: power(4, 0)}.run(1e4),
		shop{sql: "select id from items", blocks: power(4, 0)}.run(1e5),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Statements) != 2 || g.Statements[0].Why != "it was sent at one size only" || g.Statements[1].Why != g.Statements[0].Why {
		t.Errorf("%+v", g.Statements)
	}
}

// Of three sizes the smallest may have another plan, or another slope: small tables
// are read whole, and a constant part hides what grows.
func TestLargerSizesCount(t *testing.T) {
	for _, tt := range []struct {
		name string
		shop shop
		note string
	}{
		{"another plan", shop{sql: lookup, blocks: func(n float64) float64 { return map[bool]float64{true: n / 100, false: 4}[n < 2e3] }, scans: func(n float64) bool { return n < 2e3 }},
			"its plan is another at 1 000 rows of its tables: items"},
		{"too few calls", shop{sql: lookup, blocks: power(0.01, 1)}, "it was called only 4 times at 1 000 rows"},
		{"another slope", shop{sql: lookup, blocks: func(n float64) float64 { return max(4, n/1e4*4) }}, "its exponent is "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tiny := tt.shop
			if tt.name == "too few calls" {
				tiny.calls = 1
			}
			s := fitOne(t, tiny.run(1e3), tt.shop.run(1e4), tt.shop.run(1e5))
			want := math.Log10(tt.shop.blocks(1e5) / tt.shop.blocks(1e4))
			if s.Why != "" || len(s.Sizes) != 2 || math.Abs(s.Fits[0].Exponent-want) > 0.01 {
				t.Errorf("%+v, want an exponent of %v", s, want)
			}
			if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], tt.note) {
				t.Errorf("notes %q, want one with %q", s.Notes, tt.note)
			}
		})
	}
}

// What the tables are can't be told of a view: the database stands for them.
func TestDatabaseSize(t *testing.T) {
	s := fitOne(t, shop{sql: "select * from a_view", blocks: power(0.01, 1)}.run(1e4), shop{sql: "select * from a_view", blocks: power(0.01, 1)}.run(1e5))
	if s.By != "bytes of the database" || len(s.Sizes) != 2 || s.Sizes[1] != 1e7 || math.Abs(s.Fits[0].Exponent-1) > 0.01 {
		t.Errorf("%+v", s)
	}
}

// Order, endpoints, caveats.
func TestGrowth(t *testing.T) {
	cheap, dear := shop{sql: lookup, blocks: power(4, 0)}, shop{sql: "select id from items where body = $1", blocks: power(0.01, 1)}
	both := func(rows float64) *evidence.Run {
		r, o := cheap.run(rows), dear.run(rows)
		id := "dear" + strconv.Itoa(int(rows))
		for _, text := range o.Texts {
			r.Texts[id] = text
		}
		for i, w := range o.Windows {
			s := w.Statements[0]
			s.ID = id
			r.Windows[i].Statements = append(r.Windows[i].Statements, s)
		}
		s := o.Footprints[0].Statements[0]
		s.ID, s.Calls = id, rows/1e4 // a loop over the data
		r.Footprints[0].Statements = append(r.Footprints[0].Statements, s)
		return r
	}
	small, large := both(1e4), both(1e5)
	large.Plan.SHA256 = "another"
	g, err := growth.New([]*evidence.Run{large, small})
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Sizes) != 2 || g.Sizes[0].Rows != 1e4 || len(g.Statements) != 2 || g.Statements[0].Text != "select id from items where body = $1" {
		t.Errorf("%+v", g)
	}
	// 3 calls of 4 blocks, and what 1000 blocks become.
	if e := g.Endpoints[0]; e.Now != 12+3000 || math.Abs(e.Then/(12+30000)-1) > 0.01 || e.Unknown != 0 {
		t.Errorf("endpoint %+v", e)
	}
	if len(g.Caveats) != 1 || !strings.Contains(g.Caveats[0], "scenario") {
		t.Errorf("caveats %q", g.Caveats)
	}
	if n := g.Statements[0].Notes; len(n) != 1 || !strings.Contains(n[0], "GET /items sends it more often where there is more data: 1 times a request, then 10") {
		t.Errorf("notes %q", n)
	}
}

func TestNewRefuses(t *testing.T) {
	one := shop{sql: lookup, blocks: power(4, 0)}.run(1e4)
	if _, err := growth.New([]*evidence.Run{one}); err == nil {
		t.Error("one run is enough")
	}
	if _, err := growth.New([]*evidence.Run{one, {}}); err == nil || err.Error() != "run 2: no load was measured" {
		t.Errorf("a run without load: %v", err)
	}
}
