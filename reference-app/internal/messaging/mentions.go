package messaging

import (
	"context"
	"fmt"
)

const countMentions = `
select count(*)
from messages
where body ilike '%' || $1 || '%'`

// Mentions returns how often a user is mentioned anywhere.
func (m *Module) Mentions(ctx context.Context, user int64) (any, error) {
	var n int64
	if err := m.pool.QueryRow(ctx, countMentions, fmt.Sprintf("@user%d ", user)).Scan(&n); err != nil {
		return nil, fmt.Errorf("mentions: %w", err)
	}
	return n, nil
}
