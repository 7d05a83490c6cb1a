package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// JITOverhead finds statements whose expressions take longer to compile than to
// evaluate.
var JITOverhead = &Analyzer{
	Name:  "jit-overhead",
	Needs: []evidence.Kind{evidence.Statements},
	Run:   jitOverhead,
	Doc: `compiling expressions takes longer than evaluating them

PostgreSQL compiles the expressions of a statement to machine code when it thinks
that the statement is expensive (jit_above_cost). For a report of minutes that pays.
For a short statement that only looks expensive, because an estimate is wrong or the
limit was lowered, milliseconds are spent at every call, and nothing is kept: the
next call compiles again.

How to confirm it by hand:

    SELECT calls, total_exec_time, jit_functions, query,
           jit_generation_time + jit_inlining_time + jit_optimization_time + jit_emission_time AS jit
    FROM   pg_stat_statements ORDER BY jit DESC LIMIT 10;      -- PostgreSQL 15 and later
    EXPLAIN (ANALYZE) SELECT …;                                -- "JIT:" at the end

What to do: switch it off for the application (ALTER ROLE … SET jit = off) and leave it
on for reports; or raise jit_above_cost. Where estimates are far off, correct those.

When it is wrong: a statement that runs for seconds spends a fixed tenth of a second on
it; its share is then small and it is not named.`,
}

// compiling: the part of a statement's time above which compiling it cannot have
// paid: what was compiled ran for less than twice as long.
const compiling = 1.0 / 3

func jitOverhead(p *Pass) {
	part := map[string]float64{}
	var worst evidence.Statement
	var jit, all, most float64
	for s := range p.ours() {
		all += s.Seconds
		if s.Seconds <= 0 || s.JITTime < compiling*s.Seconds {
			continue
		}
		part[s.ID] = min(1, s.JITTime/s.Seconds)
		jit += s.JITTime
		if load := p.Step.Blame(statement(s.ID)).Load; load > most {
			worst, most = s, load
		}
	}
	if most == 0 {
		return
	}
	f := p.query(worst, func(k capacity.Key) float64 { return part[k.Statement] })
	f.Subject.Detail = "jit"
	f.Message = fmt.Sprintf("%s compiled anew at each call, for %.0f %% of all execution time; this one for %.1f of its %.1f ms",
		counted(len(part), "statement is", "statements are"), 100*jit/all, 1e3*worst.JITTime/worst.Calls, 1e3*worst.Seconds/worst.Calls)
	f.Exhibits = append([]Exhibit{
		{"time to compile in one call", worst.JITTime / worst.Calls, "s", "pg_stat_statements"},
		{"time to compile, of all execution time", jit / all, "share", "pg_stat_statements"},
	}, f.Exhibits...)
	f.Remedy = &Remedy{Title: "no JIT for short statements", SQL: "ALTER SYSTEM SET jit = off; SELECT pg_reload_conf();"}
	if cost := p.Run.Environment.Settings["jit_above_cost"]; cost != "" && cost != "100000" {
		f.Caveats = append(f.Caveats, "jit_above_cost is "+cost+", its default is 100000")
	} else {
		f.Caveats = append(f.Caveats, "a short statement that looks expensive to the planner has a wrong estimate somewhere")
	}
	p.Report(f)
}
