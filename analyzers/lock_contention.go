package analyzers

import (
	"fmt"
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
of the COMMIT, whatever the number of cores. The waiters hold connections, so the
pool runs empty and requests that never touch the row wait too.

How to confirm it by hand, while it happens:

    SELECT pid, pg_blocking_pids(pid), wait_event_type, wait_event, query
    FROM   pg_stat_activity
    WHERE  wait_event_type = 'Lock';

and walk the pids until one waits for no lock: that transaction is the root. The
blocker that is named first is mostly just the next in the queue.

What to do: take the lock last, just before COMMIT, and do nothing slow while it
is held. Counters: append a row and sum up later, or spread them over several
rows. Locks on a whole table: look for DDL and LOCK TABLE.

When it is wrong: the holder is itself slow because something else has the
processors; then it is named as well, with more requests behind it.`,
}

func lockContention(p *Pass) {
	if p.Window.Sessions == nil {
		return
	}
	byRelation := map[string][]evidence.Blocker{}
	for _, b := range p.Window.Sessions.Blockers {
		relation := strings.TrimPrefix(b.Relation, "public.")
		byRelation[relation] = append(byRelation[relation], b)
	}
	var relations []string
	var all float64
	for relation, bs := range byRelation {
		relations = append(relations, relation)
		all += waiting(bs)
	}
	slices.Sort(relations)
	for _, relation := range relations {
		lockFinding(p, relation, byRelation[relation], all)
	}
}

func waiting(bs []evidence.Blocker) float64 {
	var n float64
	for _, b := range bs {
		n += b.Waiting
	}
	return n
}

func lockFinding(p *Pass, relation string, bs []evidence.Blocker, all float64) {
	if all == 0 {
		return
	}
	waiters, holders, states := map[string]float64{}, map[string]float64{}, map[string]float64{}
	types, apps := map[string]float64{}, map[string]float64{}
	var held, total float64
	for _, b := range bs {
		waiters[b.Waiter] += b.Waiting
		holders[b.Holder] += b.Waiting
		states[b.State] += b.Waiting
		types[b.LockType] += b.Waiting
		apps[b.Application] += b.Waiting
		held += b.HeldSeconds * b.Waiting
		total += b.Waiting
	}
	if total == 0 {
		return
	}
	// A statement that waits for locks of two relations is split by where its
	// sessions were seen waiting.
	share := map[string]float64{}
	for _, b := range p.Window.Sessions.Blockers {
		share[b.Waiter] += b.Waiting
	}
	claim := func(k capacity.Key) float64 {
		if k.Class != capacity.ClassLock {
			return 0
		}
		if n := share[k.Statement]; n > 0 {
			return waiters[k.Statement] / n
		}
		return total / all
	}
	blame := p.Step.Blame(claim)
	holder := p.Run.Text(largest(holders))
	waiter := p.Run.Text(largest(waiters))
	state := largest(states)
	subject := Subject{Kind: Table, Name: relation, Endpoint: heaviest(p.Step, claim), Statement: largest(waiters), Detail: holder}
	if relation == "" {
		subject.Kind, subject.Name = Query, waiter
	}
	p.Report(Finding{
		Bound:   capacity.Lock,
		Subject: subject,
		Message: fmt.Sprintf("%.1f sessions wait on average for a %s lock%s; the transaction at the root was %s (%s) and %.0f ms old",
			total, largest(types), on(relation), state, named(largest(apps)), 1e3*held/total),
		Load: blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"sessions waiting", total, "sessions", "pg_stat_activity, pg_blocking_pids"},
			{"age of the root transaction when seen", held / total, "s", "pg_stat_activity"},
			{"share of waits whose root was idle in transaction", states["idle in transaction"] / total, "share", "pg_stat_activity"},
		},
		Remedy:  &Remedy{Title: "take the lock last and commit at once; turn a counter into rows that are summed up later. The waiting statement: " + waiter},
		Caveats: []string{"the holder is known by the statement it ran last, its transaction may have begun with another"},
	})
}

func on(relation string) string {
	if relation == "" {
		return ""
	}
	return " on " + relation
}

func named(application string) string {
	if application == "" {
		return "no application_name"
	}
	return application
}
