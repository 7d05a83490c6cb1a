package analyzers

import (
	"fmt"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// OverFetching finds statements that load far more than the answer shows.
var OverFetching = &Analyzer{
	Name:  "over-fetching",
	Needs: []evidence.Kind{evidence.Statements, evidence.Tables, evidence.Footprints},
	Run:   overFetching,
	Doc: `whole rows are loaded of which a small part is used

A list needs titles and gets documents: SELECT *, or a mapper that loads whole objects,
reads the wide columns from the table's overflow, sends them, and the application parses
them to throw them away. The statement finds its ten rows by primary key and looks
innocent; the time is in the network and in the application's processors.

How to confirm it by hand:

    SELECT attname, avg_width FROM pg_stats WHERE tablename = '…' ORDER BY avg_width DESC;
    SELECT pg_size_pretty(pg_table_size('…') / count(*)) AS a_row FROM …;

and compare a row's size, times the rows of a request, with the size of the answer.

What to do: name the columns that are needed. Move a wide column that lists never show
into a table of its own, or tell the mapper to load it when it is asked for.

When it is wrong: the application needs the wide column to compute something small from it;
then let the database compute it, or keep the result.`,
}

const (
	// wide: what a request must load to be worth a thought. A hundred kilobytes are
	// a fraction of a millisecond to send and several to parse.
	wide = 100 << 10
	// unused: how many times more is loaded than is answered. Compression makes JSON
	// some five times smaller on the way to the user.
	unused = 10
)

func overFetching(p *Pass) {
	for _, f := range p.Run.Footprints {
		answer := answered(p.Window, f.Endpoint)
		if answer == 0 {
			continue
		}
		// Parsing costs by the byte: of the app's time each statement has as much as
		// of the bytes.
		loaded := map[string]float64{}
		var all, most float64
		var worst evidence.FootprintStatement
		var table evidence.Table
		for _, s := range f.Statements {
			t, ok := wholeRows(p, s.ID)
			if !ok {
				continue
			}
			loaded[s.ID] = s.Rows * width(t)
			all += loaded[s.ID]
			if loaded[s.ID] > most {
				worst, table, most = s, t, loaded[s.ID]
			}
		}
		if most < wide || most < unused*answer {
			continue
		}
		p.overFetch(f, worst, table, answer, most/(all+answer))
	}
}

func (p *Pass) overFetch(f evidence.Footprint, worst evidence.FootprintStatement, t evidence.Table, answer, part float64) {
	i := slices.IndexFunc(p.Window.Statements, func(s evidence.Statement) bool { return s.ID == worst.ID && !s.Nested && s.Calls >= 1 })
	if i < 0 {
		return
	}
	finding := p.query(p.Window.Statements[i], func(k capacity.Key) float64 {
		switch {
		case k.Endpoint != f.Endpoint || k.Dependency != "":
			return 0
		case k.Statement != "":
			return is(k.Statement == worst.ID)
		}
		return part
	})
	table := qualified(t.Schema, t.Name)
	loaded := worst.Rows * width(t)
	finding.Subject.Endpoint = f.Endpoint
	finding.Subject.Detail = table
	finding.Message = fmt.Sprintf("one request loads %.0f whole rows of %s, about %.0f kB, to answer %.0f kB", worst.Rows, table, loaded/1e3, answer/1e3)
	finding.Exhibits = append([]Exhibit{
		{"bytes loaded by one request, at least", loaded, "bytes", "isolation probe, size of the table"},
		{"bytes of one answer", answer, "bytes", "the users"},
		{"bytes of one row", width(t), "bytes", "size of the table, its indexes left out"},
	}, finding.Exhibits...)
	finding.Remedy = &Remedy{Title: "name the columns that are needed; wide ones only where they are shown"}
	finding.Caveats = []string{"a row's size is the table's average; those that were loaded may be smaller"}
	p.Report(finding)
}

// answered returns the bytes of one answer of the endpoint.
func answered(w evidence.Window, endpoint string) float64 {
	for _, e := range w.Endpoints {
		if e.Name == endpoint && e.Requests > 0 {
			return float64(e.Bytes) / float64(e.Requests)
		}
	}
	return 0
}

// width returns the bytes of a row as it is stored, compressed where it is long.
func width(t evidence.Table) float64 {
	bytes := float64(t.Bytes)
	for _, ix := range t.Indexes {
		bytes -= float64(ix.Bytes)
	}
	if t.Rows <= 0 {
		return 0
	}
	return max(0, bytes) / t.Rows
}

// wholeRows returns the table of which the statement selects all columns.
func wholeRows(p *Pass, id string) (evidence.Table, bool) {
	ts := p.words(id)
	from := slices.Index(ts, "from")
	if at(ts, 0) != "select" || from < 0 || aggregates(ts) || joins(ts) {
		return evidence.Table{}, false
	}
	list := ts[1:from]
	for _, t := range p.Run.Catalog {
		if len(aliases(ts, t)) == 0 {
			continue
		}
		if at(list, len(list)-1) == "*" && len(list) <= 3 { // *, or t.*
			return t, true
		}
		all := func(c string) bool { return !slices.Contains(list, c) }
		if len(t.Columns) > 0 && !slices.ContainsFunc(t.Columns, all) {
			return t, true
		}
	}
	return evidence.Table{}, false
}
