package collect

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
)

// riverTarget returns a database with River's tables in the schema.
func riverTarget(t *testing.T, schema string) (*Target, *pgxpool.Pool) {
	t.Helper()
	target := database(t, "create schema if not exists "+schema)
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig = target.Database.Copy()
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
	return target, pool
}

const insertJob = "insert into river_job (state, queue, kind, max_attempts, scheduled_at, attempted_at, finalized_at, attempt, errors, args) values "

func TestJobs(t *testing.T) {
	t.Parallel() // waits more than it works
	target, _ := riverTarget(t, "public")
	app := open(t, target)
	exec(t, app, insertJob+`
		('available', 'default', 'mail', 3, now() - interval '1 hour', null, null, 0, null, '{}'),
		('running', 'slow', 'report', 3, now(), now(), null, 1, null, '{}'),
		('completed', 'default', 'mail', 3, now(), now() - interval '10 s', now() - interval '5 s', 1, null, '{}'),
		('scheduled', 'default', 'later', 3, now() + interval '1 hour', null, null, 0, null, '{}')`)
	r, n := start(t, Jobs, target)
	exec(t, app,
		insertJob+`
		('available', 'default', 'mail', 3, now(), null, null, 0, null, '{}'),
		('available', 'default', 'mail', 3, now(), null, null, 0, null, '{}'),
		('retryable', 'default', 'mail', 3, now() - interval '1 s', now(), null, 1,
			array['{"at": "2020-01-01T00:00:00Z"}', jsonb_build_object('at', clock_timestamp())], '{}'),
		('retryable', 'default', 'mail', 3, now() + interval '1 hour', now(), null, 1, array[jsonb_build_object('at', clock_timestamp())], '{}')`,
		// The report ends after three attempts, two of which failed just now.
		`update river_job set state = 'completed', attempted_at = clock_timestamp() - interval '4 s', finalized_at = clock_timestamp(),
			errors = array[jsonb_build_object('at', clock_timestamp()), jsonb_build_object('at', clock_timestamp())] where kind = 'report'`,
		insertJob+`('discarded', 'slow', 'report', 1, now(), clock_timestamp() - interval '2 s', clock_timestamp(), 1, array[jsonb_build_object('at', clock_timestamp())], '{}')`)
	w := cut(t, r)
	wantNoCaveats(t, w)
	for i := range w.Jobs {
		j := &w.Jobs[i]
		if j.Kind == "mail" && (j.Oldest < 3600 || j.Oldest > 3700) {
			t.Errorf("oldest is %v s, want an hour", j.Oldest)
		}
		if j.Kind == "report" && !near(j.Work, 3, 0.1) {
			t.Errorf("work is %v s, want 3", j.Work)
		}
		j.Oldest, j.Work, j.Running = 0, 0, 0
	}
	want := []evidence.JobQueue{
		// Arrived: also those that were retried or ended at once.
		{Queue: "default", Kind: "mail", Before: 1, Waiting: 4, Arrived: 4, Failed: 2},
		{Queue: "slow", Kind: "report", Arrived: 1, Finished: 2, Failed: 3},
	}
	if d := cmp.Diff(want, w.Jobs); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
	w = cut(t, r)
	for _, j := range w.Jobs {
		if j.Arrived != 0 || j.Finished != 0 || j.Failed != 0 || j.Before != j.Waiting {
			t.Errorf("idle: %+v", j)
		}
	}
	if len(n.missing) > 0 {
		t.Errorf("missing: %v", n.missing)
	}
}

// A job whose transaction was under way at the cut has a lower id than others that
// were counted.
func TestJobsCommittedLate(t *testing.T) {
	t.Parallel() // waits more than it works
	target, _ := riverTarget(t, "public")
	slow, quick := open(t, target), open(t, target)
	r, _ := start(t, Jobs, target)
	values := "('available', 'default', 'mail', 3, now(), null, null, 0, null, '{}')"
	exec(t, slow, "begin", insertJob+values)
	exec(t, quick, insertJob+values)
	if w := cut(t, r); len(w.Jobs) != 1 || w.Jobs[0].Arrived != 1 || w.Jobs[0].Waiting != 1 {
		t.Errorf("first window: %+v", w.Jobs)
	}
	exec(t, slow, "commit")
	if w := cut(t, r); len(w.Jobs) != 1 || w.Jobs[0].Arrived != 1 || w.Jobs[0].Waiting != 2 {
		t.Errorf("second window: %+v, want the late one", w.Jobs)
	}
	if w := cut(t, r); w.Jobs[0].Arrived != 0 {
		t.Errorf("third window: %+v", w.Jobs)
	}
}

type napArgs struct{}

func (napArgs) Kind() string { return "nap" }

type napper struct {
	river.WorkerDefaults[napArgs]
	wake chan struct{}
}

func (n *napper) Work(ctx context.Context, job *river.Job[napArgs]) error {
	select {
	case <-n.wake:
	case <-ctx.Done():
	}
	if job.ID%5 == 0 {
		return river.JobCancel(fmt.Errorf("no"))
	}
	return nil
}

// River's own client, in a schema of its own.
func TestJobsOfRiver(t *testing.T) {
	t.Parallel() // waits more than it works
	target, pool := riverTarget(t, "queue")
	n := &napper{wake: make(chan struct{})}
	workers := river.NewWorkers()
	river.AddWorker(workers, n)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: "queue", Workers: workers, Queues: map[string]river.QueueConfig{"nights": {MaxWorkers: 3}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.StopAndCancel(context.Background()) })
	r, _ := start(t, Jobs, as(t, target, "grant usage on schema queue to %s", "grant select on queue.river_job to %s"))
	cut(t, r)
	for range 10 {
		if _, err := client.Insert(t.Context(), napArgs{}, &river.InsertOpts{Queue: "nights"}); err != nil {
			t.Fatal(err)
		}
	}
	var sum evidence.JobQueue
	next := func() evidence.JobQueue {
		w := cut(t, r)
		for _, j := range w.Jobs {
			sum.Arrived, sum.Finished, sum.Failed = sum.Arrived+j.Arrived, sum.Finished+j.Finished, sum.Failed+j.Failed
			return j
		}
		return evidence.JobQueue{}
	}
	eventually(t, "three running, seven waiting", func() bool { j := next(); return j.Running == 3 && j.Waiting == 7 })
	close(n.wake)
	eventually(t, "all done", func() bool { next(); return sum.Finished == 10 })
	if sum.Arrived != 10 || sum.Failed > 2 {
		t.Errorf("in all: %+v, want 10 arrived and at most the 2 cancelled ones failed", sum)
	}
	if j := next(); j.Queue != "nights" || j.Kind != "nap" || j.Waiting != 0 || j.Running != 0 {
		t.Errorf("in the end: %+v", j)
	}
}

func TestJobsErrors(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t)
	_, err := Jobs.Start(t.Context(), target, newNoted())
	if err == nil || !strings.Contains(err.Error(), "no job queue known to scalecheck (River) in this database") {
		t.Errorf("without River: %v", err)
	}
	target, _ = riverTarget(t, "queue")
	_, err = Jobs.Start(t.Context(), as(t, target, "grant pg_read_all_stats to %s"), newNoted())
	if err == nil || !strings.Contains(err.Error(), "may not read") ||
		!strings.Contains(hint.Of(err), `GRANT USAGE ON SCHEMA "queue" TO`) || !strings.Contains(hint.Of(err), `GRANT SELECT ON "queue"."river_job" TO`) {
		t.Errorf("without rights: %v; hint %q", err, hint.Of(err))
	}
}
