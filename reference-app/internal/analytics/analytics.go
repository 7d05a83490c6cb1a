// Package analytics is what users did, and how much of it per day.
//
// Owns: activity_events (appended in batches by the [Recorder]), daily_activity
// (rolled up from it by a job). Administrators read the rollup: no page ever
// aggregates raw events.
package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectDaily = `
select day, kind, events, users
from daily_activity
order by day desc, kind
limit $1`

	// In the first hour of a day this also completes the day before.
	rollUpToday = `
insert into daily_activity (day, kind, events, users)
select (at at time zone 'UTC')::date, kind, count(*), count(distinct user_id)
from activity_events
where at >= date_trunc('day', now() - interval '1 hour', 'UTC')
group by 1, 2
on conflict (day, kind) do update set events = excluded.events, users = excluded.users`
)

// Module serves the figures.
type Module struct {
	pool *pgxpool.Pool
}

// New returns the module.
func New(pool *pgxpool.Pool) *Module { return &Module{pool} }

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/admin/analytics", m.daily)
}

// rowsShown is a month of the three kinds of events.
const rowsShown = 90

func (m *Module) daily(r *web.Request) (web.Reply, error) {
	if r.User.Role != web.Admin {
		return web.Reply{}, web.Forbidden("for administrators only")
	}
	rows, err := m.pool.Query(r.Context(), selectDaily, rowsShown)
	if err != nil {
		return web.Reply{}, fmt.Errorf("daily activity: %w", err)
	}
	type day struct {
		Day    time.Time `json:"day"`
		Kind   string    `json:"kind"`
		Events int64     `json:"events"`
		Users  int64     `json:"users"`
	}
	days, err := pgx.CollectRows(rows, pgx.RowToStructByPos[day])
	if err != nil {
		return web.Reply{}, fmt.Errorf("daily activity: %w", err)
	}
	return web.OK(struct {
		Days []day `json:"days"`
	}{days}), nil
}

// RollupWorker rolls today's events up.
type RollupWorker struct {
	river.WorkerDefaults[jobs.RollupActivity]
	Pool *pgxpool.Pool
}

// Work implements [river.Worker].
func (w *RollupWorker) Work(ctx context.Context, _ *river.Job[jobs.RollupActivity]) error {
	_, err := w.Pool.Exec(ctx, rollUpToday)
	return err
}
