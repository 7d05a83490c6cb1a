package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// Who is new has seen what the others have.
	selectSeen = `
select coalesce(max(seen) filter (where user_id = $1), max(seen))
from feed_positions`

	selectFeed = `
select user_id, course_id, kind, at
from activity_events
order by at
limit $1
offset $2`

	// Grouping anew for each visitor what the rollup has ready, by the campus's days.
	selectDailyFromEvents = `
select (at at time zone 'Europe/Berlin')::date, kind, count(*), count(distinct user_id)
from activity_events
group by 1, 2
order by 1 desc, 2
limit $1`
)

// feedShown is the number of events that the feed goes on with.
const feedShown = 10

// Feed returns the events after those that the user has seen, found by counting.
func (m *Module) Feed(ctx context.Context, user int64) (any, error) {
	var seen int64
	if err := m.pool.QueryRow(ctx, selectSeen, user).Scan(&seen); err != nil {
		return nil, fmt.Errorf("feed position: %w", err)
	}
	rows, err := m.pool.Query(ctx, selectFeed, feedShown, seen)
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	type event struct {
		User   int64     `json:"user_id"`
		Course int64     `json:"course_id"`
		Kind   string    `json:"kind"`
		At     time.Time `json:"at"`
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[event])
	if err != nil {
		return nil, fmt.Errorf("feed: %w", err)
	}
	return events, nil
}
