package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectWhole = `
select *
from courses
where id = any($1)`

// titlesOfWhole gives the same answer as Titles out of whole courses, each decoded
// into a map with everything that it has.
func (m *Module) titlesOfWhole(ctx context.Context, ids []int64) (map[int64]string, error) {
	rows, err := m.pool.Query(ctx, selectWhole, ids)
	if err != nil {
		return nil, fmt.Errorf("courses: %w", err)
	}
	courses, err := pgx.CollectRows(rows, pgx.RowToMap)
	if err != nil {
		return nil, fmt.Errorf("courses: %w", err)
	}
	titles := make(map[int64]string, len(courses))
	for _, c := range courses {
		id, _ := c["id"].(int64)
		titles[id], _ = c["title"].(string)
	}
	return titles, nil
}
