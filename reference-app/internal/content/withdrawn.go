package content

import (
	"context"
	"fmt"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
)

const selectWithdrawn = `
select exists (
  select
  from withdrawn_items
  where item_id = $1
)`

// viewUnlessWithdrawn is like viewAndRecord, on one connection for all statements,
// and does not show what its author has withdrawn. Where it returns early it has
// forgotten the connection.
func (m *Module) viewUnlessWithdrawn(ctx context.Context, user, id int64) (item, error) {
	conn, err := m.pool.Acquire(ctx)
	if err != nil {
		return item{}, fmt.Errorf("item %d: %w", id, err)
	}
	it, err := m.open(ctx, conn, user, id)
	if err != nil {
		return item{}, err
	}
	var withdrawn bool
	if err := conn.QueryRow(ctx, selectWithdrawn, id).Scan(&withdrawn); err != nil {
		return item{}, fmt.Errorf("item %d: %w", id, err)
	}
	if withdrawn {
		it.Body = "This item has been withdrawn."
		return it, nil
	}
	conn.Release()
	return it, m.recorder.Record(ctx, analytics.Event{User: user, Course: it.CourseID, Kind: analytics.ItemViewed})
}
