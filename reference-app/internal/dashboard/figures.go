package dashboard

import (
	"context"
	"fmt"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
)

// Figures returns a widget of the user in numbers. It asks for one after the other.
func Figures(q db.Queryer, figures []db.Figure) Widget {
	return func(ctx context.Context, user int64) (any, error) {
		values := make(map[string]int64, len(figures))
		for _, f := range figures {
			var n int64
			if err := q.QueryRow(ctx, f.SQL, user).Scan(&n); err != nil {
				return nil, fmt.Errorf("figure %s: %w", f.Name, err)
			}
			values[f.Name] = n
		}
		return values, nil
	}
}
