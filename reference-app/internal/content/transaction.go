package content

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
)

const (
	countView = `
update site_counters
set value = value + 1
where name = 'item_views'`

	lockViews = `select pg_advisory_xact_lock(hashtext('item_views'))`

	countActivity = `
update activity_counters
set value = value + 1
where name = $1`

	insertReceipt = `
insert into reading_receipts (user_id, item_id, sentence)
values ($1, $2, $3)`
)

// inTransaction reports whether a view needs a transaction around it.
func (o Options) inTransaction() bool {
	return o.CountViewsInOneRow || o.OneViewAtATime || o.CountInAnyOrder || o.Licences != nil
}

// tries of a view that PostgreSQL has ended to resolve a deadlock.
const tries = 5

// viewInTransaction is like view with everything in one transaction, and with what
// the options put into it. It is tried again after a deadlock.
func (m *Module) viewInTransaction(ctx context.Context, user, id int64) (it item, err error) {
	for range tries {
		err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) (err error) {
			it, err = m.viewIn(ctx, tx, user, id)
			return err
		})
		if state(err) != deadlockDetected {
			break
		}
	}
	return it, err
}

// What PostgreSQL refuses a transaction with that may be tried again.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// state returns the SQLSTATE of what PostgreSQL refused, or "".
func state(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// viewIn scales as badly as the options say. What is locked first stays locked to
// the commit, and in between the transaction waits for its event's batch to be
// written, so that counter and events can never disagree: all views of the site
// together cannot be more than one per flush, and the database idles meanwhile.
func (m *Module) viewIn(ctx context.Context, tx pgx.Tx, user, id int64) (item, error) {
	o := m.options
	if o.CountViewsInOneRow {
		if _, err := tx.Exec(ctx, countView); err != nil {
			return item{}, fmt.Errorf("count view: %w", err)
		}
	}
	if o.OneViewAtATime {
		if _, err := tx.Exec(ctx, lockViews); err != nil {
			return item{}, fmt.Errorf("lock views: %w", err)
		}
	}
	if o.CountInAnyOrder {
		// A map is walked in another order each time.
		for name := range map[string]bool{"items": true, "minutes": true} {
			if _, err := tx.Exec(ctx, countActivity, name); err != nil {
				return item{}, fmt.Errorf("count %s: %w", name, err)
			}
		}
	}
	it, err := m.open(ctx, tx, user, id)
	if err != nil {
		return item{}, err
	}
	if o.Licences != nil {
		var answer struct{ ID uint64 }
		if err := o.Licences.Post(ctx, "/licences", map[string]int64{"user": user, "item": id}, &answer); err != nil {
			return item{}, fmt.Errorf("licence of item %d: %w", id, err)
		}
	}
	event := analytics.Event{User: user, Course: it.CourseID, Kind: analytics.ItemViewed}
	if o.CountViewsInOneRow || o.OneViewAtATime {
		return it, m.recorder.RecordAndWait(ctx, event)
	}
	return it, m.recorder.Record(ctx, event)
}

// receipts notes for each sentence of an item that it was shown, each in a
// transaction of its own.
func (m *Module) receipts(ctx context.Context, user int64, it item) error {
	for i := range strings.SplitAfter(it.Body, ". ") {
		if _, err := m.pool.Exec(ctx, insertReceipt, user, it.ID, i); err != nil {
			return fmt.Errorf("receipt of item %d: %w", it.ID, err)
		}
	}
	return nil
}
