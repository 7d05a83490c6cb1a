package analyzers

import (
	"regexp"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// columns are those of one table that a statement compares or sorts by.
type columns struct {
	equal  []string // compared with =, IN, = ANY
	ranged []string // with <, >, BETWEEN
	sorted []string // ORDER BY, in order; empty when it sorts by anything else too
	desc   []bool   // of sorted
}

// key returns the columns of an index that would serve.
func (c columns) key() []string {
	key := slices.Clone(c.equal)
	for _, more := range [][]string{c.sorted, c.ranged} {
		added := 0
		for _, col := range more {
			if !slices.Contains(key, col) {
				key = append(key, col)
				added++
			}
		}
		if added > 0 {
			break // behind a range nothing more can be used
		}
	}
	return key
}

func (c columns) keySQL() []string {
	var out []string
	for _, col := range c.key() {
		s := quoteIdent(col)
		if i := slices.Index(c.sorted, col); i >= 0 && c.desc[i] && !slices.Contains(c.equal, col) {
			s += " DESC"
		}
		out = append(out, s)
	}
	return out
}

// token splits a statement without literals: identifiers, placeholders,
// operators, punctuation.
var token = regexp.MustCompile(`"(?:[^"]|"")+"|[\p{L}_][\p{L}\p{N}_$]*|\$\d+|[<>=!~]+|[^\s]`)

// words returns the statement's tokens, folded as PostgreSQL folds them. The
// text has no literals (evidence.Redact), which makes a tokenizer enough.
func words(text string) []string {
	ts := token.FindAllString(text, -1)
	fold(ts)
	return ts
}

// columnsOf reads from the statement's tokens which of the table's columns it
// filters and sorts by. What it misses is a finding not made, never one made up.
func columnsOf(ts []string, t evidence.Table) columns {
	var c columns
	if len(ts) == 0 || !slices.Contains(ts, t.Name) {
		return c
	}
	names := aliases(ts, t)
	if len(names) == 0 {
		return c
	}
	for i := 0; i < len(ts); i++ {
		col, next := column(ts, i, t, names)
		if col == "" {
			continue
		}
		// An assignment in SET is no filter.
		if op := at(ts, next); op == "=" && !assigned(ts, i) && bound(ts, next+1) {
			c.equal = include(c.equal, col)
		} else if op == "in" {
			c.equal = include(c.equal, col)
		} else if slices.Contains([]string{"<", ">", "<=", ">=", "between"}, op) {
			c.ranged = include(c.ranged, col)
		}
		i = next - 1
	}
	c.order(ts, t, names)
	return c
}

// fold lowers what PostgreSQL folds, and unquotes the rest.
func fold(ts []string) {
	for i, s := range ts {
		if strings.HasPrefix(s, `"`) && len(s) > 2 {
			ts[i] = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
		} else {
			ts[i] = strings.ToLower(s)
		}
	}
}

func at(ts []string, i int) string {
	if i < 0 || i >= len(ts) {
		return ""
	}
	return ts[i]
}

var clauses = []string{
	"where", "on", "using", "set", "join", "left", "right", "inner", "outer", "full", "cross", "order", "group",
	"limit", "offset", "having", "union", "for", "returning", "as", "values", "select", "natural", "lateral", "window", "fetch",
}

// aliases returns the names under which the statement knows the table: its
// alias, or its own name.
func aliases(ts []string, t evidence.Table) []string {
	var names []string
	for i, s := range ts {
		if s != t.Name {
			continue
		}
		start := i
		if at(ts, i-1) == "." {
			if at(ts, i-2) != t.Schema {
				continue
			}
			start = i - 2
		}
		if !slices.Contains([]string{"from", "join", "update", "into", ",", "only"}, at(ts, start-1)) {
			continue
		}
		alias := at(ts, i+1)
		if alias == "as" {
			alias = at(ts, i+2)
		}
		if alias == "" || slices.Contains(clauses, alias) || !isIdent(alias) {
			alias = t.Name
		}
		names = include(names, alias)
	}
	return names
}

func isIdent(s string) bool {
	return s != "" && (s[0] == '_' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 0x80)
}

// column returns the table's column that the tokens at i name, and the index
// behind it; an empty name where they name none.
func column(ts []string, i int, t evidence.Table, names []string) (string, int) {
	if at(ts, i+1) == "." {
		if slices.Contains(names, ts[i]) && slices.Contains(t.Columns, at(ts, i+2)) {
			return ts[i+2], i + 3
		}
		return "", i
	}
	if at(ts, i-1) != "." && slices.Contains(t.Columns, ts[i]) {
		return ts[i], i + 1
	}
	return "", i
}

// bound reports whether the tokens at i are a value that is known before the
// table is read: a placeholder, or another table's column.
func bound(ts []string, i int) bool {
	s := at(ts, i)
	return strings.HasPrefix(s, "$") || s == "any" || s == "(" || isIdent(s)
}

// assigned reports whether the column at i stands in the SET list of an UPDATE.
func assigned(ts []string, i int) bool {
	for j := i - 1; j >= 0; j-- {
		switch ts[j] {
		case "set":
			return true
		case "where", "on", "and", "or", "from", "having":
			return false
		}
	}
	return false
}

func (c *columns) order(ts []string, t evidence.Table, names []string) {
	for i := 0; i+1 < len(ts); i++ {
		if ts[i] != "order" || ts[i+1] != "by" {
			continue
		}
		i += 2
		for i < len(ts) {
			col, next := column(ts, i, t, names)
			if col == "" {
				c.sorted, c.desc = nil, nil
				return
			}
			desc := at(ts, next) == "desc"
			if desc || at(ts, next) == "asc" {
				next++
			}
			c.sorted, c.desc = append(c.sorted, col), append(c.desc, desc)
			if at(ts, next) != "," {
				return
			}
			i = next + 1
		}
	}
}

func include(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

var plainIdent = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// reserved are the words that PostgreSQL 18 reserves (pg_get_keywords, catcode R
// and T): as names they need quotes.
var reserved = strings.Fields(`all analyse analyze and any array as asc asymmetric both case cast check collate
column constraint create current_catalog current_date current_role current_time current_timestamp current_user
default deferrable desc distinct do else end except false fetch for foreign from grant group having in initially
intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing primary
references returning select session_user some symmetric system_user table then to trailing true union unique user
using variadic when where window with authorization binary collation concurrently cross current_schema freeze full
ilike inner is isnull join left like natural notnull outer overlaps right similar tablesample verbose`)

func quoteIdent(s string) string {
	if plainIdent.MatchString(s) && !slices.Contains(reserved, s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

func quoted(schema, name string) string {
	if schema == "" || schema == "public" {
		return quoteIdent(name)
	}
	return quoteIdent(schema) + "." + quoteIdent(name)
}
