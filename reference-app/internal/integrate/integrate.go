// Package integrate keeps other systems informed; today a customer-relations
// system (CRM) that wants to hear of every user.
//
// Owns: crm_contacts. It talks to the outside only from jobs: the other side may
// be slow, down or tired of us, and no user should notice.
package integrate

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/peer"
)

const upsertContact = `
insert into crm_contacts (user_id, external_id)
values ($1, $2)
on conflict (user_id) do update set external_id = excluded.external_id, synced_at = now()`

// Directory knows people's addresses.
type Directory interface {
	Contact(ctx context.Context, user int64) (email, name string, err error)
}

// Worker syncs users.
type Worker struct {
	river.WorkerDefaults[jobs.CRMSync]
	Pool  *pgxpool.Pool
	CRM   *peer.Client
	Users Directory
}

// Work implements [river.Worker].
func (w *Worker) Work(ctx context.Context, job *river.Job[jobs.CRMSync]) error {
	email, name, err := w.Users.Contact(ctx, job.Args.UserID)
	if err != nil {
		return err
	}
	var answer struct {
		ID uint64 `json:"id"`
	}
	err = w.CRM.Post(ctx, "/contacts", map[string]string{"email": email, "name": name}, &answer)
	if throttled := (*peer.Throttled)(nil); errors.As(err, &throttled) {
		// Being told to wait is no failure and must not use up an attempt.
		return river.JobSnooze(throttled.RetryAfter)
	}
	if err != nil {
		return err
	}
	_, err = w.Pool.Exec(ctx, upsertContact, job.Args.UserID, strconv.FormatUint(answer.ID, 10))
	return err
}
