package assess

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectRanks = `
select assignment_id, rank
from (
  select assignment_id, user_id, rank() over (partition by assignment_id order by max(score) desc) as rank
  from grades
  group by assignment_id, user_id
) r
where user_id = $1
order by assignment_id`

// Ranks returns where a user stands in each assignment, out of everybody's grades.
func (m *Module) Ranks(ctx context.Context, user int64) (any, error) {
	rows, err := m.pool.Query(ctx, selectRanks, user)
	if err != nil {
		return nil, fmt.Errorf("ranks: %w", err)
	}
	type rank struct {
		Assignment int64 `json:"assignment_id"`
		Rank       int64 `json:"rank"`
	}
	ranks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[rank])
	if err != nil {
		return nil, fmt.Errorf("ranks: %w", err)
	}
	return ranks, nil
}
