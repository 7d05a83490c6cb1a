package assess

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectRanks = `
select course_id, rank
from (
  select course_id, user_id, rank() over (partition by course_id order by sum(score) desc) as rank
  from grades
  group by course_id, user_id
) r
where user_id = $1
order by course_id`

// Ranks returns where a user stands in each course, out of everybody's grades.
func (m *Module) Ranks(ctx context.Context, user int64) (any, error) {
	rows, err := m.pool.Query(ctx, selectRanks, user)
	if err != nil {
		return nil, fmt.Errorf("ranks: %w", err)
	}
	type rank struct {
		Course int64 `json:"course_id"`
		Rank   int64 `json:"rank"`
	}
	ranks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[rank])
	if err != nil {
		return nil, fmt.Errorf("ranks: %w", err)
	}
	return ranks, nil
}
