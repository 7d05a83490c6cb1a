package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// Tables reads the statistics views of tables, indexes and the database.
var Tables = &Collector{
	Name: "tables",
	Kind: evidence.Tables,
	Doc: `what happened to each table and index, from PostgreSQL's cumulative statistics

Scans, rows, blocks, changes and VACUUMs of every table, scans of every index, and
commits, deadlocks, temporary files, connections and times of sessions of the
database, as differences. The catalog of tables and indexes is read once, before the
load, with what VACUUM and ANALYZE had left. Every role may read all this.

Server processes report what they did a second late, and up to ten when they are
idle (PostgreSQL 15 and later; half a second before that): what happened at the end
of a window may be in the next one.`,
	Start: startTables,
}

const tableStatsSQL = `select /* scalecheck */
	t.relid,
	t.schemaname::text,
	t.relname::text,
	array[
		t.seq_scan,
		t.seq_tup_read,
		coalesce(t.idx_scan, 0),
		coalesce(t.idx_tup_fetch, 0),
		t.n_tup_ins,
		t.n_tup_upd,
		t.n_tup_hot_upd,
		t.n_tup_del,
		coalesce(io.heap_blks_read, 0),
		coalesce(io.heap_blks_hit, 0),
		coalesce(io.idx_blks_read, 0),
		coalesce(io.idx_blks_hit, 0),
		coalesce(io.toast_blks_read, 0) + coalesce(io.tidx_blks_read, 0),
		coalesce(io.toast_blks_hit, 0) + coalesce(io.tidx_blks_hit, 0),
		%s,
		t.vacuum_count + t.autovacuum_count,
		t.analyze_count + t.autoanalyze_count
	]::float8[],
	t.n_live_tup::float8,
	t.n_dead_tup::float8,
	t.n_mod_since_analyze::float8
from pg_stat_user_tables t
left join pg_statio_user_tables io using (relid)`

// movedSQL is a column from 16 on.
const movedSQL = `select /* scalecheck */
	exists (select from pg_attribute where attrelid = 'pg_stat_user_tables'::regclass and attname = 'n_tup_newpage_upd')`

const indexStatsSQL = `select /* scalecheck */
	relid,
	indexrelid,
	indexrelname::text,
	idx_scan::float8
from pg_stat_user_indexes`

// The row comes as JSON, so that columns that a version does not have are just
// not there. Times are in milliseconds.
const databaseStatsSQL = `select /* scalecheck */
	to_jsonb(d),
	(select count(*) from pg_stat_activity a where a.datid = d.datid and a.application_name <> 'scalecheck')::float8,
	current_setting('max_connections')::float8
from pg_stat_database d
where d.datname = current_database()`

type tableCounters [17]float64

type tableRow struct {
	schema, name string
	tableCounters
	live, dead, changed float64
}

type indexRow struct {
	table uint32
	name  string
	scans float64
}

type tableReading struct {
	tables   map[uint32]tableRow
	indexes  map[uint32]indexRow
	database counted
	sessions float64
	limit    float64
	sent     int64 // our own statements
}

type tables struct {
	link *link
	done func()
	sql  string // of the tables' statistics
	last *tableReading
}

func startTables(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, done, err := t.sharedLink(ctx)
	if err != nil {
		return nil, err
	}
	s := &tables{link: l, done: done}
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		var moved bool
		if err := c.QueryRow(ctx, movedSQL).Scan(&moved); err != nil {
			return err
		}
		s.sql = fmt.Sprintf(tableStatsSQL, "0")
		if moved {
			s.sql = fmt.Sprintf(tableStatsSQL, "t.n_tup_newpage_upd")
		}
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
	if _, has := s.last.database["active_time"]; err == nil && !has {
		err = n.Missing(evidence.Tables, "how long sessions were active and idle in a transaction: PostgreSQL counts it from version 14 on")
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
	rows, err := c.Query(ctx, s.sql)
	if err != nil {
		return nil, err
	}
	var id uint32
	var t tableRow
	var v []float64
	if _, err := pgx.ForEachRow(rows, []any{&id, &t.schema, &t.name, &v, &t.live, &t.dead, &t.changed}, func() error {
		t.tableCounters = tableCounters(v)
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
	err = c.QueryRow(ctx, databaseStatsSQL).Scan(&r.database, &r.sessions, &r.limit)
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
	d, ok := now.database.since(last.database)
	if !ok {
		w.Caveats = append(w.Caveats, "statistics of the database went backwards (reset, or the server crashed): they are left out")
		d = counted{}
	}
	w.Database = &evidence.Database{
		// Each of our statements is a transaction. They are taken off when they are
		// sent, and show up a second later: in a window of a second that matters.
		Commits:   max(0, d["xact_commit"]-float64(now.sent-last.sent)),
		Rollbacks: d["xact_rollback"], Deadlocks: d["deadlocks"], Conflicts: d["conflicts"],
		TempFiles: d["temp_files"], TempBytes: d["temp_bytes"],
		BlocksRead: d["blks_read"], BlocksHit: d["blks_hit"], ReadTime: d["blk_read_time"] / 1e3, WriteTime: d["blk_write_time"] / 1e3,
		Connects: d["sessions"], Connections: now.sessions, Limit: now.limit,
	}
	if _, has := d["active_time"]; has {
		w.Database.Times = &evidence.SessionTimes{
			Active: d["active_time"] / 1e3, IdleInTx: d["idle_in_transaction_time"] / 1e3, Total: d["session_time"] / 1e3,
			Abandoned: d["sessions_abandoned"], Fatal: d["sessions_fatal"], Killed: d["sessions_killed"],
		}
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
			IndexRead: d[10], IndexHit: d[11], ToastRead: d[12], ToastHit: d[13], Moved: d[14], Vacuums: d[15], Analyzes: d[16],
			LiveRows: t.live, DeadRows: t.dead, Changed: t.changed, ByIndex: scans[id],
		})
	}
	slices.SortFunc(out, func(a, b evidence.TableIO) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
	return out, backwards
}
