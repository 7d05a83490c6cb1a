package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/tablemap"
)

// The read/write map: its part of the document, and how each format shows it.

func mapDoc(m *tablemap.Map) *mapPart {
	if m == nil {
		return nil
	}
	p := &mapPart{Ordered: m.Ordered}
	for _, e := range m.Endpoints {
		ep := mapEndpointPart{
			Name: e.Name, Placing: string(e.Placing), Why: e.Why, Unknown: slices.Clone(e.Unknown), Modules: slices.Clone(e.Modules),
		}
		for _, o := range e.Own {
			ep.Own = append(ep.Own, mapOwnPart(o))
		}
		for _, c := range e.Cells {
			ep.Tables = append(ep.Tables, mapCellPart{c.Table, number(c.Reads), number(c.Writes), number(c.Locks)})
		}
		p.Endpoints = append(p.Endpoints, ep)
	}
	for _, t := range m.Tables {
		p.Tables = append(p.Tables, mapTablePart{t.Name, t.Module, slices.Clone(t.Readers), slices.Clone(t.Writers), number(t.Changed)})
	}
	for _, s := range m.Across {
		p.Across = append(p.Across, mapStatementPart{s.Text, slices.Clone(s.Modules), slices.Clone(s.Endpoints)})
	}
	return p
}

// served says where an endpoint's requests can be served.
func (e mapEndpointPart) served() string {
	switch tablemap.Placing(e.Placing) {
	case tablemap.Anywhere:
		return "a replica"
	case tablemap.AfterOwn:
		return "a caught-up replica"
	case tablemap.Primary:
		return "the primary"
	}
	return "unclear"
}

// reasons are what stands behind served.
func (e mapEndpointPart) reasons() []string {
	out := nonEmpty(e.Why)
	for _, o := range e.Own {
		out = append(out, fmt.Sprintf("reads %s, which %s right before may have written", o.Table, o.Writer))
	}
	if len(e.Unknown) > 0 {
		out = append(out, "reads "+strings.Join(e.Unknown, ", ")+", which is no table of the catalog")
	}
	return out
}

// touched lists the tables that an endpoint does something with.
func (e mapEndpointPart) touched(does func(mapCellPart) bool) string {
	var names []string
	for _, c := range e.Tables {
		if does(c) {
			names = append(names, c.Table)
		}
	}
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}

func (e mapEndpointPart) reads() string {
	return e.touched(func(c mapCellPart) bool { return c.Reads > 0 })
}
func (e mapEndpointPart) writes() string {
	return e.touched(func(c mapCellPart) bool { return c.Writes > 0 })
}

// manyWriters: with two, one makes a row and the other changes it, as it should be.
const manyWriters = 3

// notes are what is remarkable about tables.
func (m *mapPart) notes() []string {
	var out []string
	for _, t := range m.Tables {
		if len(t.Writers) >= manyWriters {
			out = append(out, fmt.Sprintf("%s is written by %d endpoints: %s", t.Name, len(t.Writers), strings.Join(t.Writers, ", ")))
		}
	}
	for _, s := range m.Across {
		out = append(out, fmt.Sprintf("one statement touches %s (%s): %s", strings.Join(s.Modules, " and "), strings.Join(s.Endpoints, ", "), s.Text))
	}
	for _, t := range m.Tables {
		if len(t.Writers) == 0 && t.Changed > 0 {
			out = append(out, fmt.Sprintf("%s changes under load, %s rows a second, and no endpoint is known to write it: a job, a trigger, or a request that writes only at times", t.Name, plain(t.Changed)))
		}
	}
	return out
}

func (t *text) tables(d *document) {
	if d.Map == nil {
		return
	}
	t.title("WHO READS AND WRITES WHAT")
	var rows [][]string
	for _, e := range first(d.Map.Endpoints, maxRows) {
		rows = append(rows, []string{e.Name, e.reads(), e.writes(), e.served()})
	}
	t.table([]column{{"endpoint", false, 28, true}, {"reads", false, 24, false}, {"writes", false, 18, false}, {"can be served by", false, 20, false}}, rows)
	t.more(len(d.Map.Endpoints))
	for _, e := range first(d.Map.Endpoints, maxRows) {
		for _, why := range first(e.reasons(), 2) {
			t.entry("", e.Name+" "+strings.TrimPrefix(why, "it "))
		}
	}
	for _, n := range first(d.Map.notes(), maxRows) {
		t.entry("", fit(n, 300))
	}
}

func mdTables(m *md, d *document) {
	if d.Map == nil {
		return
	}
	m.heading("Who reads and writes what")
	var rows [][]string
	for _, e := range first(d.Map.Endpoints, 25) {
		rows = append(rows, []string{
			codeCell(fitEnds(e.Name, 100)), prose(fit(e.reads(), 200)), prose(fit(e.writes(), 200)),
			prose(fit(strings.Join(append([]string{e.served()}, e.reasons()...), "; "), 300)),
		})
	}
	m.table([]string{"Endpoint", "Reads", "Writes", "Can be served by"}, rows)
	m.more(len(d.Map.Endpoints), 25)
	m.printf("\n")
	for _, n := range first(d.Map.notes(), 10) {
		m.printf("- %s\n", prose(fit(n, 600)))
	}
}

// A tableMatrix is the page's table of endpoints against tables.
type tableMatrix struct {
	Columns []mapTablePart
	Rows    []tableRow
	Left    int  // tables that are no column
	Modules bool // there are several
	Notes   []string
}

type tableRow struct {
	Name, Served string
	Reasons      []string
	Cells        []tableCell
}

type tableCell struct {
	Text          string // "RW"
	Reads, Writes bool
}

// tableColumns: more do not fit beside each other, even on a wide screen.
const tableColumns = 16

func newTableMatrix(d *document) *tableMatrix {
	if d.Map == nil {
		return nil
	}
	m := &tableMatrix{Notes: d.Map.notes()}
	for _, t := range d.Map.Tables {
		if len(t.Readers)+len(t.Writers) > 0 {
			m.Columns = append(m.Columns, t)
			m.Modules = m.Modules || t.Module != m.Columns[0].Module
		}
	}
	m.Left = max(0, len(m.Columns)-tableColumns)
	m.Columns = first(m.Columns, tableColumns)
	for _, e := range d.Map.Endpoints {
		row := tableRow{Name: e.Name, Served: e.served(), Reasons: e.reasons(), Cells: make([]tableCell, len(m.Columns))}
		for _, c := range e.Tables {
			i := slices.IndexFunc(m.Columns, func(t mapTablePart) bool { return t.Name == c.Table })
			if i < 0 {
				continue
			}
			cell := tableCell{Reads: c.Reads > 0, Writes: c.Writes > 0}
			for _, f := range []struct {
				is  bool
				say string
			}{{cell.Reads, "R"}, {cell.Writes, "W"}, {c.Locks > 0, "L"}} {
				if f.is {
					cell.Text += f.say
				}
			}
			row.Cells[i] = cell
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}
