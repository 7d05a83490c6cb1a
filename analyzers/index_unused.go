package analyzers

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// IndexUnused finds statements that read a whole table although an index would
// serve, and says what keeps the planner from it.
var IndexUnused = &Analyzer{
	Name:  "index-unused",
	Needs: []evidence.Kind{evidence.Statements, evidence.Tables},
	Run:   indexUnused,
	Doc: `the index is there and the planner does not use it

A statement reads a whole table for a few rows, and an index begins with a column
that it compares. Another index would be as useless. The planner was told not to
(enable_indexscan, random_page_cost), does not know better (statistics from before
most of the rows came), or does not know the values: a generic plan is made for any
parameter, and cannot use a partial index whose condition only some values fulfil.

How to confirm it by hand:

    SELECT name, setting, source, reset_val FROM pg_settings
    WHERE  name LIKE 'enable_%' OR name IN ('random_page_cost', 'plan_cache_mode');
    SELECT n_live_tup, n_mod_since_analyze, last_analyze, last_autoanalyze
    FROM   pg_stat_user_tables WHERE relname = '…';
    EXPLAIN (ANALYZE, BUFFERS) SELECT …;        -- rows= estimated against rows= actual
    EXPLAIN (GENERIC_PLAN) SELECT … $1 …;       -- PostgreSQL 16 and later

What to do: reset the setting and look for a better cure of what it was meant for;
ANALYZE the table and see why autovacuum did not; for a generic plan, leave
plan_cache_mode at auto, or write the value that the partial index is about into the
statement's text.

When it is wrong: the values that were asked for are those of half the table, which a
scan reads faster. Settings that the application makes for its own sessions, or for a
role, are not seen.`,
}

// staleness: autovacuum analyzes a table when a tenth of it has changed. Where
// half has, autovacuum is off or far behind, and the statistics are of another
// table.
const staleness = 0.5

func indexUnused(p *Pass) {
	// A setting keeps all statements from all indexes: that is one finding.
	barred := map[string]scan{}
	var order []string
	for s := range p.scans() {
		if served(s.table, s.cols) {
			if _, ok := barred[s.ID]; !ok {
				barred[s.ID] = s
				order = append(order, s.ID)
			}
		}
	}
	if setting, value := barring(p.Run.Environment.Settings); setting != "" && len(order) > 0 {
		p.Report(settingFinding(p, setting, value, barred, order))
		return
	}
	seen := map[string]bool{}
	for s := range p.scans() {
		if seen[s.ID] {
			continue
		}
		if f, ok := unusedFinding(p, s); ok {
			seen[s.ID] = true
			p.Report(f)
		}
	}
}

// barring returns the setting that keeps the planner from indexes, and its value.
func barring(settings map[string]string) (name, value string) {
	for _, name := range []string{"enable_indexscan", "enable_bitmapscan"} {
		if settings[name] == "off" {
			return name, "off"
		}
	}
	// The default of 4 is that of a disk with an arm. Nothing is slower.
	const slowest = 4
	if cost, err := strconv.ParseFloat(settings["random_page_cost"], 64); err == nil && cost > slowest {
		return "random_page_cost", settings["random_page_cost"]
	}
	return "", ""
}

func settingFinding(p *Pass, setting, value string, barred map[string]scan, order []string) Finding {
	claim := func(k capacity.Key) float64 {
		_, ok := barred[k.Statement]
		return is(ok)
	}
	heaviest := slices.MaxFunc(order, func(a, b string) int {
		return int(p.Step.Blame(statement(a)).Load*1e3) - int(p.Step.Blame(statement(b)).Load*1e3)
	})
	s := barred[heaviest]
	f := p.query(s.Statement, claim)
	f.Subject.Detail = setting
	f.Message = fmt.Sprintf("%s is %s: %s a whole table at each call although an index serves; this one about %s rows of %s to return %.1f",
		setting, value, counted(len(order), "statement reads", "statements read"), digits.Group(s.rowsRead()), qualified(s.table.Schema, s.table.Name), s.Rows/s.Calls)
	f.Exhibits = append(s.exhibits(), f.Exhibits...)
	f.Remedy = &Remedy{Title: "reset " + setting + " where it was set (pg_settings.source says: server, database or role)"}
	return f
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "one " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func unusedFinding(p *Pass, s scan) (Finding, bool) {
	table := qualified(s.table.Schema, s.table.Name)
	f := p.query(s.Statement, statement(s.ID))
	f.Subject.Detail = table
	read := fmt.Sprintf("each call reads about %s rows of %s to return %.1f although an index serves", digits.Group(s.rowsRead()), table, s.Rows/s.Calls)
	f.Exhibits = append(s.exhibits(), f.Exhibits...)
	switch {
	case forcedGeneric(p, s):
		f.Message = read + ", a partial one: plan_cache_mode is force_generic_plan, and a plan for any value cannot use it"
		f.Remedy = &Remedy{Title: "plan_cache_mode = auto, or the index's condition written into the statement"}
	case !served(s.table, s.cols):
		return f, false
	case s.io.Changed > staleness*s.rows():
		f.Message = fmt.Sprintf("%s: %s of its %s rows came or changed after the last ANALYZE, and the planner does not know them",
			read, digits.Group(min(s.io.Changed, s.rows())), digits.Group(s.rows()))
		f.Exhibits = append([]Exhibit{{"rows changed since the last ANALYZE", s.io.Changed, "rows", "pg_stat_user_tables"}}, f.Exhibits...)
		f.Remedy = &Remedy{Title: "analyze " + table + ", and let autovacuum do so", SQL: "ANALYZE " + quoted(s.table.Schema, s.table.Name) + ";"}
		if aggregates(s.text) {
			f.Caveats = append(f.Caveats, "it aggregates: perhaps it needs most of the table, which no statistics change")
		}
	case aggregates(s.text):
		return f, false // how much it needs cannot be told from what it returns
	default:
		f.Message = read + "; neither settings nor statistics say why"
		f.Remedy = &Remedy{Title: "compare the plans: EXPLAIN (ANALYZE, BUFFERS) with a slow call's values, and once more after SET enable_seqscan = off"}
		f.Caveats = append(f.Caveats, "the compared value may be of another type than the column (a numeric for a bigint), or so frequent that a scan is right")
	}
	return f, true
}

// forcedGeneric reports whether only a partial index serves the statement, and
// the server makes plans that cannot use it.
func forcedGeneric(p *Pass, s scan) bool {
	return p.Run.Environment.Settings["plan_cache_mode"] == "force_generic_plan" && !served(s.table, s.cols) &&
		slices.ContainsFunc(s.table.Indexes, func(ix evidence.Index) bool { return ix.Valid && ix.Partial && begins(ix, s.cols) })
}
