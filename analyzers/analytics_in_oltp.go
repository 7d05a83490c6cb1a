package analyzers

import (
	"fmt"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// AnalyticsInOLTP finds reports that take the machine from the pages.
var AnalyticsInOLTP = &Analyzer{
	Name:  "analytics-in-oltp",
	Needs: []evidence.Kind{evidence.Statements, evidence.Footprints},
	Run:   analyticsInOLTP,
	Doc: `a report over many rows runs beside the pages and slows all of them

A GROUP BY over months of events takes seconds of a processor, and parallel workers
make that several processors. It is rarely asked for, so that no list of frequent
statements has it, and while it runs every other request queues: the slow pages are
the victims, and looking at them finds nothing.

How to confirm it by hand: watch the slow pages with and without the report, and

    SELECT calls, mean_exec_time, total_exec_time, shared_blks_hit + shared_blks_read AS blocks, query
    FROM   pg_stat_statements ORDER BY total_exec_time DESC LIMIT 5;

What to do: compute it once, not per visitor: a rollup table kept by a job, or a
materialized view. Run what must be live on a replica, or with few workers
(max_parallel_workers_per_gather = 0) and a limit on how many run at once.

When it is wrong: the aggregate is what the application is for; then it needs a machine
of its own.`,
}

const (
	// report: what touches a thousand blocks (8 MB) reads a part of the database,
	// not a page of a list.
	report = 1000
	// reporting: the part of all used processor time that is enough to be the reason
	// why others wait.
	reporting = 0.3
	// rare: reports are asked for by few of the requests. What every fifth request
	// needs is the application itself.
	rare = 0.2
	// suffering: a request that takes twice as long as alone spends half of its time
	// waiting.
	suffering = 2
)

func analyticsInOLTP(p *Pass) {
	for s := range p.ours() {
		text := p.words(s.ID)
		claim := statement(s.ID)
		if !aggregates(text) || (s.Hit+s.Read)/s.Calls < report || s.Calls > rare*float64(p.Step.Requests) || p.Step.Blame(claim).CPU < reporting {
			continue
		}
		victims, how := victimsOf(p, s.ID)
		if len(victims) == 0 {
			continue
		}
		f := p.query(s, claim)
		f.Message = fmt.Sprintf("%.1f calls a second, each over %s blocks, take %.0f %% of all processor time; the victims, %s, never send it: %s",
			s.Calls/float64(p.Window.Length), digits.Group((s.Hit+s.Read)/s.Calls), 100*p.Step.Blame(claim).CPU, how, list(victims))
		f.Remedy = &Remedy{Title: "a rollup kept by a job or a materialized view, or a replica: out of the way of the pages"}
		p.Report(f)
	}
}

// victimsOf returns the endpoints that the statement holds up and that do not send it,
// most requests in flight first, and how they suffer: they miss their objective, in
// this step or the next one where some do. A scheduler that lets the short ones go
// first can keep them within it; then they take much longer than alone while
// processors are short. None where it is not known who sends the statement.
func victimsOf(p *Pass, id string) (victims []string, how string) {
	alone, known := map[string]float64{}, false
	for _, f := range p.Run.Footprints {
		if f.Sends(id) {
			known = true
			continue
		}
		alone[f.Endpoint] = f.Seconds
	}
	if !known {
		return nil, ""
	}
	for _, sign := range []struct {
		how   string
		shown func(capacity.Step, capacity.EndpointStep) bool
	}{
		{"beyond their objective", func(_ capacity.Step, e capacity.EndpointStep) bool { return e.Status == capacity.Missed }},
		{"slower than alone", func(s capacity.Step, e capacity.EndpointStep) bool {
			return s.CPU.Saturated() && alone[e.Name] > 0 && e.Latency.Mean >= suffering*alone[e.Name]
		}},
	} {
		for _, s := range p.Model.Steps[p.Model.Judged:] {
			for _, e := range s.Endpoints {
				if _, probed := alone[e.Name]; probed && sign.shown(s, e) {
					victims = append(victims, e.Name)
				}
			}
			if len(victims) == 0 {
				continue
			}
			how = sign.how
			if s.Index != p.Model.Judged {
				how += fmt.Sprintf(" in step %d", s.Index+1)
			}
			return victims, how
		}
	}
	return nil, ""
}

// list names the first three.
func list(names []string) string {
	const shown = 3
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
