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
select id
from content_items
where course_id = any($1)
order by course_id, position`

	// The whole item, as an object-relational mapper loads it to ask a question of it.
	selectItemWithProgress = `
select i.id, i.course_id, i.kind, i.title, i.body, p.completed_at is not null
from content_items i
left join progress p on p.user_id = $1 and p.course_id = i.course_id and p.item_id = i.id
where i.id = $2`
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
// item of every course. Like those of many mappers, and of everybody behind an older
// connection pooler, the queries are not prepared: each is parsed and planned anew.
func (m *Module) progressPerItem(ctx context.Context, user int64, courses []int64) (map[int64]Progress, error) {
	rows, err := m.pool.Query(ctx, selectItemIDs, courses)
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("progress: %w", err)
	}
	progress := make(map[int64]Progress, len(courses))
	for _, id := range ids {
		var it item
		var completed bool
		err := m.pool.QueryRow(ctx, selectItemWithProgress, pgx.QueryExecModeExec, user, id).
			Scan(&it.ID, &it.CourseID, &it.Kind, &it.Title, &it.Body, &completed)
		if err != nil {
			return nil, fmt.Errorf("progress in item %d: %w", id, err)
		}
		p := progress[it.CourseID]
		p.Items++
		if completed {
			p.Completed++
		}
		progress[it.CourseID] = p
	}
	return progress, nil
}
