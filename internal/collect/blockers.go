package collect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// blockerInterval: pg_blocking_pids takes the lock manager's locks, which are
// short just when many sessions wait.
const blockerInterval = 250 * time.Millisecond

// maxWaiters bounds how many of the waiting sessions are asked about at a time.
const maxWaiters = 40

const blockingSQL = `select /* scalecheck */
	pid,
	pg_blocking_pids(pid)
from unnest($1::int4[]) pid`

// What the waiters want, and what tells which table it is about. An index stands
// for its table.
const waitingLocksSQL = `select /* scalecheck */
	l.pid,
	l.locktype,
	l.mode,
	l.granted,
	coalesce(n.nspname || '.' || c.relname, '')
from pg_locks l
left join pg_index i on i.indexrelid = l.relation
left join pg_class c on c.oid = coalesce(i.indrelid, l.relation) and l.database = $2
left join pg_namespace n on n.oid = c.relnamespace
where l.pid = any($1)
	and (not l.granted or l.locktype = 'tuple' or l.mode in ('RowExclusiveLock', 'RowShareLock'))
	and coalesce(n.nspname, '') not in ('pg_catalog', 'pg_toast')`

const textsOfSQL = `select /* scalecheck */
	pid,
	coalesce(query, '')
from pg_stat_activity
where pid = any($1)`

// A blocking is how much of the waiting a root was seen to cause.
type blocking struct {
	waiters float64 // sessions seen waiting; one with two roots is a half for each
	age     float64 // of the root's transaction, weighted by waiters
}

// A found is one waiting session's root.
type found struct {
	evidence.Blocker
	blocking
}

func (a *activity) block(f found) {
	b := a.blockers[f.Blocker]
	if b == nil {
		b = &blocking{}
		a.blockers[f.Blocker] = b
	}
	b.waiters += f.waiters
	b.age += f.age
}

// roots returns the blockers. They were looked for in some of the samples and
// for some of the waiting sessions, so their shares are what was measured:
//
//	Waiting = share of the waiting sessions seen with this root · sessions waiting on average
func (a *activity) roots(resolve func(string) string) []evidence.Blocker {
	var seen float64
	sums := map[evidence.Blocker]blocking{}
	for k, b := range a.blockers {
		k.Waiter, k.Holder = resolve(k.Waiter), resolve(k.Holder)
		sum := sums[k]
		sums[k] = blocking{sum.waiters + b.waiters, sum.age + b.age}
		seen += b.waiters
	}
	if a.locked == 0 { // seen just after a cut, when nobody was waiting any more
		return nil
	}
	var out []evidence.Blocker
	for k, b := range sums {
		k.Waiting = b.waiters / seen * float64(a.locked) / float64(a.samples)
		k.HeldSeconds = b.age / b.waiters
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b evidence.Blocker) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.LockType, b.LockType),
			cmp.Compare(a.Waiter, b.Waiter), cmp.Compare(a.Holder, b.Holder), cmp.Compare(a.State, b.State), cmp.Compare(a.WaitEvent, b.WaitEvent))
	})
	return out
}

// findRoots follows the waiting sessions to those that wait for no lock. Locks
// change hands while it looks; a session that no longer waits is left out.
func (s *sessions) findRoots(ctx context.Context, c *pgx.Conn, rows []session, waiting []int32) ([]found, error) {
	waiting = waiting[:min(len(waiting), maxWaiters)]
	blocked, err := blockedBy(ctx, c, waiting)
	if err != nil {
		return nil, err
	}
	locks, err := s.waitingLocks(ctx, c, waiting)
	if err != nil {
		return nil, err
	}
	at := map[int32]session{}
	for _, r := range rows {
		at[r.pid] = r
	}
	// Roots that were not in the sample: idle sessions with a lock of their own,
	// sessions of other databases, our own.
	var missing []int32
	roots := map[int32][]int32{}
	for _, pid := range waiting {
		if _, waits := locks[pid]; !waits {
			continue
		}
		roots[pid] = rootsOf(pid, blocked)
		for _, root := range roots[pid] {
			if _, known := at[root]; !known && root != 0 {
				missing = append(missing, root)
			}
		}
	}
	if len(missing) > 0 {
		more, err := s.read(ctx, c, ` from pg_stat_activity where pid = any($1)`, missing)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			at[r.pid] = r
		}
	}
	var out []found
	for pid, rs := range roots {
		l := locks[pid]
		if len(rs) == 0 && len(blocked[pid]) > 0 {
			out = append(out, found{evidence.Blocker{
				LockType: l.kind, Relation: l.relation, Mode: l.mode, Waiter: at[pid].Statement, State: evidence.Circle,
			}, blocking{1, at[pid].age}})
		}
		for _, root := range rs {
			h, known := at[root]
			switch {
			case root == 0: // pg_blocking_pids' way to say it
				h.State = "prepared transaction"
			case !known: // has ended by now
				continue
			}
			out = append(out, found{evidence.Blocker{
				LockType: l.kind, Relation: l.relation, Mode: l.mode, Waiter: at[pid].Statement,
				Holder: h.Statement, State: h.State, WaitClass: h.WaitClass, WaitEvent: h.WaitEvent, Application: h.Application,
			}, blocking{1 / float64(len(rs)), h.age / float64(len(rs))}})
		}
	}
	return out, nil
}

// blockedBy returns who blocks whom, up to the roots.
func blockedBy(ctx context.Context, c *pgx.Conn, pids []int32) (map[int32][]int32, error) {
	blocked := map[int32][]int32{}
	for len(pids) > 0 {
		rows, err := c.Query(ctx, blockingSQL, pids)
		if err != nil {
			return nil, err
		}
		var pid int32
		var by []int32
		pids = nil
		if _, err := pgx.ForEachRow(rows, []any{&pid, &by}, func() error {
			blocked[pid] = slices.Clone(by)
			return nil
		}); err != nil {
			return nil, err
		}
		for _, by := range blocked {
			for _, b := range by {
				if _, asked := blocked[b]; !asked && b != 0 && !slices.Contains(pids, b) {
					pids = append(pids, b)
				}
			}
		}
	}
	return blocked, nil
}

// rootsOf returns those that pid waits for in the end. In a deadlock nobody is.
func rootsOf(pid int32, blocked map[int32][]int32) []int32 {
	var roots []int32
	seen := map[int32]bool{pid: true}
	for todo := []int32{pid}; len(todo) > 0; {
		next := todo[0]
		todo = todo[1:]
		by := blocked[next]
		if len(by) == 0 && next != pid {
			roots = append(roots, next)
		}
		for _, b := range by {
			if !seen[b] {
				seen[b] = true
				todo = append(todo, b)
			}
		}
	}
	return roots
}

// A wanted is the lock that a session waits for.
type wanted struct{ kind, mode, relation string }

// waitingLocks returns the locks that the sessions wait for. Who waits for a
// transaction to end, waits because of a row: its table is that of the tuple
// lock which the first in the queue holds meanwhile (heap_acquire_tuplock), or,
// where there is none (a unique key that somebody else is inserting), the one
// table that the session is writing to, or the one its statement names.
func (s *sessions) waitingLocks(ctx context.Context, c *pgx.Conn, pids []int32) (map[int32]wanted, error) {
	rows, err := c.Query(ctx, waitingLocksSQL, pids, s.database)
	if err != nil {
		return nil, err
	}
	out := map[int32]wanted{}
	tuple := map[int32]string{}
	tables := map[int32][]string{}
	var pid int32
	var w wanted
	var granted bool
	if _, err := pgx.ForEachRow(rows, []any{&pid, &w.kind, &w.mode, &granted, &w.relation}, func() error {
		switch {
		case !granted:
			out[pid] = w
		case w.kind == "tuple":
			tuple[pid] = w.relation
		case w.relation != "" && !slices.Contains(tables[pid], w.relation):
			tables[pid] = append(tables[pid], w.relation)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var unclear []int32
	for pid, w := range out {
		if w.relation != "" || w.kind != "transactionid" {
			continue
		}
		switch {
		case tuple[pid] != "":
			w.relation = tuple[pid]
		case len(tables[pid]) == 1:
			w.relation = tables[pid][0]
		case len(tables[pid]) > 1:
			unclear = append(unclear, pid)
		}
		out[pid] = w
	}
	if len(unclear) == 0 {
		return out, nil
	}
	rows, err = c.Query(ctx, textsOfSQL, unclear)
	if err != nil {
		return nil, err
	}
	var text string
	_, err = pgx.ForEachRow(rows, []any{&pid, &text}, func() error {
		w := out[pid]
		w.relation = writtenTable(evidence.Redact(text).SQL, tables[pid])
		out[pid] = w
		return nil
	})
	return out, err
}

// writtenTable returns the one of the tables (schema.table) that the statement
// names first, after the word that says so.
func writtenTable(sql string, tables []string) string {
	words := strings.FieldsFunc(strings.ToLower(sql), func(r rune) bool { return r == ' ' || r == '(' || r == ')' || r == ',' })
	for i, word := range words[:max(0, len(words)-1)] {
		switch word {
		case "update", "into", "from", "only":
			name := strings.ReplaceAll(words[i+1], `"`, "")
			for _, t := range tables {
				if t == name || strings.HasSuffix(t, "."+name) {
					return t
				}
			}
		}
	}
	return ""
}
