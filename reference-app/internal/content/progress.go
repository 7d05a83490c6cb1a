package content

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	selectProgress = `
select total.course_id, total.items, coalesce(done.items, 0)
from (
  select course_id, count(*) as items
  from content_items
  where course_id = any($2)
  group by course_id
) total
left join (
  select course_id, count(*) as items
  from progress
  where user_id = $1
    and course_id = any($2)
  group by course_id
) done using (course_id)`

	selectItemIDs = `
select course_id, id
from content_items
where course_id = any($1)
order by course_id, position`

	selectCompleted = `
select exists (
  select
  from progress
  where user_id = $1
    and course_id = $2
    and item_id = $3
)`
)

// Progress is how much of a course a user has completed.
type Progress struct {
	Items, Completed int
}

// Percent is the completed share in whole percents.
func (p Progress) Percent() int {
	if p.Items == 0 {
		return 0
	}
	return 100 * p.Completed / p.Items
}

// Progress returns a user's progress by course.
func (m *Module) Progress(ctx context.Context, user int64, courses []int64) (map[int64]Progress, error) {
	if m.options.ProgressPerItem {
		return m.progressPerItem(ctx, user, courses)
	}
	rows, err := m.pool.Query(ctx, selectProgress, user, courses)
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	progress := make(map[int64]Progress, len(courses))
	var course int64
	var p Progress
	_, err = pgx.ForEachRow(rows, []any{&course, &p.Items, &p.Completed}, func() error {
		progress[course] = p
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	return progress, nil
}

// progressPerItem gives the same answer as Progress with one query more for every
// item of every course.
func (m *Module) progressPerItem(ctx context.Context, user int64, courses []int64) (map[int64]Progress, error) {
	rows, err := m.pool.Query(ctx, selectItemIDs, courses)
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	type courseItem struct{ Course, Item int64 }
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[courseItem])
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	progress := make(map[int64]Progress, len(courses))
	for _, it := range items {
		var completed bool
		if err := m.pool.QueryRow(ctx, selectCompleted, user, it.Course, it.Item).Scan(&completed); err != nil {
			return nil, fmt.Errorf("progress in item %d: %w", it.Item, err)
		}
		p := progress[it.Course]
		p.Items++
		if completed {
			p.Completed++
		}
		progress[it.Course] = p
	}
	return progress, nil
}
