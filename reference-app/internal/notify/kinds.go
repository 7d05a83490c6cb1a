package notify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const countKinds = `
select kind, count(*)
from notifications
where user_id = $1
group by kind
order by kind`

// Kinds returns how many notifications of each kind a user ever got.
func (m *Module) Kinds(ctx context.Context, user int64) (any, error) {
	rows, err := m.pool.Query(ctx, countKinds, user)
	if err != nil {
		return nil, fmt.Errorf("kinds of notifications: %w", err)
	}
	type kind struct {
		Kind  string `json:"kind"`
		Count int64  `json:"count"`
	}
	kinds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[kind])
	if err != nil {
		return nil, fmt.Errorf("kinds of notifications: %w", err)
	}
	return kinds, nil
}
