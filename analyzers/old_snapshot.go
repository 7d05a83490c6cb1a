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
	// oldEnough: transactions begun since the holder's snapshot. Below a thousand
	// there is nothing worth removing that it could keep.
	oldEnough = 1000
	// longHeld seconds. Reports of a few seconds are what a database is for.
	longHeld = 30
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
		held := h.Kind != evidence.SessionHolder || h.Seconds >= longHeld
		if held && h.Age >= oldEnough && !strings.HasPrefix(h.Backend, "autovacuum") {
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
	// The statements that name the table pay for its dead rows: by the part of what
	// they touch now that they did not touch in the first step.
	grown := map[string]float64{}
	first := firstBlocks(p.Run)
	for _, s := range p.Window.Statements {
		before, now := first[s.ID], (s.Hit+s.Read)/max(s.Calls, 1)
		if before > 0 && now > moreCalls*before && names(p.Run.Text(s.ID), worst.Name) {
			grown[s.ID] = 1 - before/now
		}
	}
	claim := func(k capacity.Key) float64 { return grown[k.Statement] }
	blame := p.Step.Blame(claim)
	who := whoHolds(p.Run, holder)
	p.Report(Finding{
		Bound:   dominantClass(p.Step, claim).Bound(),
		Subject: Subject{Kind: Table, Name: table, Endpoint: heaviest(p.Step, claim), Statement: largest(grown), Detail: who},
		Message: fmt.Sprintf("%s has %s dead rows for %s live ones, and %s keeps VACUUM from removing them", table, digits.Group(worst.DeadRows), digits.Group(worst.LiveRows), who),
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"dead rows", worst.DeadRows, "rows", "pg_stat_user_tables"},
			{"live rows", worst.LiveRows, "rows", "pg_stat_user_tables"},
			{"transactions begun since the snapshot", holder.Age, "", "backend_xmin, pg_replication_slots"},
			{"age of the transaction", holder.Seconds, "s", "pg_stat_activity"},
			{"statements that touch more blocks than at the lowest load", float64(len(grown)), "", "pg_stat_statements"},
		},
		Remedy:  &Remedy{Title: "end it, then VACUUM " + table + "; set idle_in_transaction_session_timeout"},
		Caveats: []string{"dead rows are an estimate of the server's"},
	})
}

// grows reports whether dead rows of the table are many and have become more.
func grows(r *evidence.Run, t evidence.TableIO) bool {
	if t.DeadRows < worthwhile || t.DeadRows < bloated*t.LiveRows {
		return false
	}
	for _, w := range r.Measured() {
		for _, u := range w.Tables {
			if u.Schema == t.Schema && u.Name == t.Name {
				return u.DeadRows < t.DeadRows // the first measured window that has it
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
