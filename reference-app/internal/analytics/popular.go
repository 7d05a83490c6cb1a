package analytics

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const selectPopular = `
select course_id, count(distinct (user_id, at::date)) as visits
from activity_events
group by course_id
order by visits desc, course_id
limit 10`

// popularFor is how long the popular courses stay cached.
const popularFor = 10 * time.Second

// Popular returns a widget of the courses that most users visited on most days. What it keeps expires for
// everybody in the same moment, and who finds it expired fills it, however many
// others are doing so.
func (m *Module) Popular() func(ctx context.Context, user int64) (any, error) {
	type course struct {
		Course int64 `json:"course_id"`
		Visits int64 `json:"visits"`
	}
	var mu sync.Mutex
	var kept []course
	var until time.Time
	return func(ctx context.Context, _ int64) (any, error) {
		mu.Lock()
		courses, fresh := kept, time.Now().Before(until)
		mu.Unlock()
		if fresh {
			return courses, nil
		}
		rows, err := m.pool.Query(ctx, selectPopular)
		if err != nil {
			return nil, fmt.Errorf("popular courses: %w", err)
		}
		if courses, err = pgx.CollectRows(rows, pgx.RowToStructByPos[course]); err != nil {
			return nil, fmt.Errorf("popular courses: %w", err)
		}
		mu.Lock()
		kept, until = courses, time.Now().Add(popularFor)
		mu.Unlock()
		return courses, nil
	}
}
