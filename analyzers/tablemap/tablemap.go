// Package tablemap says which endpoint reads and which writes which table: which
// could be served by a replica, what they would then have to wait for, which reach
// into several modules, and which tables many write.
//
// It is read from the isolation probe, which knows the statements of an endpoint
// that is alone, and from the texts of these. What an endpoint does only now and
// then (a session that is renewed every five minutes) the probe may not have seen,
// and what functions and triggers do is not in a text. Tables that changed under
// load although no endpoint is known to write them are therefore listed.
package tablemap

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/evidence"
)

// A Map is who reads and writes what.
type Map struct {
	Endpoints []Endpoint // by name
	Tables    []Table    // that an endpoint touches, or that changed: most writers first
	// Across are statements that touch tables of several modules.
	Across []Statement
	// Ordered says that the scenario's order is known; without it who reads after
	// whose write is not.
	Ordered bool
}

// A Placing says where an endpoint's requests can be served.
type Placing string

const (
	Anywhere Placing = "replica"           // reads only, and nothing that its user has just written
	AfterOwn Placing = "replica after own" // reads what the request before it writes: the replica must have caught up
	Primary  Placing = "primary"           // writes, locks, or calls what only a primary runs
	Unclear  Placing = "unclear"
)

// An Endpoint is what one request does with tables.
type Endpoint struct {
	Name    string
	Cells   []Cell // by table
	Placing Placing
	Why     string   // of Primary, where nothing is written, and of Unclear
	Own     []Own    // of AfterOwn
	Unknown []string // names that it reads and that are no tables of the catalog, such as views
	Modules []string // that its tables belong to
}

// A Cell is what one request does with one table, in calls of statements that do so.
type Cell struct {
	Table                string
	Reads, Writes, Locks float64
}

// An Own is a write that the same user's request right before may have made.
type Own struct {
	Table  string
	Writer string // endpoint
}

// A Table is who touches it.
type Table struct {
	Name    string
	Module  string
	Readers []string // endpoints
	Writers []string // likewise
	// Changed is rows inserted, changed and deleted a second under load, whoever did it.
	Changed float64
}

// A Statement touches tables of several modules.
type Statement struct {
	Text      string
	Modules   []string
	Endpoints []string
}

// New makes the map. modules says which module a table belongs to; a table that is
// not in it belongs to its schema. Nil where the isolation probe has nothing.
func New(r *evidence.Run, modules map[string]string) *Map {
	if len(r.Footprints) == 0 {
		return nil
	}
	b := &builder{run: r, modules: modules, uses: analyzers.Uses(r), tables: map[string]*Table{}, across: map[string]*Statement{}}
	m := &Map{Ordered: r.Plan.Follows != nil}
	for _, f := range r.Footprints {
		m.Endpoints = append(m.Endpoints, b.endpoint(f))
	}
	slices.SortFunc(m.Endpoints, func(a, b Endpoint) int { return cmp.Compare(a.Name, b.Name) })
	for i := range m.Endpoints {
		b.own(&m.Endpoints[i])
	}
	b.changes()
	for _, t := range b.tables {
		slices.Sort(t.Readers)
		slices.Sort(t.Writers)
		m.Tables = append(m.Tables, *t)
	}
	slices.SortFunc(m.Tables, func(a, b Table) int {
		return cmp.Or(cmp.Compare(len(b.Writers), len(a.Writers)), cmp.Compare(len(b.Readers), len(a.Readers)), cmp.Compare(a.Name, b.Name))
	})
	for _, id := range slices.Sorted(maps.Keys(b.across)) {
		m.Across = append(m.Across, *b.across[id])
	}
	return m
}

type builder struct {
	run     *evidence.Run
	modules map[string]string
	uses    func(string) (analyzers.Use, bool)
	tables  map[string]*Table
	across  map[string]*Statement
}

// table returns the row of a table.
func (b *builder) table(schema, name string) *Table {
	full := analyzers.Access{Schema: schema, Name: name}.Table()
	t := b.tables[full]
	if t == nil {
		module, ok := b.modules[full]
		if !ok {
			module = schema
		}
		t = &Table{Name: full, Module: module}
		b.tables[full] = t
	}
	return t
}

// harmless are commands that read and write nothing, or what a query said before.
var harmless = []string{
	"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET", "SHOW", "RESET", "DISCARD",
	"PREPARE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE", "EXPLAIN",
}

func (b *builder) endpoint(f evidence.Footprint) Endpoint {
	e := Endpoint{Name: f.Endpoint, Placing: Anywhere}
	cells := map[string]*Cell{}
	modules := map[string]bool{}
	var unclear []string
	for _, s := range f.Statements {
		use, known := b.uses(s.ID)
		text := b.run.Texts[s.ID]
		switch {
		case !known && text.SQL == "":
			unclear = append(unclear, "a statement whose text is not known")
		case !known && !slices.Contains(harmless, text.Kind), text.Kind == "CALL":
			unclear = append(unclear, text.Kind+", which does not say what it changes")
		case use.Function != "":
			e.Placing, e.Why = Primary, "it calls "+use.Function
		}
		for _, name := range use.Unknown {
			if !slices.Contains(e.Unknown, name) {
				e.Unknown = append(e.Unknown, name)
			}
		}
		touched := map[string]bool{}
		for _, a := range use.Tables {
			t := b.table(a.Schema, a.Name)
			touched[t.Module] = true
			modules[t.Module] = true
			c := cells[t.Name]
			if c == nil {
				c = &Cell{Table: t.Name}
				cells[t.Name] = c
			}
			if a.Reads {
				c.Reads += s.Calls
			}
			if a.Writes {
				c.Writes += s.Calls
			}
			if a.Locks {
				c.Locks += s.Calls
			}
		}
		if len(touched) > 1 {
			b.cross(s.ID, text.SQL, touched, f.Endpoint)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cells)) {
		c := *cells[name]
		e.Cells = append(e.Cells, c)
		t := b.tables[name]
		if c.Reads > 0 {
			t.Readers = append(t.Readers, e.Name)
		}
		if c.Writes > 0 {
			t.Writers = append(t.Writers, e.Name)
			e.Placing, e.Why = Primary, ""
		} else if c.Locks > 0 && e.Placing != Primary {
			e.Placing, e.Why = Primary, "it locks rows of "+name
		}
	}
	if e.Placing == Anywhere && len(unclear) > 0 {
		e.Placing, e.Why = Unclear, "it sends "+strings.Join(slices.Compact(unclear), " and ")
	}
	e.Modules = slices.Sorted(maps.Keys(modules))
	return e
}

func (b *builder) cross(id, text string, modules map[string]bool, endpoint string) {
	s := b.across[id]
	if s == nil {
		s = &Statement{Text: text, Modules: slices.Sorted(maps.Keys(modules))}
		b.across[id] = s
	}
	s.Endpoints = append(s.Endpoints, endpoint)
}

// own finds what an endpoint reads that the request right before may have written.
// Later requests are not looked at: between two of them users think for seconds,
// and a replica that is seconds behind is another problem.
func (b *builder) own(e *Endpoint) {
	if e.Placing != Anywhere {
		return
	}
	for _, c := range e.Cells {
		for _, w := range b.tables[c.Table].Writers {
			if slices.Contains(b.run.Plan.Follows[w], e.Name) {
				e.Own = append(e.Own, Own{c.Table, w})
				e.Placing = AfterOwn
			}
		}
	}
}

// changes adds what happened to tables under load.
func (b *builder) changes() {
	rows, seconds := map[[2]string]float64{}, 0.0
	for _, w := range b.run.Measured() {
		seconds += float64(w.Length)
		for _, t := range w.Tables {
			rows[[2]string{t.Schema, t.Name}] += t.Inserted + t.Updated + t.Deleted
		}
	}
	for key, n := range rows {
		if n > 0 && seconds > 0 {
			b.table(key[0], key[1]).Changed = n / seconds
		}
	}
}
