package analyzers

import (
	"fmt"
	"math"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// ConnectionChurn finds applications that open a connection for every request.
var ConnectionChurn = &Analyzer{
	Name:  "connection-churn",
	Needs: []evidence.Kind{evidence.Tables},
	Run:   connectionChurn,
	Doc: `connections are opened and closed all the time

A connection of PostgreSQL is a process. To open one costs a fork, a password check
that is slow on purpose, and caches that every new process fills again: several
milliseconds of processor, more than most statements. An application that connects
for each request, or whose pool closes what it should keep, pays that at every
request, and pays most when it is busiest.

How to confirm it by hand, twice, a minute apart (PostgreSQL 14 and later):

    SELECT sessions FROM pg_stat_database WHERE datname = current_database();

or look at the ages of what is connected:

    SELECT application_name, count(*), max(now() - backend_start)
    FROM   pg_stat_activity
    WHERE  backend_type = 'client backend'
    GROUP  BY 1;

What to do: a pool in the application, with as many idle connections as open ones and
a lifetime of half an hour, or a pooler (PgBouncer) before the server where every
request is a new process.

When it is wrong: the connections are somebody else's, such as a monitoring script's
or those of another application in the same database.`,
}

// churning: with one connection opened for ten requests, connecting (about 5 ms
// of processor on both sides with SCRAM) costs as much as half a millisecond in
// each. A pool that grows with the load opens one for a thousand.
const churning = 0.1

func connectionChurn(p *Pass) {
	d := p.Window.Database
	if d == nil || p.Step.Requests == 0 {
		return
	}
	each := d.Connects / float64(p.Step.Requests)
	if each < churning {
		return
	}
	costs := connecting(p.Run.Footprints)
	claim := func(k capacity.Key) float64 {
		if k.Class == capacity.ClassCPU && k.Statement != "" {
			return costs[k.Endpoint]
		}
		return 0
	}
	cpu := p.Step.Blame(claim).CPU
	// Who waits for a connection waits until it is open.
	blame := p.Step.BlameQueue(claim, min(1, each), cpu)
	bound := capacity.Pool
	if p.Step.CPU.Saturated() {
		bound = capacity.CPU
	}
	rate := d.Connects / float64(p.Window.Length)
	p.Report(Finding{
		Bound:   bound,
		Subject: Subject{Kind: Station, Name: "connections"},
		Message: fmt.Sprintf("%.0f connections a second are opened, %.1f for each request", rate, each),
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"connections opened", rate, "1/s", "pg_stat_database"},
			{"connections opened for each request", each, "", "pg_stat_database"},
			{"connections at the end", d.Connections, "", "pg_stat_activity"},
			{"share of all processor time", blame.CPU, "share", "isolation probe, schedstat"},
		},
		Remedy:  &Remedy{Title: "keep connections open in a pool: as many idle as open, a lifetime of minutes; or a pooler before the server"},
		Caveats: []string{"what connecting costs is an estimate: the server's processor time beyond the execution of statements, of the endpoint where that is least"},
	})
}

// connecting returns by endpoint which share of the processor time that a request alone
// costs the server goes into connections, if it needs them.
//
// What it costs beyond running its statements is connecting, mostly; but parsing and
// planning are in it as well, and parallel workers. These differ from endpoint to
// endpoint, and connecting does not: it is taken to be what the least of them costs for
// each statement sent.
func connecting(feet []evidence.Footprint) map[string]float64 {
	type part struct{ extra, calls, server float64 }
	parts := map[string]part{}
	least := math.Inf(1)
	for _, f := range feet {
		e := part{extra: f.ServerCPU - f.DBSeconds, server: f.ServerCPU}
		for _, s := range f.Statements {
			e.calls += s.Calls
		}
		if e.extra > 0 && e.calls > 0 {
			parts[f.Endpoint] = e
			least = min(least, e.extra/e.calls)
		}
	}
	out := map[string]float64{}
	for endpoint, e := range parts {
		out[endpoint] = e.calls * least / e.server
	}
	return out
}
