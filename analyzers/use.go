package analyzers

import (
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Use is what one statement does with tables, read from its text.
type Use struct {
	Tables []Access // each table once, in the order of the text
	// Unknown are names where a table should be that the catalog does not have,
	// or has in several schemas: views, foreign tables, one schema for each tenant.
	Unknown []string
	// Aggregates says that it makes few rows of many: groups, aggregates, windows.
	Aggregates bool
	// Function is one that changes something, so that no replica runs it; empty for none.
	Function string
}

// An Access is what a statement does with one table.
type Access struct {
	Schema, Name string
	Reads        bool     // its rows go into the result, or into another table
	Writes       bool     // it gets rows, or loses or changes some
	Locks        bool     // rows that are read are locked: FOR UPDATE, FOR SHARE
	Equal        []string // columns that are compared with "=" or IN
}

// Table names it as people do: without the schema where it is public.
func (a Access) Table() string { return qualified(a.Schema, a.Name) }

// Uses returns a function that says what a statement of the run does with tables,
// given its ID; false for utility statements, of whose texts the command is kept
// only, and for statements without a text.
//
// What functions and triggers do is not in the text of who calls them. It is in
// statements of their own where pg_stat_statements.track is "all".
func Uses(r *evidence.Run) func(id string) (Use, bool) {
	byName := map[string][]evidence.Table{}
	for _, t := range r.Catalog {
		byName[t.Name] = append(byName[t.Name], t)
	}
	return func(id string) (Use, bool) {
		t := r.Texts[id]
		if t.SQL == t.Kind {
			return Use{}, false
		}
		u := &user{tokens: words(t.SQL), byName: byName, levels: []level{{}}}
		return u.use(), true
	}
}

// A role is what the next name in the text is.
type role uint8

const (
	noTable role = iota
	readTable
	writtenTable
)

// A level is a pair of brackets, or the statement as a whole.
type level struct {
	next   role
	list   bool // a comma leads to another table
	called bool // the brackets are a function's, in which FROM is a word as others are
}

// A user reads a statement's tokens from left to right. It knows where names of
// tables stand, and nothing else of SQL.
type user struct {
	tokens []string
	byName map[string][]evidence.Table
	levels []level
	found  Use
	locks  bool
}

// tableless are the clauses in which no name is a table's: they end a list of tables.
var tableless = []string{
	"select", "values", "with", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for",
	"union", "intersect", "except", "set", "returning", "when", "on",
}

// speaking are the functions that take their arguments with FROM between them.
var speaking = []string{"extract", "substring", "trim", "overlay", "position"}

// changing are the functions of PostgreSQL's own that a query may call and that no
// standby runs (documentation, 27.4.1 "User's Overview" of hot standby).
var changing = []string{"nextval", "setval", "pg_notify", "txid_current", "pg_current_xact_id"}

func (u *user) use() Use {
	ts := u.tokens
	ctes := ctes(ts)
	for i := 0; i < len(ts); i++ {
		top := &u.levels[len(u.levels)-1]
		switch t := ts[i]; {
		case t == "(":
			// FROM (a JOIN b): tables; FROM (SELECT …): the SELECT puts it right.
			inside := level{next: top.next, list: top.next == readTable, called: slices.Contains(speaking, at(ts, i-1))}
			top.next = noTable
			u.levels = append(u.levels, inside)
			if called := at(ts, i-1); slices.Contains(changing, called) {
				u.found.Function = called
			}
		case t == ")":
			if len(u.levels) > 1 {
				u.levels = u.levels[:len(u.levels)-1]
			}
		case t == "," && top.list:
			top.next = readTable
		case t == "from" && !top.called && at(ts, i-1) != "distinct":
			top.next, top.list = readTable, true
			if at(ts, i-1) == "delete" {
				top.next, top.list = writtenTable, false
			}
		case t == "join", t == "table" && i == 0:
			top.next = readTable
		case t == "using" && at(ts, i+1) != "(": // of DELETE and MERGE; a join's has brackets
			top.next, top.list = readTable, true
		case t == "into":
			top.next = writtenTable
		case t == "update":
			switch before := at(ts, i-1); {
			case before == "for" || before == "key":
				u.locks = true
			case before != "do" && before != "then":
				top.next = writtenTable
			}
		case t == "share" && (at(ts, i-1) == "for" || at(ts, i-1) == "key"):
			u.locks = true
		case t == "only", t == "lateral":
		case t == "on": // a join's: the list goes on behind it
			top.next = noTable
		case slices.Contains(tableless, t):
			top.next, top.list = noTable, false
		case top.next != noTable:
			i = u.name(i, top.next, ctes)
			top.next = noTable
		}
	}
	u.found.Aggregates = aggregates(ts)
	for i := range u.found.Tables {
		a := &u.found.Tables[i]
		a.Locks = a.Reads && u.locks
	}
	return u.found
}

// name takes the table whose name begins at i and returns where it ends.
func (u *user) name(i int, as role, ctes []string) int {
	ts := u.tokens
	schema, name := "", ts[i]
	if at(ts, i+1) == "." {
		schema, name = name, at(ts, i+2)
		i += 2
	}
	switch {
	case !isIdent(name),
		as == readTable && at(ts, i+1) == "(", // a function
		schema == "" && slices.Contains(ctes, name),
		schema == "pg_catalog", schema == "information_schema", strings.HasPrefix(name, "pg_"):
		return i
	}
	t, ok := u.table(schema, name)
	if !ok {
		u.found.Unknown = include(u.found.Unknown, qualified(schema, name))
		return i
	}
	j := slices.IndexFunc(u.found.Tables, func(a Access) bool { return a.Schema == t.Schema && a.Name == t.Name })
	if j < 0 {
		j = len(u.found.Tables)
		u.found.Tables = append(u.found.Tables, Access{Schema: t.Schema, Name: t.Name, Equal: columnsOf(ts, t).equal})
	}
	a := &u.found.Tables[j]
	a.Reads = a.Reads || as == readTable
	a.Writes = a.Writes || as == writtenTable
	return i
}

// table finds a table as PostgreSQL would with its usual search_path. Which of
// several schemas an application means by a bare name, the text does not tell.
func (u *user) table(schema, name string) (evidence.Table, bool) {
	named := u.byName[name]
	if schema == "" && len(named) > 1 {
		schema = "public"
	}
	for _, t := range named {
		if schema == "" || t.Schema == schema {
			return t, true
		}
	}
	return evidence.Table{}, false
}

// ctes returns the names that the statement itself gives to queries: name AS (…),
// name (columns) AS (…).
func ctes(ts []string) []string {
	var names []string
	for i, t := range ts {
		if t != "as" || at(ts, i+1) != "(" && at(ts, i+1) != "materialized" && at(ts, i+1) != "not" {
			continue
		}
		j := i - 1
		if at(ts, j) == ")" {
			for j >= 0 && ts[j] != "(" {
				j--
			}
			j--
		}
		names = append(names, at(ts, j))
	}
	return names
}
