// Package jobs is what happens after the response: River's queues, on the same
// PostgreSQL as everything else, so that a job is committed with the write it
// follows from or not at all.
//
// The package knows the kinds and their queues (kinds.go), enqueues them and runs
// them. The modules own the workers: what a kind does is their business. It owns
// River's tables.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Enqueuer inserts jobs. It belongs to the web side: it works none.
type Enqueuer struct {
	client *river.Client[pgx.Tx]
}

// NewEnqueuer returns an enqueuer.
func NewEnqueuer(pool *pgxpool.Pool, log *slog.Logger) (*Enqueuer, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Enqueuer{client}, nil
}

// Enqueue inserts jobs as part of tx, all in one statement.
func (e *Enqueuer) Enqueue(ctx context.Context, tx pgx.Tx, jobs ...river.JobArgs) error {
	params := make([]river.InsertManyParams, len(jobs))
	for i, job := range jobs {
		params[i].Args = job
	}
	if _, err := e.client.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("enqueue: %w", err)
	}
	return nil
}

// Staff is how many jobs of each queue run at the same time.
type Staff struct {
	Mail, Grading, Default int
}

// Runner works jobs until it is stopped.
type Runner struct {
	client *river.Client[pgx.Tx]
}

// rollupEvery: administrators read days, so a minute is fresh enough.
const rollupEvery = time.Minute

// Run starts working jobs on the pool's connections.
func Run(ctx context.Context, pool *pgxpool.Pool, staff Staff, workers *river.Workers, log *slog.Logger) (*Runner, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger:  log,
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			Mail:    {MaxWorkers: staff.Mail},
			Grading: {MaxWorkers: staff.Grading},
			Default: {MaxWorkers: staff.Default},
		},
		PeriodicJobs: []*river.PeriodicJob{
			river.NewPeriodicJob(river.PeriodicInterval(rollupEvery), func() (river.JobArgs, *river.InsertOpts) {
				return RollupActivity{}, nil
			}, nil),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	// River stops when the context of its start ends; Stop is how we stop it.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return &Runner{client}, nil
}

// Stop lets running jobs finish until ctx ends, then cancels them; River puts
// those back into the queue.
func (r *Runner) Stop(ctx context.Context) error {
	if err := r.client.Stop(ctx); err == nil {
		return nil
	}
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("jobs: stop: %w", err)
	}
	return nil
}
