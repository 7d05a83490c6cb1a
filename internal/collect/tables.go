package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// Tables reads the statistics views of tables, indexes and the database.
var Tables = &Collector{
	Name: "tables",
	Kind: evidence.Tables,
	Doc: `what happened to each table and index, from PostgreSQL's cumulative statistics

Scans, rows, blocks and changes of every table, scans of every index, and commits,
deadlocks, temporary files and connections of the database, as differences. The
catalog of tables and indexes is read once, before the load. Every role may read
all this.

Server processes report what they did a second late, and up to ten when they are
idle (PostgreSQL 15 and later; half a second before that): what happened at the end
of a window may be in the next one.`,
	Start: startTables,
}

const tableStatsSQL = `select /* scalecheck */
	t.relid,
	t.schemaname::text,
	t.relname::text,
	t.seq_scan::float8,
	t.seq_tup_read::float8,
	coalesce(t.idx_scan, 0)::float8,
	coalesce(t.idx_tup_fetch, 0)::float8,
	t.n_tup_ins::float8,
	t.n_tup_upd::float8,
	t.n_tup_hot_upd::float8,
	t.n_tup_del::float8,
	t.n_dead_tup::float8,
	coalesce(pg_stat_get_blocks_fetched(t.relid) - pg_stat_get_blocks_hit(t.relid), 0)::float8,
	coalesce(pg_stat_get_blocks_hit(t.relid), 0)::float8
from pg_stat_user_tables t`

const indexStatsSQL = `select /* scalecheck */
	relid,
	indexrelid,
	indexrelname::text,
	idx_scan::float8
from pg_stat_user_indexes`

// sessions is a column from 14 on.
const databaseStatsSQL = `select /* scalecheck */
	d.xact_commit::float8,
	d.xact_rollback::float8,
	d.deadlocks::float8,
	d.temp_bytes::float8,
	d.blks_read::float8,
	d.blks_hit::float8,
	coalesce((to_jsonb(d)->>'sessions')::float8, 0),
	(select count(*) from pg_stat_activity a where a.datid = d.datid and a.application_name <> 'scalecheck')::float8,
	current_setting('max_connections')::float8,
	d.stats_reset
from pg_stat_database d
where d.datname = current_database()`

type tableCounters [11]float64

type tableRow struct {
	schema, name string
	tableCounters
	dead float64
}

type indexRow struct {
	table uint32
	name  string
	scans float64
}

type tableReading struct {
	tables   map[uint32]tableRow
	indexes  map[uint32]indexRow
	database [7]float64
	sessions float64
	limit    float64
	reset    *time.Time
	sent     int64 // our own statements
}

type tables struct {
	link *link
	done func()
	last *tableReading
}

func startTables(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, done, err := t.sharedLink(ctx)
	if err != nil {
		return nil, err
	}
	s := &tables{link: l, done: done}
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		s.last, err = s.read(ctx, c)
		return err
	})
	if err != nil {
		done()
		return nil, fmt.Errorf("read statistics of tables: %w", err)
	}
	var catalog []evidence.Table
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		catalog, err = readCatalog(ctx, c)
		return err
	})
	if err == nil {
		err = n.Catalog(catalog)
	} else {
		err = n.Missing(evidence.Tables, fmt.Sprintf("catalog of tables and indexes: %v", err))
	}
	if err != nil {
		done()
		return nil, err
	}
	return s, nil
}

func (s *tables) Close() { s.done() }

func (s *tables) read(ctx context.Context, c *pgx.Conn) (*tableReading, error) {
	r := &tableReading{tables: map[uint32]tableRow{}, indexes: map[uint32]indexRow{}, sent: s.link.count.sent.Load()}
	rows, err := c.Query(ctx, tableStatsSQL)
	if err != nil {
		return nil, err
	}
	var id uint32
	var t tableRow
	v := &t.tableCounters
	if _, err := pgx.ForEachRow(rows, []any{&id, &t.schema, &t.name, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &t.dead, &v[8], &v[9]}, func() error {
		r.tables[id] = t
		return nil
	}); err != nil {
		return nil, err
	}
	if rows, err = c.Query(ctx, indexStatsSQL); err != nil {
		return nil, err
	}
	var i indexRow
	if _, err := pgx.ForEachRow(rows, []any{&i.table, &id, &i.name, &i.scans}, func() error {
		r.indexes[id] = i
		return nil
	}); err != nil {
		return nil, err
	}
	d := &r.database
	err = c.QueryRow(ctx, databaseStatsSQL).Scan(&d[0], &d[1], &d[2], &d[3], &d[4], &d[5], &d[6], &r.sessions, &r.limit, &r.reset)
	return r, err
}

func (s *tables) Cut(ctx context.Context, w *evidence.Window) error {
	var now *tableReading
	last := s.last
	s.last = nil
	err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		now, err = s.read(ctx, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("read statistics of tables: %w", err)
	}
	s.last = now
	if last == nil {
		return errors.New("the window's begin was not measured")
	}
	var backwards int
	w.Tables, backwards = tablesSince(last, now)
	if backwards > 0 {
		w.Caveats = append(w.Caveats, fmt.Sprintf("statistics of %d tables went backwards (reset, or the server crashed): they are left out", backwards))
	}
	var d [7]float64
	for i := range d {
		if d[i] = now.database[i] - last.database[i]; d[i] < 0 {
			w.Caveats = append(w.Caveats, "statistics of the database went backwards (reset, or the server crashed): they are left out")
			d = [7]float64{}
			break
		}
	}
	w.Database = &evidence.Database{
		// Each of our statements is a transaction. They are taken off when they are
		// sent, and show up a second later: in a window of a second that matters.
		Commits:   max(0, d[0]-float64(now.sent-last.sent)),
		Rollbacks: d[1], Deadlocks: d[2], TempBytes: d[3], BlocksRead: d[4], BlocksHit: d[5], Connects: d[6],
		Connections: now.sessions, Limit: now.limit,
	}
	return nil
}

func tablesSince(last, now *tableReading) (out []evidence.TableIO, backwards int) {
	scans := map[uint32]map[string]float64{}
	for id, i := range now.indexes {
		if n := i.scans - last.indexes[id].scans; n > 0 {
			if scans[i.table] == nil {
				scans[i.table] = map[string]float64{}
			}
			scans[i.table][i.name] = n
		}
	}
next:
	for id, t := range now.tables {
		var d tableCounters
		any := scans[id] != nil // indexes report by themselves
		for i, before := range last.tables[id].tableCounters {
			d[i] = t.tableCounters[i] - before
			if d[i] < 0 {
				backwards++
				continue next
			}
			any = any || d[i] > 0
		}
		if !any {
			continue
		}
		out = append(out, evidence.TableIO{
			Schema: t.schema, Name: t.name, SeqScans: d[0], SeqRows: d[1], IndexScans: d[2], IndexRows: d[3],
			Inserted: d[4], Updated: d[5], HotUpdated: d[6], Deleted: d[7], HeapRead: d[8], HeapHit: d[9],
			DeadRows: t.dead, ByIndex: scans[id],
		})
	}
	slices.SortFunc(out, func(a, b evidence.TableIO) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
	return out, backwards
}
