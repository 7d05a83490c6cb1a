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
	days, err := m.days(r.Context(), selectDaily)
	if err != nil {
		return web.Reply{}, err
	}
	return web.OK(struct {
		Days []Day `json:"days"`
	}{days}), nil
}

// Day is what happened of one kind on one day.
type Day struct {
	Day    time.Time `json:"day"`
	Kind   string    `json:"kind"`
	Events int64     `json:"events"`
	Users  int64     `json:"users"`
}

// FromEvents returns the last days' activity from the raw events.
func (m *Module) FromEvents(ctx context.Context) ([]Day, error) {
	return m.days(ctx, selectDailyFromEvents)
}

func (m *Module) days(ctx context.Context, sql string) ([]Day, error) {
	rows, err := m.pool.Query(ctx, sql, rowsShown)
	if err != nil {
		return nil, fmt.Errorf("daily activity: %w", err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Day])
	if err != nil {
		return nil, fmt.Errorf("daily activity: %w", err)
	}
	return days, nil
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
