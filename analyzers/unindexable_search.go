package analyzers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// UnindexableSearch finds conditions that no plain index can serve.
var UnindexableSearch = &Analyzer{
	Name:  "unindexable-search",
	Needs: []evidence.Kind{evidence.Statements, evidence.Tables},
	Run:   unindexableSearch,
	Doc: `a condition hides its column from every index

A B-tree is sorted by the column's value, so it finds values and ranges of values.
LIKE '%word%' may match anywhere, lower(email) is another value than email, and so is
created_at::date: each row must be read and tried. An index on the column is there and
no use, or missing and would be none.

How to confirm it by hand:

    EXPLAIN (ANALYZE, BUFFERS) SELECT …;     -- "Filter:" with the condition, not "Index Cond:"

What to do: words in texts are full text search (tsvector and GIN); parts of words
are trigrams (pg_trgm and GIN); lower(column) = is served by an index on that very
expression, or by a column of type citext; created_at::date = $1 is a range, from $1 up
to the next day; and a column that is cast to the parameter's type is better compared
with a parameter of the column's type. A prefix, LIKE 'word%', is served by an index
with text_pattern_ops.

When it is wrong: the table is small by nature, or the search is rare and may take
its time.`,
}

func unindexableSearch(p *Pass) {
	seen := map[string]bool{}
	for s := range p.scans() {
		h, ok := hiddenColumn(s.text, s.table)
		if !ok || seen[s.ID] {
			continue
		}
		seen[s.ID] = true
		f := p.query(s.Statement, statement(s.ID))
		table := qualified(s.table.Schema, s.table.Name)
		f.Subject.Detail = table
		f.Message = fmt.Sprintf("each call tries about %s rows of %s to return %.1f: no plain index serves %s; %.0f calls a second",
			digits.Group(s.rowsRead()), table, s.Rows/s.Calls, h, s.Calls/float64(p.Window.Length))
		f.Exhibits = append(s.exhibits(), f.Exhibits...)
		f.Remedy = h.remedy(s.table)
		p.Report(f)
	}
}

// A hidden column is one that is compared in a way that hides it from its index.
type hidden struct {
	column   string
	operator string // like, ilike, ~ …; empty for a function or a cast
	wrapper  string // of the column: a function's name, or "::" and a type
}

func (h hidden) String() string {
	switch {
	case h.operator != "":
		return h.column + " " + strings.ToUpper(h.operator)
	case strings.HasPrefix(h.wrapper, "::"):
		return h.column + h.wrapper
	}
	return h.wrapper + "(" + h.column + ")"
}

func (h hidden) remedy(t evidence.Table) *Remedy {
	table, column := quoted(t.Schema, t.Name), quoteIdent(h.column)
	switch {
	case h.operator != "":
		return &Remedy{
			Title: "trigrams for parts of words; full text search for words",
			SQL:   fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS pg_trgm; CREATE INDEX CONCURRENTLY ON %s USING gin (%s gin_trgm_ops);", table, column),
		}
	case h.wrapper == "lower" || h.wrapper == "upper":
		return &Remedy{
			Title: "an index on the expression",
			SQL:   fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s(%s));", table, h.wrapper, column),
		}
	}
	return &Remedy{Title: fmt.Sprintf("compare %s itself, with a value or a range of its own type, instead of %s", h.column, h)}
}

var (
	patternOperators = []string{"like", "ilike", "similar", "~", "~*"}
	comparisons      = []string{"=", "<", ">", "<=", ">=", "in", "between", "like", "ilike", "~", "~*"}
)

// hiddenColumn returns the first of the table's columns that the statement
// compares in such a way. What it must find to be right is a condition that
// rows are tried by; the caller has seen that all rows are.
func hiddenColumn(ts []string, t evidence.Table) (hidden, bool) {
	names := aliases(ts, t)
	if len(names) == 0 {
		return hidden{}, false
	}
	for i := range ts {
		col, next := column(ts, i, t, names)
		if col == "" {
			continue
		}
		op := at(ts, next)
		switch {
		case slices.Contains(patternOperators, op):
			return hidden{column: col, operator: op}, true
		case op == ":" && at(ts, next+1) == ":" && slices.Contains(comparisons, at(ts, next+3)):
			return hidden{column: col, wrapper: "::" + at(ts, next+2)}, true
		case at(ts, i-1) == "(" && at(ts, i-2) == "cast" && op == "as" && at(ts, next+2) == ")" && slices.Contains(comparisons, at(ts, next+3)):
			return hidden{column: col, wrapper: "::" + at(ts, next+1)}, true
		case at(ts, i-1) == "(" && isFunction(at(ts, i-2)) && op == ")" && slices.Contains(comparisons, at(ts, next+1)):
			return hidden{column: col, wrapper: at(ts, i-2)}, true
		}
	}
	return hidden{}, false
}

// isFunction reports whether the word before a bracket is a function of one row.
func isFunction(s string) bool {
	return isIdent(s) && !slices.Contains(clauses, s) && !slices.Contains(aggregateFunctions, s) &&
		!slices.Contains([]string{"in", "any", "all", "some", "and", "or", "not", "by", "exists", "coalesce"}, s)
}
