package analyzers

import (
	"fmt"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// OldSnapshot finds who keeps VACUUM from removing dead rows while tables grow.
var OldSnapshot = &Analyzer{
	Name:  "old-snapshot",
	Needs: []evidence.Kind{evidence.Tables},
	Run:   oldSnapshot,
	Doc: `an old transaction keeps dead rows from being removed

An UPDATE leaves the old version of the row behind, and VACUUM removes it once nobody
can see it any more. A transaction that was begun an hour ago could see it: a report
that still runs, a session that somebody left in the middle of one, a prepared
transaction, the replication slot of a subscriber that is gone. While it is there,
every update of a counter makes the counter longer. An index look-up finds a hundred
dead versions before the live one; the statements get slower by the minute, and
nothing about them has changed.

How to confirm it by hand:

    SELECT pid, application_name, state, now() - xact_start AS age, age(backend_xmin), query
    FROM   pg_stat_activity WHERE backend_xmin IS NOT NULL ORDER BY age(backend_xmin) DESC;
    SELECT slot_name, active, age(xmin), age(catalog_xmin) FROM pg_replication_slots;
    SELECT gid, prepared FROM pg_prepared_xacts;
    SELECT relname, n_live_tup, n_dead_tup FROM pg_stat_user_tables ORDER BY n_dead_tup DESC;

and VACUUM (VERBOSE) of the table, which says how many dead rows it could not remove.

What to do: end that transaction (pg_terminate_backend), drop the slot or roll the
prepared transaction back, then VACUUM. So that it does not come again:
idle_in_transaction_session_timeout, transaction_timeout (17 and later), reports on a
standby or in small portions, max_slot_wal_keep_size.

When it is wrong: autovacuum has not come around yet, or is switched off for the table;
then the dead rows go with the next VACUUM although the transaction is old.`,
}

const (
	// oldEnough: transactions begun since what a slot or a prepared transaction keeps,
	// which have no age in seconds that says something. Below a thousand there is
	// nothing worth removing that it could keep.
	oldEnough = 1000
	// longHeld seconds. Reports of a few seconds are what a database is for.
	longHeld = 30
	// sparse: blocks that a statement touches for a row, at least, where dead rows
	// can be to blame. By an index a row costs about four.
	sparse = 10
	// bloated: with as many dead rows as a fifth of the table, VACUUM is due by
	// itself (autovacuum_vacuum_scale_factor).
	bloated = 0.2
	// worthwhile: a smaller table may consist of dead rows mostly and nobody notices,
	// except where it is read row by row: see deadPerLive.
	worthwhile = 1000
)

func oldSnapshot(p *Pass) {
	var holder evidence.Holder
	for _, h := range p.Window.Holders { // oldest first
		held := h.Age >= oldEnough
		if h.Kind == evidence.SessionHolder {
			held = h.Age > 0 && h.Seconds >= longHeld
		}
		if held && !strings.HasPrefix(h.Backend, "autovacuum") {
			holder = h
			break
		}
	}
	if holder.Kind == "" {
		return
	}
	var worst evidence.TableIO
	for _, t := range p.Window.Tables {
		if grows(p.Run, t) && t.DeadRows > worst.DeadRows {
			worst = t
		}
	}
	if worst.Name == "" {
		return
	}
	table := qualified(worst.Schema, worst.Name)
	paid, grown := payers(p, worst)
	claim := func(k capacity.Key) float64 { return paid[k.Statement] }
	blame := p.Step.Blame(claim)
	who := whoHolds(p.Run, holder)
	p.Report(Finding{
		Bound:   dominantClass(p.Step, claim).Bound(),
		Subject: Subject{Kind: Table, Name: table, Endpoint: heaviest(p.Step, claim), Statement: heaviestStatement(p.Step, claim), Detail: who},
		Message: fmt.Sprintf("%s has %s dead rows for %s live ones, and %s keeps VACUUM from removing them", table, digits.Group(worst.DeadRows), digits.Group(worst.LiveRows), who),
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"dead rows", worst.DeadRows, "rows", "pg_stat_user_tables"},
			{"live rows", worst.LiveRows, "rows", "pg_stat_user_tables"},
			{"transactions begun since the snapshot", holder.Age, "", "backend_xmin, pg_replication_slots"},
			{"age of the transaction", holder.Seconds, "s", "pg_stat_activity"},
			{"statements that read through them", float64(len(paid)), "", "pg_stat_statements, pg_statio_user_tables"},
			{"of them, that touch more blocks than at the lowest load", float64(grown), "", "pg_stat_statements"},
		},
		Remedy:  &Remedy{Title: "end it, then VACUUM " + table + "; set idle_in_transaction_session_timeout"},
		Caveats: []string{"dead rows are an estimate of the server's"},
	})
}

// payers returns which part of each statement's time is due to the dead rows of a
// table that it names, and how many of them touch more blocks than in the first
// step. That growth is the proof. But a transaction that is as old as the day has
// done its harm before the first step: then a statement that touches many blocks
// for a row pays by the part of the table's rows that is dead, as far as the blocks
// are that table's.
func payers(p *Pass, t evidence.TableIO) (paid map[string]float64, grown int) {
	paid = map[string]float64{}
	first := firstBlocks(p.Run)
	var named []evidence.Statement
	var all float64
	for _, s := range p.Window.Statements {
		if s.Calls > 0 && names(p.Run.Text(s.ID), t.Name) {
			named = append(named, s)
			all += s.Hit + s.Read
		}
	}
	dead := t.DeadRows / (t.DeadRows + t.LiveRows) * min(1, (t.HeapHit+t.HeapRead+t.IndexHit+t.IndexRead)/max(all, 1))
	for _, s := range named {
		before, now := first[s.ID], (s.Hit+s.Read)/s.Calls
		if before > 0 && now > moreCalls*before {
			paid[s.ID] = 1 - before/now
			grown++
		}
		if now >= sparse*(s.Rows/s.Calls+1) && dead > paid[s.ID] {
			paid[s.ID] = dead
		}
	}
	return paid, grown
}

// grows reports whether dead rows of the table are many and have become more.
func grows(r *evidence.Run, t evidence.TableIO) bool {
	if t.DeadRows < worthwhile || t.DeadRows < bloated*t.LiveRows {
		return false
	}
	for _, w := range r.Windows {
		for _, u := range w.Tables {
			if u.Schema == t.Schema && u.Name == t.Name {
				return u.DeadRows < t.DeadRows // the first window that has it, before the load perhaps
			}
		}
	}
	return false
}

// firstBlocks returns how many blocks a call of each statement touched in the
// first measured window.
func firstBlocks(r *evidence.Run) map[string]float64 {
	out := map[string]float64{}
	ws := r.Measured()
	if len(ws) == 0 {
		return out
	}
	for _, s := range ws[0].Statements {
		if s.Calls > 0 {
			out[s.ID] = (s.Hit + s.Read) / s.Calls
		}
	}
	return out
}

// names reports whether a statement's text names the table.
func names(sql, table string) bool {
	words := strings.FieldsFunc(sql, func(r rune) bool {
		return r == ' ' || r == '.' || r == '"' || r == '(' || r == ')' || r == ',' || r == ';'
	})
	for _, w := range words {
		if strings.EqualFold(w, table) {
			return true
		}
	}
	return false
}

func whoHolds(r *evidence.Run, h evidence.Holder) string {
	switch h.Kind {
	case evidence.SlotHolder:
		return fmt.Sprintf("replication slot %s (%s)", h.Name, h.State)
	case evidence.PreparedHolder:
		return "prepared transaction " + h.Name
	}
	return fmt.Sprintf("a session of %s, %s for %.0f s (%s)", named(h.Application), h.State, h.Seconds, r.Text(h.Statement))
}
