package analyzers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// MissingIndex finds statements that read far more of a table than an index would
// make them.
var MissingIndex = &Analyzer{
	Name:  "missing-index",
	Needs: []evidence.Kind{evidence.Statements, evidence.Tables},
	Run:   missingIndex,
	Doc: `a statement reads a whole table to return a few rows

With ten thousand rows nobody notices: the table is in memory and the scan takes
a millisecond. The cost grows with the table, and it is paid at every call. Soon
every request that sends the statement waits for a processor, and so does every
other request on the machine.

Two relatives look healthier in a plan. An index on one of the compared columns
finds everything about it, and the rest is thrown away row by row. And a foreign
key without an index on the side that refers makes every DELETE of a parent read
all of its possible children, in a trigger that no plan shows.

How to confirm it by hand:

    EXPLAIN (ANALYZE, BUFFERS) SELECT …;         -- "Seq Scan", many rows removed by filter;
                                                 -- of a DELETE: "Trigger for constraint … time="
    SELECT seq_scan, seq_tup_read, idx_scan
    FROM   pg_stat_user_tables
    WHERE  relname = '…';                        -- grows with every call

What to do: create an index whose first columns are the ones compared with "=",
followed by the column that is sorted or compared with "<" or ">"; for a foreign
key, on the columns that refer. On a busy server build it with CREATE INDEX
CONCURRENTLY.

When it is wrong: the statement needs most of the table anyway (an aggregate over
everything). The statement's columns are read from its
text, not from a plan: look at the plan before you build.`,
}

// A table's statements are held against three ideals: a scan of the whole table
// that an index would spare, an index that finds too much, and a foreign key whose
// side that refers has none.
func missingIndex(p *Pass) {
	seen := map[string]bool{}
	for s := range p.scans() {
		if seen[s.ID] || len(s.cols.equal)+len(s.cols.ranged) == 0 || served(s.table, s.cols) || forcedGeneric(p, s) {
			continue
		}
		seen[s.ID] = true // one table a statement
		p.Report(wholeTableFinding(p, s))
	}
	for s := range p.ours() {
		if seen[s.ID] {
			continue
		}
		if t, cols, ok := overread(p, s); ok {
			p.Report(overreadFinding(p, s, t, cols))
		} else if t, k, ok := unindexedReference(p, s); ok {
			p.Report(referenceFinding(p, s, t, k))
		}
	}
}

const fromText = "the columns are read from the statement's text; check the plan, and what the index costs writes, on a clone first"

func wholeTableFinding(p *Pass, s scan) Finding {
	f := p.query(s.Statement, statement(s.ID))
	table := qualified(s.table.Schema, s.table.Name)
	f.Subject.Detail = table
	f.Message = fmt.Sprintf("each call reads about %s rows of %s to return %.1f; %.0f calls a second",
		digits.Group(s.rowsRead()), table, s.Rows/s.Calls, s.Calls/float64(p.Window.Length))
	f.Exhibits = append(s.exhibits(), f.Exhibits...)
	f.Remedy = indexOn(s.table, s.cols.keySQL())
	f.Caveats = []string{fromText}
	return f
}

// indexOn proposes an index on columns as SQL has them, quoted where they must be.
func indexOn(t evidence.Table, columns []string) *Remedy {
	key := strings.Join(columns, ", ")
	return &Remedy{
		Title: fmt.Sprintf("an index on %s (%s)", qualified(t.Schema, t.Name), key),
		SQL:   fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", quoted(t.Schema, t.Name), key),
	}
}

// served reports whether an index already begins with a column that the
// statement compares: then the plan is the question, not the index.
func served(t evidence.Table, cols columns) bool {
	return slices.ContainsFunc(t.Indexes, func(ix evidence.Index) bool {
		return ix.Valid && !ix.Partial && begins(ix, cols)
	})
}

func begins(ix evidence.Index, cols columns) bool {
	return len(ix.Columns) > 0 && (slices.Contains(cols.equal, ix.Columns[0]) || slices.Contains(cols.ranged, ix.Columns[0]))
}

// overreads: with an index that serves the whole condition a row costs at most a
// block of the table and a few of the index. Ten times that is another index's
// work, and no rounding.
const overreads = 10

// overread reports a table of which the statement finds far more by an index
// than it returns, and the columns of the index that would find only that.
func overread(p *Pass, s evidence.Statement) (evidence.Table, columns, bool) {
	text := p.words(s.ID)
	rows, blocks := s.Rows/s.Calls, (s.Hit+s.Read)/s.Calls
	// Groups, OFFSET and joins read more than they return with any index.
	if blocks < minPages || blocks < overreads*(rows+overreads) || aggregates(text) || skips(text) || joins(text) || at(text, 0) == "insert" {
		return evidence.Table{}, columns{}, false
	}
	for _, t := range p.Run.Catalog {
		io := tableIO(p.Window, t)
		if io == nil || t.Pages < minPages || io.IndexScans < wholeTable*s.Calls || !slices.Contains(text, t.Name) {
			continue
		}
		cols := columnsOf(text, t)
		key := cols.key()
		// What the scans of all statements fetch is the most that this one's can have.
		fetched := io.IndexRows / s.Calls
		if len(cols.equal) == 0 || fetched < minPages || fetched < overreads*(rows+1) || covers(t, key) {
			continue
		}
		return t, cols, true
	}
	return evidence.Table{}, columns{}, false
}

// covers reports whether an index has all columns of the key in front, those
// compared with "=" in any order.
func covers(t evidence.Table, key []string) bool {
	return slices.ContainsFunc(t.Indexes, func(ix evidence.Index) bool {
		if !ix.Valid || ix.Partial || len(ix.Columns) < len(key) {
			return false
		}
		for _, c := range ix.Columns[:len(key)] {
			if !slices.Contains(key, c) {
				return false
			}
		}
		return true
	})
}

func overreadFinding(p *Pass, s evidence.Statement, t evidence.Table, cols columns) Finding {
	f := p.query(s, statement(s.ID))
	table := qualified(t.Schema, t.Name)
	f.Subject.Detail = table
	f.Message = fmt.Sprintf("each call touches %s blocks of %s by an index to return %.1f rows: the index serves only part of the condition; %.0f calls a second",
		digits.Group((s.Hit+s.Read)/s.Calls), table, s.Rows/s.Calls, s.Calls/float64(p.Window.Length))
	f.Remedy = indexOn(t, cols.keySQL())
	f.Caveats = []string{fromText}
	return f
}

// unindexedReference reports the table that is read whole, for each row that the
// statement deletes, to see whether it refers to that row, and the foreign key
// that makes PostgreSQL do so. The check is a trigger's: its blocks are in the
// statement's counters, the statement's own plan shows nothing.
func unindexedReference(p *Pass, s evidence.Statement) (evidence.Table, evidence.ForeignKey, bool) {
	text := p.words(s.ID)
	for _, t := range p.Run.Catalog {
		if t.Pages < minPages || s.Rows < 1 {
			continue
		}
		for _, k := range t.ForeignKeys {
			io := tableIO(p.Window, t)
			if io == nil || !removes(text, k) || io.SeqScans < wholeTable*s.Rows || s.Hit+s.Read < wholeTable*t.Pages*s.Rows {
				continue
			}
			if !served(t, columns{equal: k.Columns}) {
				return t, k, true
			}
		}
	}
	return evidence.Table{}, evidence.ForeignKey{}, false
}

// removes reports whether the statement deletes rows that the key refers to, or
// gives them another key.
func removes(ts []string, k evidence.ForeignKey) bool {
	parent := evidence.Table{Schema: k.Schema, Name: k.Table, Columns: k.Referenced}
	for i, t := range ts {
		if t != k.Table {
			continue
		}
		start := i
		if at(ts, i-1) == "." {
			if at(ts, i-2) != k.Schema {
				continue
			}
			start = i - 2
		}
		if at(ts, start-1) == "only" {
			start--
		}
		if at(ts, start-1) == "from" && at(ts, start-2) == "delete" {
			return true
		}
		if at(ts, start-1) != "update" {
			continue
		}
		for j := range ts {
			if col, next := column(ts, j, parent, aliases(ts, parent)); col != "" && at(ts, next) == "=" && assigned(ts, j) {
				return true
			}
		}
	}
	return false
}

func referenceFinding(p *Pass, s evidence.Statement, t evidence.Table, k evidence.ForeignKey) Finding {
	f := p.query(s, statement(s.ID))
	table := qualified(t.Schema, t.Name)
	f.Subject.Detail = table
	f.Message = fmt.Sprintf("for each row removed from %s all %s rows of %s are read, to see which refer to it; %.1f rows a second",
		qualified(k.Schema, k.Table), digits.Group(t.Rows), table, s.Rows/float64(p.Window.Length))
	f.Exhibits = append([]Exhibit{
		{"blocks touched for one removed row", (s.Hit + s.Read) / s.Rows, "blocks", "pg_stat_statements"},
		{"pages of the table", t.Pages, "blocks", "pg_class"},
	}, f.Exhibits...)
	var sql []string
	for _, c := range k.Columns {
		sql = append(sql, quoteIdent(c))
	}
	f.Remedy = indexOn(t, sql)
	f.Caveats = []string{"the check is named by the foreign key " + k.Name + ", not seen in a plan: EXPLAIN ANALYZE shows it as the time of a trigger"}
	return f
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
