package content

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	deleteReadings = `
delete from readings
where user_id = $1`

	insertReading = `
with opened as (
  insert into readings (user_id, item_id)
  values ($1, $2)
  returning id
)
insert into reading_events (reading_id, kind)
select id, 'opened'
from opened`
)

// replaceReading ends what the user was reading, events and all, and begins anew.
// What that costs is the foreign key's business: it looks for the events.
func (m *Module) replaceReading(ctx context.Context, user, item int64) error {
	err := pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, deleteReadings, user); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertReading, user, item)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading of item %d: %w", item, err)
	}
	return nil
}
