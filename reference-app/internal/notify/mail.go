package notify

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/mail"
)

// MailWorker sends mails that were left to jobs.
type MailWorker struct {
	river.WorkerDefaults[jobs.SendEmail]
	Mail *mail.Client
}

// throttledFor: providers count by the minute; asking again at once makes it worse.
const throttledFor = 20 * time.Second

// Work implements [river.Worker].
func (w *MailWorker) Work(ctx context.Context, job *river.Job[jobs.SendEmail]) error {
	err := w.Mail.Send(ctx, mail.Message(job.Args))
	if mail.Throttled(err) {
		return river.JobSnooze(throttledFor)
	}
	return err
}
