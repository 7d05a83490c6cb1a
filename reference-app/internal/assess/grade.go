package assess

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/notify"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/peer"
)

const (
	selectSubmission = `
select s.user_id, s.course_id, s.assignment_id, s.body, a.title
from submissions s
join assignments a on a.id = s.assignment_id
where s.id = $1`

	insertGrade = `
insert into grades (submission_id, assignment_id, course_id, user_id, score, similarity)
values ($1, $2, $3, $4, $5, $6)
on conflict (submission_id) do nothing`
)

// GradeWorker grades submissions.
type GradeWorker struct {
	river.WorkerDefaults[jobs.GradeSubmission]
	Pool       *pgxpool.Pool
	Plagiarism *peer.Client
}

// Work implements [river.Worker]. It holds no connection while the third party
// takes its time.
func (w *GradeWorker) Work(ctx context.Context, job *river.Job[jobs.GradeSubmission]) error {
	id := job.Args.SubmissionID
	var user, course, assignment int64
	var body, title string
	if err := w.Pool.QueryRow(ctx, selectSubmission, id).Scan(&user, &course, &assignment, &body, &title); err != nil {
		return fmt.Errorf("submission %d: %w", id, err)
	}

	var check struct {
		Similarity float64 `json:"similarity"`
	}
	err := w.Plagiarism.Post(ctx, "/plagiarism", map[string]string{"text": body}, &check)
	if throttled := (*peer.Throttled)(nil); errors.As(err, &throttled) {
		// Being told to wait is no failure and must not use up an attempt.
		return river.JobSnooze(throttled.RetryAfter)
	}
	if err != nil {
		return err
	}

	return pgx.BeginFunc(ctx, w.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertGrade, id, assignment, course, user, score100(len(body), check.Similarity), check.Similarity)
		if err != nil || tag.RowsAffected() == 0 {
			return err // a retry after the grade was committed: the student knows already
		}
		return notify.Deliver(ctx, tx, "grade", "Graded: "+title, "Your submission has been graded.", user)
	})
}

// fullLength is the number of bytes from which a text counts as complete.
const fullLength = 200

// score100 is how the machine grades: long enough, and not copied.
func score100(length int, similarity float64) int {
	score := 100 * min(length, fullLength) / fullLength
	return max(0, score-int(50*similarity))
}
