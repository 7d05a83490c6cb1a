package collect

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

const environmentSQL = `select /* scalecheck */
	current_setting('server_version'),
	pg_backend_pid(),
	(select backend_start from pg_stat_activity where pid = pg_backend_pid()),
	array(select extname || ' ' || extversion from pg_extension order by extname)`

// settings that decide what a run on another server would be like. Those that a
// role may not see are left out.
const settingsOfSQL = `select /* scalecheck */
	name,
	setting || coalesce(' ' || nullif(unit, ''), ''),
	source
from pg_settings
where name = any($1)
	or name like 'enable\_%'
	or name like 'autovacuum%'
	or name like 'pg\_stat\_statements.%'`

var telling = []string{
	"block_size", "bgwriter_delay", "bgwriter_lru_maxpages", "checkpoint_completion_target", "checkpoint_timeout", "commit_delay",
	"compute_query_id", "cpu_index_tuple_cost", "cpu_operator_cost", "cpu_tuple_cost", "deadlock_timeout", "default_statistics_target",
	"default_transaction_isolation", "effective_cache_size", "effective_io_concurrency", "fsync", "full_page_writes", "geqo",
	"hash_mem_multiplier", "hot_standby_feedback", "huge_pages", "idle_in_transaction_session_timeout", "io_method", "io_workers",
	"jit", "jit_above_cost", "lock_timeout", "maintenance_work_mem", "max_connections", "max_locks_per_transaction",
	"max_parallel_workers", "max_parallel_workers_per_gather", "max_wal_size", "max_worker_processes", "min_wal_size",
	"parallel_setup_cost", "parallel_tuple_cost", "plan_cache_mode", "random_page_cost", "seq_page_cost", "shared_buffers",
	"statement_timeout", "synchronous_commit", "synchronous_standby_names", "temp_buffers", "temp_file_limit", "track_activities",
	"track_activity_query_size", "track_counts", "track_io_timing", "track_wal_io_timing", "transaction_timeout",
	"vacuum_cost_delay", "vacuum_cost_limit", "wal_buffers", "wal_compression", "wal_level", "work_mem",
}

const databaseSizeSQL = `select /* scalecheck */ pg_database_size(current_database())`

// Environment describes the machine and, where t has one, the database server.
func Environment(ctx context.Context, t *Target) (evidence.Environment, error) {
	e := evidence.Environment{
		Cores: cores(), MemoryBytes: memory(), Kernel: kernel(), CPU: cpuModel(),
		TargetLocal: len(t.AppPIDs) > 0,
	}
	if host, _, err := net.SplitHostPort(t.Listener); err == nil {
		e.TargetLocal = e.TargetLocal || isLocal(host)
	}
	if t.Database == nil {
		return e, nil
	}
	conn, err := Connect(ctx, t.Database)
	if err != nil {
		return e, err
	}
	defer conn.Close(ctx)
	var pid int
	var started time.Time
	var extensions []string
	if err := conn.QueryRow(ctx, environmentSQL).Scan(&e.Postgres, &pid, &started, &extensions); err != nil {
		return e, fmt.Errorf("describe the database: %w", err)
	}
	_, e.PostgresLocal = serverProcess(pid, started)
	e.Extensions = map[string]string{}
	for _, x := range extensions {
		name, version, _ := strings.Cut(x, " ")
		e.Extensions[name] = version
	}
	// Walks through the files, which may take long; then there is no figure.
	if err := conn.QueryRow(ctx, databaseSizeSQL).Scan(&e.DatabaseBytes); err != nil && conn.IsClosed() {
		return e, fmt.Errorf("describe the database: %w", err)
	}
	// Our sessions have settings of their own (read only, no JIT, timeouts); the
	// application's do not. This one ends with the next query.
	if _, err := conn.Exec(ctx, "reset all /* scalecheck */"); err != nil {
		return e, fmt.Errorf("describe the database: %w", err)
	}
	rows, err := conn.Query(ctx, settingsOfSQL, telling)
	if err != nil {
		return e, fmt.Errorf("describe the database: %w", err)
	}
	e.Settings, e.Sources = map[string]string{}, map[string]string{}
	var name, value, source string
	if _, err := pgx.ForEachRow(rows, []any{&name, &value, &source}, func() error {
		e.Settings[name], e.Sources[name] = value, source
		return nil
	}); err != nil {
		return e, fmt.Errorf("describe the database: %w", err)
	}
	return e, nil
}

// memory returns the machine's memory, or the control group's where that is less.
func memory() int64 {
	total := int64(0)
	b, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			total = int64(number(strings.TrimSuffix(strings.TrimSpace(v), " kB"))) << 10
		}
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if limit := int64(number(strings.TrimSpace(string(b)))); err == nil && limit > 0 && limit < total {
			total = limit
		}
	}
	return total
}

func kernel() string {
	b, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(b))
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "model name", "Model", "cpu model":
			return strings.TrimSpace(value)
		}
	}
	return ""
}
