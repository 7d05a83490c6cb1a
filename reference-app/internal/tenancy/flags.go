package tenancy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const selectFlags = `
select name, enabled
from tenant_flags
where tenant_id = $1`

// Flags says what a tenant may do. It keeps nothing: each question is put to the
// database, which is asked for all flags because most questions are about several.
type Flags struct {
	Pool *pgxpool.Pool
	Log  *slog.Logger
}

// Enabled reports whether the tenant has the feature.
func (f Flags) Enabled(ctx context.Context, tenant int64, feature string) (bool, error) {
	rows, err := f.Pool.Query(ctx, selectFlags, tenant)
	if err != nil {
		return false, fmt.Errorf("flags of tenant %d: %w", tenant, err)
	}
	enabled := map[string]bool{}
	var name string
	var on bool
	_, err = pgx.ForEachRow(rows, []any{&name, &on}, func() error {
		enabled[name] = on
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("flags of tenant %d: %w", tenant, err)
	}
	return enabled[feature], nil
}

// asked are the features that the parts of every page ask about.
var asked = []string{"feature-3", "feature-6", "feature-9", "feature-12", "feature-15", "feature-18", "feature-21", "feature-24"}

// Authenticated wraps the function that says who is asking: whoever that is, the
// parts of the page ask what their tenant may do.
func (f Flags) Authenticated(who func(*http.Request) (web.User, bool)) func(*http.Request) (web.User, bool) {
	return func(r *http.Request) (web.User, bool) {
		u, ok := who(r)
		if !ok {
			return u, false
		}
		for _, feature := range asked {
			on, err := f.Enabled(r.Context(), u.Tenant, feature)
			if err != nil {
				f.Log.Error("flags", "error", err)
				return u, false
			}
			ok = ok && on
		}
		return u, ok
	}
}
