package content

import (
	"context"
	"fmt"
	"strings"
)

const insertWords = `
insert into shown_words (user_id, item_id, word)
select $1, $2, n
from generate_series(1, $3::int) n`

// logWords notes for each word of an item that it was shown.
func (m *Module) logWords(ctx context.Context, user int64, it item) error {
	if _, err := m.pool.Exec(ctx, insertWords, user, it.ID, len(strings.Fields(it.Body))); err != nil {
		return fmt.Errorf("words of item %d: %w", it.ID, err)
	}
	return nil
}
