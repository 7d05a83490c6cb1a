package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
)

// Jobs reads River's tables.
var Jobs = &Collector{
	Name: "jobs",
	Kind: evidence.Jobs,
	Doc: `background jobs: how many wait, arrive, run, end and fail, from River's tables

By queue and kind, from river_job in whichever schema it is: jobs that are ready to
run and the age of the oldest, at both ends of the window; jobs that arrived, ended
and failed within it, and how long they worked; running jobs once a second.

Reads along River's own indexes, and of a very long queue only a part. Needs SELECT
on river_job. When a job ended is told by the clock of the worker's machine; one that
is behind the server's shifts ends by as much. Rows that River's cleaner removes
within a window (it keeps completed jobs for a day by default) do not count.`,
	Start: startJobs,
}

const riverTablesSQL = `select /* scalecheck */
	n.nspname::text,
	has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
	current_user::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relname = 'river_job'
	and c.relkind in ('r', 'p')
	and (select count(*) from pg_attribute a
		where a.attrelid = c.oid
			and a.attname in ('id', 'state', 'queue', 'kind', 'attempt', 'errors', 'created_at', 'scheduled_at', 'attempted_at', 'finalized_at')) = 10
order by n.nspname`

// maxReady bounds what counting a backlog may cost; reading 100,000 rows takes
// about 0.1 s.
const maxReady = 100_000

// Jobs that are scheduled or to be retried become available only when River's
// scheduler comes by, every five seconds; they wait from when they are due.
const readyJobsSQL = `select /* scalecheck */
	queue,
	kind,
	count(*)::float8,
	extract(epoch from clock_timestamp() - min(scheduled_at))::float8
from (
	(select queue, kind, scheduled_at from %[1]s where state = 'available' limit $1)
	union all
	(select queue, kind, scheduled_at from %[1]s where state = 'retryable' and scheduled_at <= clock_timestamp() limit $1)
	union all
	(select queue, kind, scheduled_at from %[1]s where state = 'scheduled' and scheduled_at <= clock_timestamp() limit $1)
) ready
group by queue, kind`

const runningJobsSQL = `select /* scalecheck */
	queue,
	kind,
	count(*)::float8
from %[1]s
where state = 'running'
group by queue, kind`

const jobsNowSQL = `select /* scalecheck */
	coalesce(max(id), 0),
	clock_timestamp()
from %[1]s`

// There is no index on created_at, but one on id.
const arrivedJobsSQL = `select /* scalecheck */
	queue,
	kind,
	count(*)::float8
from %[1]s
where id > $1 and id <= $2
group by queue, kind`

const endedJobsSQL = `select /* scalecheck */
	queue,
	kind,
	count(*)::float8,
	coalesce(sum(extract(epoch from finalized_at - attempted_at)), 0)::float8
from %[1]s
where state in ('completed', 'cancelled', 'discarded')
	and finalized_at > $1
	and finalized_at <= $2
group by queue, kind`

// Each failed attempt leaves an element in errors, whatever became of the job.
const failedJobsSQL = `select /* scalecheck */
	queue,
	kind,
	count(*)::float8
from (
	(select queue, kind, errors from %[1]s where state = 'retryable' and errors is not null limit $3)
	union all
	(select queue, kind, errors from %[1]s where state in ('available', 'running') and errors is not null limit $3)
	union all
	(select queue, kind, errors from %[1]s
		where state in ('completed', 'cancelled', 'discarded') and errors is not null and finalized_at > $1 limit $3)
) failed, unnest(errors) e
where (e->>'at')::timestamptz > $1
	and (e->>'at')::timestamptz <= $2
group by queue, kind`

// A jobKind is what jobs are counted by.
type jobKind struct{ queue, kind string }

type ready struct{ waiting, oldest float64 }

// A moment is where the table was at a cut: its highest id, and the server's time.
type moment struct {
	id int64
	at time.Time
}

// flows are what arrived and ended between two moments.
type flows struct{ arrived, ended, work, failed map[jobKind]float64 }

// lateness: a job becomes visible with its transaction's commit, and by then its
// id or its time may lie before a cut; River's workers report in batches that the
// job had ended a while ago. So each cut counts again what happened from base on,
// which is at least this much before the last cut, and takes off what was counted
// already. What came late falls into the window in which it became visible.
const lateness = 10 * time.Second

type jobs struct {
	hub    *hub
	link   *link
	done   func()
	tables []*riverTable

	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex
	samples int
	running map[jobKind]float64 // sums over samples
}

// A riverTable is one river_job; an application may have one for each schema.
type riverTable struct {
	name    string
	known   map[jobKind]bool
	moments []moment // of cuts, the first is base
	counted flows    // from base to the last cut
	ready   map[jobKind]ready
	valid   bool // all this is of the window's begin
}

func startJobs(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, done, err := t.sharedLink(ctx)
	if err != nil {
		return nil, err
	}
	j := &jobs{hub: t.hub, link: l, done: done, running: map[jobKind]float64{}}
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if err := j.find(ctx, c, n); err != nil {
			return err
		}
		for _, t := range j.tables {
			if err := t.begin(ctx, c); err != nil {
				return err
			}
			t.counted = flows{}
		}
		return nil
	})
	if err != nil {
		done()
		return nil, fmt.Errorf("read job queue: %w", err)
	}
	sampling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	j.stop = cancel
	j.wait.Go(func() { j.watch(sampling) })
	return j, nil
}

func (j *jobs) Close() {
	j.stop()
	j.wait.Wait()
	j.done()
}

// find looks for River's tables.
func (j *jobs) find(ctx context.Context, c *pgx.Conn, n Notes) error {
	rows, err := c.Query(ctx, riverTablesSQL)
	if err != nil {
		return err
	}
	var schema, user string
	var readable bool
	var denied error
	_, err = pgx.ForEachRow(rows, []any{&schema, &readable, &user}, func() error {
		name := pgx.Identifier{schema, "river_job"}.Sanitize()
		if !readable {
			grant := fmt.Sprintf("GRANT SELECT ON %s TO %s", name, pgx.Identifier{user}.Sanitize())
			if schema != "public" {
				grant = fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; ", pgx.Identifier{schema}.Sanitize(), pgx.Identifier{user}.Sanitize()) + grant
			}
			denied = hint.Wrap(fmt.Errorf("role %s may not read %s", user, name), grant)
			return nil
		}
		j.tables = append(j.tables, &riverTable{name: name, known: map[jobKind]bool{}})
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(j.tables) == 0 && denied != nil:
		return denied
	case len(j.tables) == 0:
		return errors.New("no job queue known to scalecheck (River) in this database")
	case denied != nil:
		return n.Missing(evidence.Jobs, Reason(denied))
	}
	return nil
}

// begin starts a window.
func (t *riverTable) begin(ctx context.Context, c *pgx.Conn) error {
	t.valid = false
	var m moment
	if err := c.QueryRow(ctx, fmt.Sprintf(jobsNowSQL, t.name)).Scan(&m.id, &m.at); err != nil {
		return err
	}
	t.moments = append(t.moments, m)
	t.ready = map[jobKind]ready{}
	rows, err := c.Query(ctx, fmt.Sprintf(readyJobsSQL, t.name), maxReady)
	if err != nil {
		return err
	}
	var k jobKind
	var r ready
	_, err = pgx.ForEachRow(rows, []any{&k.queue, &k.kind, &r.waiting, &r.oldest}, func() error {
		t.ready[k] = r
		t.known[k] = true
		return nil
	})
	t.valid = err == nil
	return err
}

// counts reads a number for each kind of job; with two columns the second goes
// to more.
func (t *riverTable) counts(ctx context.Context, c *pgx.Conn, sql string, more map[jobKind]float64, args ...any) (map[jobKind]float64, error) {
	rows, err := c.Query(ctx, fmt.Sprintf(sql, t.name), args...)
	if err != nil {
		return nil, err
	}
	out := map[jobKind]float64{}
	var k jobKind
	var n, m float64
	into := []any{&k.queue, &k.kind, &n}
	if more != nil {
		into = append(into, &m)
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		out[k] = n
		if more != nil {
			more[k] = m
		}
		t.known[k] = true
		return nil
	})
	return out, err
}

// between counts what happened between two moments.
func (t *riverTable) between(ctx context.Context, c *pgx.Conn, from, to moment) (f flows, err error) {
	if f.arrived, err = t.counts(ctx, c, arrivedJobsSQL, nil, from.id, to.id); err != nil {
		return f, err
	}
	f.work = map[jobKind]float64{}
	if f.ended, err = t.counts(ctx, c, endedJobsSQL, f.work, from.at, to.at); err != nil {
		return f, err
	}
	f.failed, err = t.counts(ctx, c, failedJobsSQL, nil, from.at, to.at, maxReady)
	return f, err
}

func (j *jobs) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(j.hub.paced(time.Second)):
		}
		// A sample that fails is left out of the average.
		_ = j.link.do(ctx, j.sample)
	}
}

func (j *jobs) sample(ctx context.Context, c *pgx.Conn) error {
	now := map[jobKind]float64{}
	for _, t := range j.tables {
		rows, err := c.Query(ctx, fmt.Sprintf(runningJobsSQL, t.name))
		if err != nil {
			return err
		}
		var k jobKind
		var n float64
		if _, err := pgx.ForEachRow(rows, []any{&k.queue, &k.kind, &n}, func() error {
			now[k] += n
			return nil
		}); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.samples++
	for k, n := range now {
		j.running[k] += n
	}
	return nil
}

func (j *jobs) Cut(ctx context.Context, w *evidence.Window) error {
	sums := map[jobKind]*evidence.JobQueue{}
	// A window that is shorter than the sampling has this one sample.
	_ = j.link.do(ctx, j.sample)
	j.mu.Lock()
	samples, running := j.samples, j.running
	j.samples, j.running = 0, map[jobKind]float64{}
	j.mu.Unlock()
	err := j.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		for _, t := range j.tables {
			if err := t.cut(ctx, c, w, sums); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read job queue: %w", err)
	}
	for k, q := range sums {
		if samples > 0 {
			q.Running = running[k] / float64(samples)
		}
		if q.Finished > 0 {
			q.Work /= q.Finished
		}
		w.Jobs = append(w.Jobs, *q)
	}
	slices.SortFunc(w.Jobs, func(a, b evidence.JobQueue) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.Kind, b.Kind))
	})
	return nil
}

// cut closes the table's window into sums. Work is a sum there.
func (t *riverTable) cut(ctx context.Context, c *pgx.Conn, w *evidence.Window, sums map[jobKind]*evidence.JobQueue) error {
	before, valid := t.ready, t.valid
	if !valid { // counting starts anew, from here
		t.moments = nil
	}
	if err := t.begin(ctx, c); err != nil {
		return err
	}
	last, now := t.counted, t.moments[len(t.moments)-1]
	if !valid {
		t.counted = flows{}
		return errors.New("the window's begin was not measured")
	}
	t.valid = false
	all, err := t.between(ctx, c, t.moments[0], now)
	if err != nil {
		return err
	}
	t.counted = all
	moved := false
	for len(t.moments) > 2 && now.at.Sub(t.moments[1].at) > lateness {
		t.moments, moved = t.moments[1:], true
	}
	if moved {
		if t.counted, err = t.between(ctx, c, t.moments[0], now); err != nil {
			return err
		}
	}
	t.valid = true
	counted := 0.0
	for k := range t.known {
		q := sums[k]
		if q == nil {
			q = &evidence.JobQueue{Queue: k.queue, Kind: k.kind}
			sums[k] = q
		}
		counted += t.ready[k].waiting
		q.Waiting += t.ready[k].waiting
		q.Oldest = max(q.Oldest, t.ready[k].oldest)
		q.Before += before[k].waiting
		// Never below zero: River's cleaner deletes.
		q.Arrived += max(0, all.arrived[k]-last.arrived[k])
		q.Finished += max(0, all.ended[k]-last.ended[k])
		q.Failed += max(0, all.failed[k]-last.failed[k])
		q.Work += max(0, all.work[k]-last.work[k])
	}
	if counted >= maxReady {
		w.Caveats = append(w.Caveats, fmt.Sprintf("more than %d jobs are ready; waiting and oldest are lower bounds", maxReady))
	}
	return nil
}
