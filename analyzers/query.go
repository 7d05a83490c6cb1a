package analyzers

import (
	"iter"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// statement claims all the time that is spent in one statement.
func statement(id string) capacity.Claim {
	return func(k capacity.Key) float64 { return is(k.Statement == id) }
}

// query begins a finding about one statement of which the claim's part is to
// blame. What is to be said about it is added by the analyzer.
func (p *Pass) query(s evidence.Statement, claim capacity.Claim) Finding {
	blame := p.Step.Blame(claim)
	bound := capacity.CPU
	if classes := p.Step.ByClass(s.ID); classes[capacity.ClassIO] > classes[capacity.ClassCPU]+classes[capacity.ClassQueue] {
		bound = capacity.IO
	}
	return Finding{
		Bound: bound,
		Subject: Subject{
			Kind: Query, Name: p.Run.Text(s.ID), Statement: s.ID, Endpoint: heaviest(p.Step, statement(s.ID)),
		},
		Load: blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"calls", s.Calls / float64(p.Window.Length), "1/s", "pg_stat_statements"},
			{"mean execution time", s.Seconds / s.Calls, "s", "pg_stat_statements"},
			{"rows returned by one call", s.Rows / s.Calls, "rows", "pg_stat_statements"},
			{"blocks touched by one call", (s.Hit + s.Read) / s.Calls, "blocks", "pg_stat_statements"},
			{"share of all processor time", blame.CPU, "share", "schedstat, pg_stat_activity"},
		},
	}
}

// ours are the statements of the judged step that somebody else than scalecheck
// sent, those inside functions and triggers left out: their time is in the
// statement that called them.
func (p *Pass) ours() iter.Seq[evidence.Statement] {
	return func(yield func(evidence.Statement) bool) {
		for _, s := range p.Window.Statements {
			if s.Own || s.Nested || s.Calls < 1 {
				continue
			}
			if !yield(s) {
				return
			}
		}
	}
}

// A scan is a statement and a table that each of its calls reads whole, to
// return a little of it.
type scan struct {
	evidence.Statement
	table evidence.Table
	io    evidence.TableIO
	text  []string // tokens
	cols  columns
}

const (
	// minPages: a table of less than 100 pages (800 kB) is read in under a
	// millisecond; nobody needs an index for it. (Dexter and PgHero draw the line
	// at similar levels.)
	minPages = 100
	// wholeTable: the part of a table's pages that one call must touch to count
	// as reading it whole. A scan with LIMIT stops half way on average.
	wholeTable = 0.5
	// selective: the part of the rows read above which PostgreSQL would scan
	// anyway. With default costs the planner turns to a scan at about a tenth.
	selective = 0.1
)

// scans finds the statements that read a whole table for a little of it. A
// statement shows up once for each such table.
func (p *Pass) scans() iter.Seq[scan] {
	return func(yield func(scan) bool) {
		for s := range p.ours() {
			text := p.words(s.ID)
			for _, t := range p.Run.Catalog {
				if t.Pages < minPages || !slices.Contains(text, t.Name) {
					continue
				}
				io := tableIO(p.Window, t)
				if io == nil || (s.Hit+s.Read)/s.Calls < wholeTable*t.Pages || io.SeqScans < wholeTable*s.Calls {
					continue
				}
				sc := scan{s, t, *io, text, columnsOf(text, t)}
				if s.Rows/s.Calls > selective*sc.rows() {
					continue
				}
				if !yield(sc) {
					return
				}
			}
		}
	}
}

// rows is how many rows the table has. The planner's estimate is from the last VACUUM
// or ANALYZE, and was perhaps never made; the counted number begins at zero when
// statistics are reset, and in a copy of the database.
func (s scan) rows() float64 { return max(s.table.Rows, s.table.Live, s.io.LiveRows) }

// rowsRead is how many rows of the table one call reads, at most. Parallel
// workers count a scan each; other statements may scan the table too.
func (s scan) rowsRead() float64 { return min(s.rows(), s.io.SeqRows/s.Calls) }

func (s scan) exhibits() []Exhibit {
	return []Exhibit{
		{"rows read by one call", s.rowsRead(), "rows", "pg_stat_user_tables"},
		{"pages of the table", s.table.Pages, "blocks", "pg_class"},
	}
}
