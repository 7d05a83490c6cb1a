// Package audit keeps who did what, when.
//
// Owns: audit_log. Entries arrive as jobs, enqueued by the transaction that did
// the deed: nothing is recorded that was rolled back, and no user waits for the
// record to be written.
package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
)

const insertEntry = `
insert into audit_log (actor_id, action, subject, at)
values ($1, $2, $3, $4)`

// Entry is the job that records that actor has done something to subject.
func Entry(actor int64, action, subject string) jobs.WriteAudit {
	return jobs.WriteAudit{ActorID: actor, Action: action, Subject: subject, At: time.Now().UnixMilli()}
}

// Worker writes entries.
type Worker struct {
	river.WorkerDefaults[jobs.WriteAudit]
	Pool *pgxpool.Pool
}

// Work implements [river.Worker].
func (w *Worker) Work(ctx context.Context, job *river.Job[jobs.WriteAudit]) error {
	_, err := w.Pool.Exec(ctx, insertEntry, job.Args.ActorID, job.Args.Action, job.Args.Subject, time.UnixMilli(job.Args.At))
	return err
}
