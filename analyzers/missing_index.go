package analyzers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// MissingIndex finds statements that read a whole table to return a little of it.
var MissingIndex = &Analyzer{
	Name:  "missing-index",
	Needs: []evidence.Kind{evidence.Statements, evidence.Tables},
	Run:   missingIndex,
	Doc: `a statement reads a whole table to return a few rows

With ten thousand rows nobody notices: the table is in memory and the scan takes
a millisecond. The cost grows with the table, and it is paid at every call. Soon
every request that sends the statement waits for a processor, and so does every
other request on the machine.

How to confirm it by hand:

    EXPLAIN (ANALYZE, BUFFERS) SELECT …;         -- "Seq Scan", many rows removed by filter
    SELECT seq_scan, seq_tup_read, idx_scan
    FROM   pg_stat_user_tables
    WHERE  relname = '…';                        -- grows with every call

What to do: create an index whose first columns are the ones compared with "=",
followed by the column that is sorted or compared with "<" or ">". On a busy
server build it with CREATE INDEX CONCURRENTLY.

When it is wrong: the statement needs most of the table anyway (an aggregate over
everything), or the index is there and the planner does not use it, for which
statistics or settings are to blame. The statement's columns are read from its
text, not from a plan: look at the plan before you build.`,
}

const (
	// minPages: reading fewer pages (of 8 kB) in a row costs about as much as
	// the few random ones of an index look-up (seq_page_cost 1 against
	// random_page_cost 4, and three or four levels).
	minPages = 100
	// wholeTable: the part of a table's pages that one call must touch to count
	// as reading it whole. A scan with LIMIT stops half way on average.
	wholeTable = 0.5
	// selective: the part of the rows read above which PostgreSQL would scan
	// anyway. With default costs the planner turns to a scan at about a tenth.
	selective = 0.1
)

func missingIndex(p *Pass) {
	for _, s := range p.Window.Statements {
		if s.Own || s.Calls < 1 {
			continue
		}
		text := p.Run.Text(s.ID)
		blocks := (s.Hit + s.Read) / s.Calls
		for _, t := range p.Run.Catalog {
			cols := columnsOf(text, t)
			if len(cols.equal)+len(cols.ranged) == 0 || t.Pages < minPages {
				continue
			}
			io := tableIO(p.Window, t)
			if io == nil || blocks < wholeTable*t.Pages || io.SeqScans < wholeTable*s.Calls {
				continue
			}
			rows := s.Rows / s.Calls
			if rows > selective*t.Rows || served(t, cols) {
				continue
			}
			p.Report(missingIndexFinding(p, s, t, *io, cols, text))
			break // one table a statement
		}
	}
}

func missingIndexFinding(p *Pass, s evidence.Statement, t evidence.Table, io evidence.TableIO, cols columns, text string) Finding {
	claim := func(k capacity.Key) float64 {
		if k.Statement == s.ID {
			return 1
		}
		return 0
	}
	blame := p.Step.Blame(claim)
	bound := capacity.CPU
	if classes := p.Step.ByClass(s.ID); classes[capacity.ClassIO] > classes[capacity.ClassCPU]+classes[capacity.ClassQueue] {
		bound = capacity.IO
	}
	// Parallel workers count a scan each; other statements may scan the table too.
	read := min(t.Rows, io.SeqRows/s.Calls)
	endpoint := heaviest(p.Step, claim)
	table := qualified(t.Schema, t.Name)
	return Finding{
		Bound:   bound,
		Subject: Subject{Kind: Query, Name: text, Endpoint: endpoint, Statement: s.ID, Detail: table},
		Message: fmt.Sprintf("each call reads about %.0f rows of %s to return %.1f; %.0f calls a second",
			read, table, s.Rows/s.Calls, s.Calls/float64(p.Window.Length)),
		Load: blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"rows read by one call", read, "rows", "pg_stat_user_tables"},
			{"rows returned by one call", s.Rows / s.Calls, "rows", "pg_stat_statements"},
			{"blocks touched by one call", (s.Hit + s.Read) / s.Calls, "blocks", "pg_stat_statements"},
			{"pages of the table", t.Pages, "blocks", "pg_class"},
			{"calls", s.Calls / float64(p.Window.Length), "1/s", "pg_stat_statements"},
			{"mean execution time", s.Seconds / s.Calls, "s", "pg_stat_statements"},
			{"share of all processor time", blame.CPU, "share", "schedstat, pg_stat_activity"},
		},
		Remedy: &Remedy{
			Title: fmt.Sprintf("an index on %s (%s)", table, strings.Join(cols.key(), ", ")),
			SQL:   fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", quoted(t.Schema, t.Name), strings.Join(cols.keySQL(), ", ")),
		},
		Caveats: []string{"the columns are read from the statement's text; check the plan, and what the index costs writes, on a clone first"},
	}
}

// served reports whether an index already begins with a column that the
// statement compares: then the plan is the question, not the index.
func served(t evidence.Table, cols columns) bool {
	for _, ix := range t.Indexes {
		if !ix.Valid || ix.Partial || len(ix.Columns) == 0 {
			continue
		}
		if slices.Contains(cols.equal, ix.Columns[0]) || slices.Contains(cols.ranged, ix.Columns[0]) {
			return true
		}
	}
	return false
}

func tableIO(w evidence.Window, t evidence.Table) *evidence.TableIO {
	for i := range w.Tables {
		if w.Tables[i].Schema == t.Schema && w.Tables[i].Name == t.Name {
			return &w.Tables[i]
		}
	}
	return nil
}

// qualified names a table as people do: without the schema where it is public.
func qualified(schema, name string) string {
	if schema == "" || schema == "public" {
		return name
	}
	return schema + "." + name
}
