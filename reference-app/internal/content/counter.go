package content

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
)

const countView = `
update site_counters
set value = value + 1
where name = 'item_views'`

// viewCounted is the way to view an item that scales worst. The counter row stays
// locked from the first statement to the commit, and in between the transaction
// waits for its event's batch to be written, so that counter and events can never
// disagree. Each view holds the lock for about one flush: all views of the site
// together cannot be more than one per flush, and the database idles meanwhile.
func (m *Module) viewCounted(ctx context.Context, user, id int64) (it item, err error) {
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, countView); err != nil {
			return fmt.Errorf("count view: %w", err)
		}
		if it, err = m.open(ctx, tx, user, id); err != nil {
			return err
		}
		return m.recorder.RecordAndWait(ctx, analytics.Event{User: user, Course: it.CourseID, Kind: analytics.ItemViewed})
	})
	return it, err
}
