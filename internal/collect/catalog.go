package collect

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scalecheck/scalecheck/evidence"
)

// maxTables: who has more has one schema for each tenant, and the largest tables
// tell the story.
const maxTables = 5000

const catalogSQL = `select /* scalecheck */
	c.oid,
	n.nspname::text,
	c.relname::text,
	greatest(c.reltuples, 0)::float8,
	c.relpages::float8,
	(c.relpages + coalesce(t.relpages, 0)
		+ coalesce((select sum(x.relpages) from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid in (c.oid, t.oid)), 0)
	)::int8 * current_setting('block_size')::int8,
	(coalesce(t.relpages, 0)
		+ coalesce((select sum(x.relpages) from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = t.oid), 0)
	)::int8 * current_setting('block_size')::int8,
	pg_stat_get_live_tuples(c.oid)::float8,
	pg_stat_get_dead_tuples(c.oid)::float8,
	pg_stat_get_mod_since_analyze(c.oid)::float8,
	c.reltuples < 0,
	greatest(pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid)),
	greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)),
	array(select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_class t on t.oid = c.reltoastrelid
where c.relkind in ('r', 'p', 'm')
	and n.nspname not in ('pg_catalog', 'information_schema')
	and n.nspname not like 'pg\_toast%'
	and n.nspname not like 'pg\_temp%'
order by c.relpages desc, c.oid
limit $1`

const indexesSQL = `select /* scalecheck */
	i.indrelid,
	c.relname::text,
	array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(1, i.indnkeyatts) n),
	i.indisunique,
	i.indpred is not null,
	i.indisvalid,
	c.relpages::int8 * current_setting('block_size')::int8,
	m.amname::text,
	array(select pg_get_indexdef(i.indexrelid, n, true) from generate_series(i.indnkeyatts + 1, i.indnatts) n),
	pg_get_indexdef(i.indexrelid),
	exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')),
	pg_stat_get_numscans(i.indexrelid)::float8
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am m on m.oid = c.relam
where i.indrelid = any($1)
order by i.indrelid, c.relname`

const foreignKeysSQL = `select /* scalecheck */
	k.conrelid,
	k.conname::text,
	array(select a.attname::text from unnest(k.conkey) with ordinality c(n, i) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.n order by c.i),
	n.nspname::text,
	c.relname::text,
	array(select a.attname::text from unnest(k.confkey) with ordinality f(n, i) join pg_attribute a on a.attrelid = k.confrelid and a.attnum = f.n order by f.i)
from pg_constraint k
join pg_class c on c.oid = k.confrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f'
	and k.conrelid = any($1)
order by k.conrelid, k.conname`

// pg_total_relation_size waits for exclusive locks, as a migration or VACUUM FULL
// has them; what the planner knows does not, but is as old as the last VACUUM.
const sizesSQL = `select /* scalecheck */
	oid,
	pg_total_relation_size(oid),
	pg_relation_size(oid)::float8 / current_setting('block_size')::float8
from unnest($1::oid[]) oid`

// readCatalog returns the tables, largest first, with their indexes and foreign keys.
func readCatalog(ctx context.Context, c *pgx.Conn) ([]evidence.Table, error) {
	var out []evidence.Table
	var oids []uint32
	at := map[uint32]int{}
	rows, err := c.Query(ctx, catalogSQL, maxTables)
	if err != nil {
		return nil, err
	}
	var oid uint32
	var t evidence.Table
	if _, err := pgx.ForEachRow(rows, []any{&oid, &t.Schema, &t.Name, &t.Rows, &t.Pages, &t.Bytes,
		&t.Toast, &t.Live, &t.Dead, &t.Changed, &t.Never, &t.Vacuumed, &t.Analyzed, &t.Columns}, func() error {
		at[oid] = len(out)
		oids = append(oids, oid)
		out = append(out, t)
		t.Columns, t.Vacuumed, t.Analyzed = nil, nil, nil
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = c.Query(ctx, indexesSQL, oids); err != nil {
		return nil, err
	}
	var i evidence.Index
	if _, err := pgx.ForEachRow(rows, []any{&oid, &i.Name, &i.Columns, &i.Unique, &i.Partial, &i.Valid, &i.Bytes,
		&i.Method, &i.Include, &i.Definition, &i.Constraint, &i.Scans}, func() error {
		t := &out[at[oid]]
		i.Definition = evidence.RedactDefinition(i.Definition)
		for n, c := range i.Columns {
			if !slices.Contains(t.Columns, c) { // an expression
				i.Columns[n] = evidence.RedactDefinition(c)
			}
		}
		t.Indexes = append(t.Indexes, i)
		i.Columns, i.Include = nil, nil
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = c.Query(ctx, foreignKeysSQL, oids); err != nil {
		return nil, err
	}
	var k evidence.ForeignKey
	if _, err := pgx.ForEachRow(rows, []any{&oid, &k.Name, &k.Columns, &k.Schema, &k.Table, &k.Referenced}, func() error {
		t := &out[at[oid]]
		t.ForeignKeys = append(t.ForeignKeys, k)
		k.Columns, k.Referenced = nil, nil
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = c.Query(ctx, sizesSQL, oids); err != nil {
		return nil, err
	}
	var bytes *int64
	var pages *float64
	_, err = pgx.ForEachRow(rows, []any{&oid, &bytes, &pages}, func() error {
		if t := &out[at[oid]]; bytes != nil && pages != nil { // else dropped meanwhile
			t.Bytes, t.Pages = *bytes, max(*pages, 0)
		}
		return nil
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) { // a lock, or too many tables for the time: the estimates stay
		err = nil
	}
	return out, err
}
