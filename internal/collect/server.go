package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// Server reads the statistics views of the whole server.
var Server = &Collector{
	Name: "server",
	Kind: evidence.Server,
	Doc: `checkpoints, WAL and IO of the whole server, and settings that were changed

Timed and requested checkpoints and what they wrote, what sessions had to write
themselves, WAL (PostgreSQL 14 and later), and reads, writes, evictions and fsyncs by
kind of process (16 and later), as differences; of all databases of the server, since
they share one checkpointer, one WAL and one buffer pool.

Costs a millisecond or two at the end of a window. Every role may read all this.`,
	Start: startServer,
}

// The views as JSON, one key each: versions have different ones, with different
// columns. pg_stat_io has about 80 rows, most of them empty.
var serverViews = []struct{ name, sql string }{
	{"pg_stat_bgwriter", "(select to_jsonb(v) from pg_stat_bgwriter v)"},
	{"pg_stat_checkpointer", "(select to_jsonb(v) from pg_stat_checkpointer v)"}, // 17 and later
	{"pg_stat_wal", "(select to_jsonb(v) from pg_stat_wal v)"},                   // 14 and later
	{"pg_stat_io", `(select coalesce(jsonb_agg(v), '[]') from pg_stat_io v
		where reads > 0 or writes > 0 or extends > 0 or hits > 0 or fsyncs > 0)`}, // 16 and later
}

const serverViewsSQL = `select /* scalecheck */
	array(select name from unnest($1::text[]) name where to_regclass('pg_catalog.' || name) is not null)`

// The value that a session has when it begins, which RESET returns to; it follows
// a reload of the configuration, and our sessions' own settings are not in it.
const serverSettingsSQL = `select /* scalecheck */
	name,
	reset_val || coalesce(' ' || nullif(unit, ''), '')
from pg_settings
where name = any($1)
	and context <> 'internal'`

// An ioRow is a row of pg_stat_io.
type ioRow struct {
	ioKey
	counted
}

type ioKey struct {
	Backend string `json:"backend_type"`
	Object  string `json:"object"`
	Context string `json:"context"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *ioRow) UnmarshalJSON(b []byte) error {
	return errors.Join(json.Unmarshal(b, &r.ioKey), json.Unmarshal(b, &r.counted))
}

type serverReading struct {
	views    map[string]counted
	io       map[ioKey]counted
	settings map[string]string
}

type server struct {
	link *link
	done func()
	sql  string
	last *serverReading
}

func startServer(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, done, err := t.sharedLink(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{link: l, done: done}
	var has []string
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		var all []string
		for _, v := range serverViews {
			all = append(all, v.name)
		}
		if err := c.QueryRow(ctx, serverViewsSQL, all).Scan(&has); err != nil {
			return err
		}
		var parts []string
		for _, v := range serverViews {
			if slices.Contains(has, v.name) {
				parts = append(parts, "'"+v.name+"', "+v.sql)
			}
		}
		s.sql = "select /* scalecheck */ jsonb_build_object(" + strings.Join(parts, ", ") + ")"
		s.last, err = s.read(ctx, c)
		return err
	})
	if err == nil && !slices.Contains(has, "pg_stat_wal") {
		err = n.Missing(evidence.Server, "WAL: PostgreSQL counts it from version 14 on")
	}
	if err == nil && !slices.Contains(has, "pg_stat_io") {
		err = n.Missing(evidence.Server, "IO by kind of process: PostgreSQL counts it from version 16 on")
	}
	if err != nil {
		done()
		return nil, fmt.Errorf("read statistics of the server: %w", err)
	}
	return s, nil
}

func (s *server) Close() { s.done() }

func (s *server) read(ctx context.Context, c *pgx.Conn) (*serverReading, error) {
	var row struct {
		Writer       counted `json:"pg_stat_bgwriter"`
		Checkpointer counted `json:"pg_stat_checkpointer"`
		WAL          counted `json:"pg_stat_wal"`
		IO           []ioRow `json:"pg_stat_io"`
	}
	if err := c.QueryRow(ctx, s.sql).Scan(&row); err != nil {
		return nil, err
	}
	r := &serverReading{
		views:    map[string]counted{"bgwriter": row.Writer, "checkpointer": row.Checkpointer, "wal": row.WAL},
		io:       map[ioKey]counted{},
		settings: map[string]string{},
	}
	for _, i := range row.IO {
		r.io[i.ioKey] = i.counted
	}
	rows, err := c.Query(ctx, serverSettingsSQL, telling)
	if err != nil {
		return nil, err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		r.settings[name] = value
		return nil
	})
	return r, err
}

func (s *server) Cut(ctx context.Context, w *evidence.Window) error {
	last := s.last
	s.last = nil
	var now *serverReading
	err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		now, err = s.read(ctx, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("read statistics of the server: %w", err)
	}
	s.last = now
	if last == nil {
		return errors.New("the window's begin was not measured")
	}
	stats := &evidence.ServerStats{Changed: changed(last.settings, now.settings)}
	for _, c := range stats.Changed {
		w.Caveats = append(w.Caveats, fmt.Sprintf("setting %s was changed from %s to %s", c.Name, c.From, c.To))
	}
	d := map[string]counted{}
	for name, v := range now.views {
		since, ok := v.since(last.views[name])
		if !ok {
			w.Caveats = append(w.Caveats, "statistics of the "+name+" went backwards (reset, or the server crashed): they are left out")
			continue
		}
		d[name] = since
	}
	stats.Checkpoints = checkpoints(d["bgwriter"], d["checkpointer"])
	stats.WAL = wal(d["wal"])
	backwards := false
	for k, v := range now.io {
		since, ok := v.since(last.io[k])
		backwards = backwards || !ok
		if row, happened := ioSince(k, since); ok && happened {
			stats.IO = append(stats.IO, row)
		}
	}
	if backwards {
		stats.IO = nil
		w.Caveats = append(w.Caveats, "pg_stat_io went backwards (reset, or the server crashed): it is left out")
	}
	slices.SortFunc(stats.IO, func(a, b evidence.IO) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Context, b.Context))
	})
	w.Server = stats
	return nil
}

func changed(from, to map[string]string) (out []evidence.SettingChange) {
	for name, v := range to {
		if before, known := from[name]; known && before != v {
			out = append(out, evidence.SettingChange{Name: name, From: before, To: v})
		}
	}
	slices.SortFunc(out, func(a, b evidence.SettingChange) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// checkpoints reads pg_stat_bgwriter, and pg_stat_checkpointer which was split
// from it in version 17 with other names. Times are in milliseconds.
func checkpoints(writer, checkpointer counted) *evidence.Checkpoints {
	if writer == nil {
		return nil
	}
	c := &evidence.Checkpoints{
		Timed: writer["checkpoints_timed"], Requested: writer["checkpoints_req"],
		WriteTime: writer["checkpoint_write_time"] / 1e3, SyncTime: writer["checkpoint_sync_time"] / 1e3,
		Buffers: writer["buffers_checkpoint"],
		Cleaned: writer["buffers_clean"], Stopped: writer["maxwritten_clean"], Allocated: writer["buffers_alloc"],
	}
	if _, has := writer["buffers_backend"]; has {
		c.Backend = &evidence.BackendWrites{Buffers: writer["buffers_backend"], Syncs: writer["buffers_backend_fsync"]}
	}
	if _, old := writer["checkpoints_timed"]; old {
		return c
	}
	if checkpointer == nil {
		return nil
	}
	c.Timed, c.Requested = checkpointer["num_timed"], checkpointer["num_requested"]
	c.WriteTime, c.SyncTime = checkpointer["write_time"]/1e3, checkpointer["sync_time"]/1e3
	c.Buffers = checkpointer["buffers_written"]
	return c
}

func wal(d counted) *evidence.WAL {
	if d == nil {
		return nil
	}
	w := &evidence.WAL{Records: d["wal_records"], FullPages: d["wal_fpi"], Bytes: d["wal_bytes"], BuffersFull: d["wal_buffers_full"]}
	if _, has := d["wal_sync"]; has {
		w.Flush = &evidence.WALFlush{
			Writes: d["wal_write"], Syncs: d["wal_sync"], WriteTime: d["wal_write_time"] / 1e3, SyncTime: d["wal_sync_time"] / 1e3,
		}
	}
	return w
}

// ioSince returns the row, and whether anything happened in it. Bytes are counted
// from version 18 on; before, an operation is op_bytes long.
func ioSince(k ioKey, d counted) (row evidence.IO, happened bool) {
	bytes := func(column, operations string) float64 {
		if n, has := d[column]; has {
			return n
		}
		return d[operations] * d["op_bytes"]
	}
	row = evidence.IO{
		Backend: k.Backend, Object: k.Object, Context: k.Context,
		Reads: d["reads"], ReadBytes: bytes("read_bytes", "reads"), ReadTime: d["read_time"] / 1e3,
		Writes: d["writes"], WriteBytes: bytes("write_bytes", "writes"), WriteTime: d["write_time"] / 1e3,
		Extends: d["extends"], ExtendTime: d["extend_time"] / 1e3,
		Hits: d["hits"], Evictions: d["evictions"], Reuses: d["reuses"],
		Syncs: d["fsyncs"], SyncTime: d["fsync_time"] / 1e3,
	}
	return row, row.Reads+row.Writes+row.Extends+row.Hits+row.Evictions+row.Reuses+row.Syncs > 0
}
