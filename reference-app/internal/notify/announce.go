package notify

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/audit"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	insertAnnouncement = `
insert into announcements (course_id, author_id, title, body)
values ($1, $2, $3, $4)
returning id`

	selectAnnouncement = `
select course_id, title, body
from announcements
where id = $1`
)

func (m *Module) announce(r *web.Request) (web.Reply, error) {
	var in struct {
		CourseID int64  `json:"course_id"`
		Title    string `json:"title"`
		Body     string `json:"body"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	if in.CourseID <= 0 || strings.TrimSpace(in.Title) == "" {
		return web.Reply{}, web.BadRequest("course_id and title are required")
	}
	ctx := r.Context()
	if err := m.teachers.RequireTeacher(ctx, r.User, in.CourseID); err != nil {
		return web.Reply{}, err
	}
	var id int64
	err := pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insertAnnouncement, in.CourseID, r.User.ID, in.Title, in.Body).Scan(&id); err != nil {
			return err
		}
		return m.enqueuer.Enqueue(ctx, tx,
			jobs.FanoutAnnouncement{AnnouncementID: id},
			audit.Entry(r.User.ID, "announced", fmt.Sprintf("course:%d", in.CourseID)))
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("announce: %w", err)
	}
	return web.Created(struct {
		ID int64 `json:"id"`
	}{id}), nil
}

// Roster knows who is in a course.
type Roster interface {
	Students(ctx context.Context, course, after int64, limit int) ([]int64, error)
}

// FanoutWorker brings announcements to inboxes.
type FanoutWorker struct {
	river.WorkerDefaults[jobs.FanoutAnnouncement]
	Pool   *pgxpool.Pool
	Roster Roster
}

// fanoutBatch keeps transactions short: each locks this many inboxes.
const fanoutBatch = 200

// Work implements [river.Worker].
func (w *FanoutWorker) Work(ctx context.Context, job *river.Job[jobs.FanoutAnnouncement]) error {
	var course int64
	var title, body string
	if err := w.Pool.QueryRow(ctx, selectAnnouncement, job.Args.AnnouncementID).Scan(&course, &title, &body); err != nil {
		return fmt.Errorf("announcement %d: %w", job.Args.AnnouncementID, err)
	}
	for after := int64(0); ; {
		students, err := w.Roster.Students(ctx, course, after, fanoutBatch)
		if err != nil {
			return err
		}
		if len(students) == 0 {
			return nil
		}
		err = pgx.BeginFunc(ctx, w.Pool, func(tx pgx.Tx) error {
			return Deliver(ctx, tx, "announcement", title, body, students...)
		})
		if err != nil {
			return err
		}
		after = students[len(students)-1]
	}
}
