package analyzers

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// TransactionConflicts finds work that is thrown away because transactions
// collide.
var TransactionConflicts = &Analyzer{
	Name:  "transaction-conflicts",
	Needs: []evidence.Kind{evidence.Tables, evidence.Sessions},
	Run:   transactionConflicts,
	Doc: `transactions are rolled back because they collide

Two transactions that lock the same two rows in opposite order wait for each other.
After deadlock_timeout, a second, PostgreSQL ends one of them (error 40P01); all that
time both hold their locks, and everybody who wants one of the rows queues up. Under
SERIALIZABLE or REPEATABLE READ, a transaction that has read what another changed is
refused (40001) and must be repeated. Both grow with the square of the load: alone on
the machine nobody ever sees them. What was rolled back leaves no line in
pg_stat_statements, so the time seems to vanish.

How to confirm it by hand, twice, a minute apart:

    SELECT deadlocks, xact_rollback, xact_commit
    FROM   pg_stat_database
    WHERE  datname = current_database();

The server's log names both statements of every deadlock.

What to do: lock rows in one order everywhere, by primary key; sort before you update in
a loop, or update in one statement with ORDER BY … FOR UPDATE in a subquery. Keep
serializable transactions short and read less in them. Repeat after 40001 and 40P01,
with a pause that grows.

When it is wrong: rollbacks alone mean nothing; some drivers roll back after every
read. So they count only where their share grows with the load. Who collides with
whom is in the server's log, not here.`,
}

const (
	// deadlockTimeout is PostgreSQL's default, and hardly ever changed: so long both
	// wait before one of them is ended.
	deadlockTimeout = 1.0
	// oftenLocked: with a deadlock in a twentieth of the time, the queues it leaves
	// are seen in a 95th percentile.
	oftenLocked = 0.05
	// rollbacksGrew by this factor, and by minRollbacks of all transactions: a
	// routine rollback is as frequent at low load as at high load.
	rollbacksGrew = 2
	minRollbacks  = 0.02
)

func transactionConflicts(p *Pass) {
	d := p.Window.Database
	if d == nil || p.Window.Sessions == nil {
		return
	}
	seconds := float64(p.Window.Length)
	now, before := rollbackShare(d), firstRollbacks(p.Run)
	conflicts := now >= minRollbacks && now > rollbacksGrew*before
	if d.Deadlocks == 0 && !conflicts {
		return
	}
	lock := func(k capacity.Key) float64 { return is(k.Class == capacity.ClassLock) }
	// The two of a deadlock wait for its end. Who else wants their locks queues up,
	// and goes on waiting while that queue is worked off.
	var locked float64
	for _, e := range p.Step.Ledger.Time {
		locked += e.Amount * lock(e.Key)
	}
	part := 0.0
	if locked > 0 {
		part = min(1, d.Deadlocks*deadlockTimeout*2/seconds/locked)
	}
	if d.Deadlocks*deadlockTimeout > oftenLocked*seconds && heldTooLong(p) >= 0.5 {
		part = 1
	}
	repeated := map[string]float64{} // statement → share of its calls that are repetitions
	if conflicts {
		for id, factor := range amplified(p) {
			repeated[id] = 1 - 1/factor
		}
	}
	claim := func(k capacity.Key) float64 { return max(part*lock(k), repeated[k.Statement]) }
	blame := p.Step.Blame(claim)
	endpoint := heaviest(p.Step, claim)
	statements := map[string]float64{}
	for _, e := range p.Step.Ledger.Time {
		if e.Endpoint == endpoint && e.Statement != "" {
			statements[e.Statement] += e.Amount * claim(e.Key)
		}
	}
	statement := largest(statements)
	message := fmt.Sprintf("%.1f %% of the transactions are rolled back, %.1f %% at the lowest load", 100*now, 100*before)
	if d.Deadlocks > 0 {
		message = fmt.Sprintf("%.1f deadlocks a minute, each for a second; %.1f %% of the transactions are rolled back", 60*d.Deadlocks/seconds, 100*now)
	}
	p.Report(Finding{
		Bound:   capacity.Lock,
		Subject: Subject{Kind: Endpoint, Name: endpoint, Endpoint: endpoint, Statement: statement, Detail: p.Run.Text(statement)},
		Message: message,
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"deadlocks", 60 * d.Deadlocks / seconds, "1/min", "pg_stat_database"},
			{"rolled back transactions", now, "share", "pg_stat_database"},
			{"rolled back transactions at the lowest load", before, "share", "pg_stat_database"},
			{"answers 5xx of the endpoint", float64(serverErrors(p.Window, endpoint)), "", "the users"},
		},
		Remedy:  &Remedy{Title: "lock rows in one order everywhere, and repeat with a growing pause what was refused. One of the statements: " + p.Run.Text(statement)},
		Caveats: []string{"the server's log says which statements collided; here they are known by where sessions waited"},
	})
}

// heldTooLong returns the share of the waiting for locks whose root was older than
// any transaction should be: it has waited for the end of a deadlock itself.
func heldTooLong(p *Pass) float64 {
	var long, all float64
	for _, b := range p.Window.Sessions.Blockers {
		all += b.Waiting
		if b.HeldSeconds >= deadlockTimeout/2 {
			long += b.Waiting
		}
	}
	if all == 0 {
		return 0
	}
	return long / all
}

func rollbackShare(d *evidence.Database) float64 {
	if n := d.Commits + d.Rollbacks; n > 0 {
		return d.Rollbacks / n
	}
	return 0
}

// firstRollbacks returns the share of rollbacks in the first measured window.
func firstRollbacks(r *evidence.Run) float64 {
	for _, w := range r.Measured() {
		if w.Database != nil {
			return rollbackShare(w.Database)
		}
	}
	return 0
}

// moreCalls than the requests account for: what a cache or a job does to a
// statement's calls can look alike up to there.
const moreCalls = 1.25

// amplified returns the statements that ran more often than the requests of the
// window ask for, by which factor. Statements that jobs send as well are among them.
func amplified(p *Pass) map[string]float64 {
	expected := map[string]float64{}
	for _, f := range p.Run.Footprints {
		for _, e := range p.Step.Endpoints {
			if e.Name == f.Endpoint {
				for _, s := range f.Statements {
					expected[s.ID] += s.Calls * float64(e.Requests)
				}
			}
		}
	}
	out := map[string]float64{}
	for _, s := range p.Window.Statements {
		if n := expected[s.ID]; !s.Nested && n > 0 && s.Calls > moreCalls*n {
			out[s.ID] = s.Calls / n
		}
	}
	return out
}

func serverErrors(w evidence.Window, endpoint string) int64 {
	var n int64
	for _, e := range w.Endpoints {
		if e.Name != endpoint {
			continue
		}
		for status, count := range e.Statuses {
			if strings.HasPrefix(strconv.Itoa(status), "5") {
				n += count
			}
		}
	}
	return n
}
