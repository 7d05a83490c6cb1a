package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// IdleInTransaction finds requests that keep a connection while they wait for
// something that is not the database.
var IdleInTransaction = &Analyzer{
	Name:  "idle-in-transaction",
	Needs: []evidence.Kind{evidence.Sessions},
	Run:   idleInTransaction,
	Doc: `a request does something else while its transaction is open

BEGIN, a statement, a call to a payment provider or a second of work in the app,
COMMIT. The database is idle, but the connection is taken, and so is every lock the
transaction holds. A pool of twenty connections and a call of half a second make
forty requests a second, for the whole application: pages that call nobody wait for
a connection, too. A larger pool moves the limit, but not far, and the database
keeps old row versions for as long as the oldest transaction is open.

How to confirm it by hand, while it happens:

    SELECT application_name, count(*), max(now() - state_change) AS idle_for, max(query) AS ran_last
    FROM   pg_stat_activity
    WHERE  state LIKE 'idle in transaction%'
    GROUP  BY 1;

What to do: make the call before BEGIN or after COMMIT. Where both must happen or
neither, write the intention down in the transaction (outbox) and let a job make the
call. Set idle_in_transaction_session_timeout as a fuse.

When it is wrong: the app is short of processors, so that it comes late to send its
next statement; then what uses the processors is named with more behind it. Time in
open transactions is sampled; what the request did meanwhile is known only where
its calls are measured.`,
}

const (
	// mostlyIdle: the part of the connections in use whose holder does something
	// else. Below a half the database itself keeps more of them busy.
	mostlyIdle = 0.5
	// longIdle sessions on average. A transaction of several statements is idle
	// for a round trip between two of them; at a thousand such gaps a second of a
	// quarter millisecond each that is a quarter of a session.
	longIdle = 1
)

func idleInTransaction(p *Pass) {
	idle, last := map[string]float64{}, map[string]map[string]float64{}
	var held float64
	for _, e := range p.Step.Ledger.Hold {
		held += e.Amount
		if e.Class != capacity.ClassIdleTx {
			continue
		}
		idle[e.Endpoint] += e.Amount
		if last[e.Endpoint] == nil {
			last[e.Endpoint] = map[string]float64{}
		}
		last[e.Endpoint][e.Statement] += e.Amount
	}
	endpoint := largest(idle)
	if n := idle[endpoint]; n < longIdle || n < mostlyIdle*held {
		return
	}
	// Where the request was meanwhile: outside of the database. Where it was on a
	// processor or waited for one, whoever uses the processors is to blame.
	var elsewhere, processor float64
	for _, e := range p.Step.Ledger.Time {
		if e.Endpoint == endpoint && outsideDatabase(e.Key) {
			elsewhere += e.Amount
			if e.Class.Bound() == capacity.CPU {
				processor += e.Amount
			}
		}
	}
	if elsewhere == 0 {
		return
	}
	inside := min(1, idle[endpoint]/elsewhere)
	own := 1 - processor/elsewhere
	claim := func(k capacity.Key) float64 {
		switch {
		case k.Endpoint != endpoint:
			return 0
		case k.Class == capacity.ClassIdleTx:
			return own
		case outsideDatabase(k) && k.Class.Bound() != capacity.CPU:
			return inside
		}
		return 0
	}
	blame := p.Step.Blame(claim)
	dependency := dependencyOf(p.Step, endpoint)
	statement := largest(last[endpoint])
	waiting := p.Step.ByClass("")[capacity.ClassPool]
	bound := capacity.External
	if waiting >= minShare*p.Step.InFlight {
		bound = capacity.Pool
	}
	meanwhile := "something that is not measured"
	if dependency != "" {
		meanwhile = dependency
	}
	var each float64
	for _, e := range p.Step.Endpoints {
		if e.Name == endpoint && e.Throughput > 0 {
			each = idle[endpoint] / e.Throughput
		}
	}
	p.Report(Finding{
		Bound:   bound,
		Subject: Subject{Kind: Endpoint, Name: endpoint, Endpoint: endpoint, Statement: statement, Detail: dependency},
		Message: fmt.Sprintf("%s keeps %.1f of %.1f connections in use idle in transaction, %.0f ms a request, while it waits for %s",
			endpoint, idle[endpoint], held, 1e3*each, meanwhile),
		Load: blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"connections idle in transaction", idle[endpoint], "sessions", "pg_stat_activity"},
			{"connections in use", held, "sessions", "pg_stat_activity"},
			{"idle in transaction in one request", each, "s", "Little's law"},
			{"requests waiting for a connection", waiting, "requests", waitsShown(p.Step)},
		},
		Remedy:  &Remedy{Title: fmt.Sprintf("wait for %s before BEGIN or after COMMIT. The last statement before the wait: %s", meanwhile, p.Run.Text(statement))},
		Caveats: []string{"the statement before the wait is known, the line of code is not"},
	})
}

// waitsShown says how it is known that requests wait for a connection.
func waitsShown(s *capacity.Step) string {
	if s.Ledger.Inferred[capacity.ClassPool] > 0 {
		return "as many sessions as ever were busy"
	}
	return "pool metrics"
}

// outsideDatabase reports whether a request is not in the database there. In the
// queue of the pool it holds no connection yet.
func outsideDatabase(k capacity.Key) bool {
	return k.Statement == "" && k.Class != capacity.ClassPool
}

// dependencyOf returns the dependency that the endpoint waits for most, or "".
func dependencyOf(s *capacity.Step, endpoint string) string {
	loads := map[string]float64{}
	for _, e := range s.Ledger.Time {
		if e.Endpoint == endpoint && e.Dependency != "" {
			loads[e.Dependency] += e.Amount
		}
	}
	return largest(loads)
}
