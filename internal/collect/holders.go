package collect

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// Who holds back the horizon below which VACUUM may remove rows, and sessions
// that sit in a transaction, which will once they take a snapshot. Sessions of
// other databases count only where they send WAL to a standby that says what it
// still needs (hot_standby_feedback).
//
// One second: at any moment of a run sessions have snapshots that are younger,
// and they harm nobody. Ten: the oldest decides.
const holdersSQL = `select /* scalecheck */
	kind,
	name,
	state,
	application,
	backend,
	age,
	seconds,
	idle,
	query_id,
	query
from (
	select 'session',
		'',
		coalesce(state, 'active'),
		coalesce(application_name, ''),
		coalesce(backend_type, ''),
		coalesce(greatest(age(backend_xmin), age(backend_xid)), 0)::float8,
		coalesce(extract(epoch from clock_timestamp() - xact_start), 0)::float8,
		case when state like 'idle in transaction%%' then coalesce(extract(epoch from clock_timestamp() - state_change), 0) else 0 end::float8%s
	from pg_stat_activity
	where (datid = $1 or backend_type = 'walsender')
		and (backend_xmin is not null or backend_xid is not null or state like 'idle in transaction%%')
		and (xact_start < clock_timestamp() - interval '1 second' or backend_type = 'walsender')
		and pid <> pg_backend_pid()
	union all
	select 'prepared transaction', '', '', '', '', age(transaction)::float8, extract(epoch from clock_timestamp() - prepared)::float8, 0, 0, ''
	from pg_prepared_xacts
	where database = current_database()
	union all
	select 'replication slot', slot_name::text, case when active then 'active' else 'inactive' end, '', '',
		greatest(age(xmin), age(catalog_xmin))::float8, 0, 0, 0, ''
	from pg_replication_slots
	where xmin is not null or catalog_xmin is not null
) holder (kind, name, state, application, backend, age, seconds, idle, query_id, query)
order by age desc, seconds desc
limit 10`

// findHolders fills w.Holders.
func (s *sessions) findHolders(ctx context.Context, c *pgx.Conn, w *evidence.Window) error {
	rows, err := c.Query(ctx, s.holders, s.database)
	if err != nil {
		return err
	}
	var h evidence.Holder
	var id int64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&h.Kind, &h.Name, &h.State, &h.Application, &h.Backend, &h.Age, &h.Seconds, &h.Idle, &id, &text}, func() error {
		h.Statement = s.resolve(s.statement(id, text))
		w.Holders = append(w.Holders, h)
		return nil
	})
	return err
}
