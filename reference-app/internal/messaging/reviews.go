package messaging

import (
	"context"
	"fmt"
)

const countReviews = `
select count(*)
from message_reviews
where state = $1`

// Reviews returns how many messages wait for a moderator, whoever asks.
func (m *Module) Reviews(ctx context.Context, _ int64) (any, error) {
	var n int64
	if err := m.pool.QueryRow(ctx, countReviews, "waiting").Scan(&n); err != nil {
		return nil, fmt.Errorf("reviews: %w", err)
	}
	return n, nil
}
