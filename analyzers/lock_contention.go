package analyzers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// LockContention finds what transactions wait for each other about.
var LockContention = &Analyzer{
	Name:  "lock-contention",
	Needs: []evidence.Kind{evidence.Sessions},
	Run:   lockContention,
	Doc: `transactions wait for each other's locks

A row that every request updates lets one transaction through at a time. Its
throughput is one over the time that the lock is held, from the UPDATE to the end
of the COMMIT, whatever the number of cores. An advisory lock with one key does the
same, and so does LOCK TABLE or a change of a table's definition, for everybody who
touches the table: even SELECTs queue behind an ALTER TABLE that itself only waits.
The waiters hold connections, so the pool runs empty and requests that never touch
the row wait too.

Locks of a whole table are waited for before a statement has been parsed. Neither
pg_stat_statements nor a slow query log shows that time.

How to confirm it by hand, while it happens:

    SELECT pid, pg_blocking_pids(pid), wait_event_type, wait_event,
           application_name, state, now() - xact_start AS age, query
    FROM   pg_stat_activity
    WHERE  wait_event_type = 'Lock' OR state LIKE 'idle in transaction%';

and walk the pids until one waits for no lock: that transaction is the root. The
blocker that is named first is mostly just the next in the queue.

What to do: take the lock last, just before COMMIT, and do nothing slow while it
is held. Counters: append a row and sum up later, or spread them over several
rows. Advisory locks: a key for each thing that is protected instead of one for
all, or a unique constraint, which needs no lock. Whole tables: scripts and
migrations set lock_timeout to a second and try again, work in short batches, and
never use LOCK TABLE where a row lock does.

When it is wrong: the holder is itself slow because something else has the
processors; then it is named as well, with more requests behind it. A holder that is
another program may have been there this once.`,
}

func lockContention(p *Pass) {
	if p.Window.Sessions == nil {
		return
	}
	groups := map[lockGroup][]evidence.Blocker{}
	for _, b := range p.Window.Sessions.Blockers {
		if b.State == evidence.Circle { // see TransactionConflicts
			continue
		}
		g := lockGroup{lockSort(b.LockType), strings.TrimPrefix(b.Relation, "public.")}
		groups[g] = append(groups[g], b)
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b lockGroup) int {
		return cmp.Or(cmp.Compare(a.relation, b.relation), cmp.Compare(a.sort, b.sort))
	})
	for _, g := range keys {
		lockFinding(p, g, groups[g])
	}
}

// A lockGroup is what a lock is about.
type lockGroup struct{ sort, relation string }

// Sorts of locks. Who waits for a row waits for its tuple lock first in the
// queue, and for the transaction that changed it at the head of it.
const (
	rowLock      = "row"
	tableLock    = "table"
	advisoryLock = "advisory"
)

func lockSort(lockType string) string {
	switch lockType {
	case "transactionid", "tuple":
		return rowLock
	case "relation":
		return tableLock
	}
	return lockType
}

func lockFinding(p *Pass, g lockGroup, bs []evidence.Blocker) {
	waiters, holders, states, apps, ages := map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]float64{}, 0.0
	var total float64
	for _, b := range bs {
		waiters[b.Waiter] += b.Waiting
		holders[b.Holder] += b.Waiting
		states[b.State] += b.Waiting
		apps[b.Application] += b.Waiting
		ages += b.HeldSeconds * b.Waiting
		total += b.Waiting
	}
	if total == 0 {
		return
	}
	claim := waitingFor(p.Window.Sessions.Blockers, waiters, total)
	blame := p.Step.Blame(claim)
	root := largest(apps)
	holder := p.Run.Text(largest(holders))
	statement := largest(waiters)
	waiter := p.Run.Text(statement)
	subject := Subject{Kind: Table, Name: g.relation, Endpoint: heaviest(p.Step, claim), Statement: statement, Detail: holder}
	what := fmt.Sprintf("a %s lock on %s", g.sort, g.relation)
	if g.relation == "" {
		what = "a lock of type " + g.sort
		subject.Kind, subject.Name = Query, waiter
	}
	if g.sort == advisoryLock {
		what = "an advisory lock"
		subject.Kind, subject.Name = Endpoint, subject.Endpoint
		subject.Detail = waiter
	}
	by := named(root)
	title := lockRemedy(g.sort, waiter)
	caveats := []string{"the holder is known by the statement it ran last, its transaction may have begun with another"}
	if outsider(p.Window.Sessions, waiters, root) {
		by += ", which is none of those that wait"
		subject.Detail = named(root) + ": " + holder
		title = fmt.Sprintf("look at what %s does: end its transactions sooner, in small batches and with lock_timeout set. The waiting statement: %s", named(root), waiter)
	}
	message := fmt.Sprintf("%.1f sessions wait on average for %s; the transaction at the root was %s (%s) and %.0f ms old",
		total, what, largest(states), by, 1e3*ages/total)
	if blocked := queuedBehind(bs); blocked != "" && g.sort == tableLock {
		message += fmt.Sprintf("; others queue behind %s, which waits for it first", p.Run.Text(blocked))
	}
	p.Report(Finding{
		Bound:   capacity.Lock,
		Subject: subject,
		Message: message,
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"sessions waiting", total, "sessions", "pg_stat_activity, pg_blocking_pids"},
			{"age of the root transaction when seen", ages / total, "s", "pg_stat_activity"},
			{"share of waits whose root was idle in transaction", states["idle in transaction"] / total, "share", "pg_stat_activity"},
		},
		Remedy:  &Remedy{Title: title},
		Caveats: caveats,
	})
}

// waitingFor claims the time that statements wait for locks, by where their
// sessions were seen waiting: a statement may wait for locks of several sorts.
func waitingFor(all []evidence.Blocker, waiters map[string]float64, total float64) capacity.Claim {
	share := map[string]float64{}
	var sum float64
	for _, b := range all {
		share[b.Waiter] += b.Waiting
		sum += b.Waiting
	}
	return func(k capacity.Key) float64 {
		if k.Class != capacity.ClassLock {
			return 0
		}
		if n := share[k.Statement]; n > 0 {
			return waiters[k.Statement] / n
		}
		return total / sum
	}
}

// outsider reports whether the root belongs to a program of which no session
// waits: a script, a migration, a person at a console. Where programs do not say
// their names, nobody can tell.
func outsider(s *evidence.SessionStats, waiters map[string]float64, root string) bool {
	if root == "" {
		return false
	}
	for _, a := range s.Activity {
		if _, waits := waiters[a.Statement]; waits && a.WaitClass == "Lock" && a.Application == root {
			return false
		}
	}
	return true
}

// queuedBehind returns the statement that wants the table for itself alone while
// others want to read or write it: locks are given in order, so they wait for it
// although it has got nothing yet. Empty where there is none.
func queuedBehind(bs []evidence.Blocker) string {
	exclusive, shared := map[string]float64{}, 0.0
	for _, b := range bs {
		if b.Mode == "AccessExclusiveLock" {
			exclusive[b.Waiter] += b.Waiting
		} else {
			shared += b.Waiting
		}
	}
	if len(exclusive) == 0 || shared == 0 {
		return ""
	}
	return largest(exclusive)
}

func lockRemedy(sort, waiter string) string {
	switch sort {
	case advisoryLock:
		return "one key for each thing that is protected, or a unique constraint instead of the lock: " + waiter
	case tableLock:
		return "no LOCK TABLE, and no change of the table while users are there without lock_timeout. The waiting statement: " + waiter
	}
	return "take the lock last and commit at once; turn a counter into rows that are summed up later. The waiting statement: " + waiter
}

func named(application string) string {
	if application == "" {
		return "no application_name"
	}
	return application
}
