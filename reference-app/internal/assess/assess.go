// Package assess is assignments, what students hand in, and the grades they get.
//
// Owns: assignments, submissions, grades. Grading is a job: it asks a third party
// whether the text was copied, which takes its time.
package assess

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/audit"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectAssignment = `
select id, course_id, title, instructions, due_at
from assignments
where id = $1`

	selectOfCourse = `
select id, course_id, title, due_at
from assignments
where course_id = $1
order by due_at`

	// What is late is still to be done, so there is no lower limit to due_at.
	selectToDo = `
select a.id, a.course_id, a.title, a.due_at
from assignments a
where a.course_id = any($2)
  and not exists (
    select
    from submissions s
    where s.user_id = $1
      and s.assignment_id = a.id
  )
order by a.due_at
limit $3`

	insertSubmission = `
insert into submissions (assignment_id, course_id, user_id, body)
values ($1, $2, $3, $4)
returning id`

	selectSubmissions = `
select id, submitted_at
from submissions
where user_id = $1
  and assignment_id = $2
order by id desc
limit 10`
)

// Assignment is an assignment as lists show it.
type Assignment struct {
	ID       int64     `json:"id"`
	CourseID int64     `json:"course_id"`
	Title    string    `json:"title"`
	DueAt    time.Time `json:"due_at"`
}

// Enrolments decides who may see and do what in a course.
type Enrolments interface {
	Require(ctx context.Context, q db.Queryer, user, course int64) error
	RequireTeacher(ctx context.Context, user web.User, course int64) error
	Students(ctx context.Context, course, after int64, limit int) ([]int64, error)
}

// People knows what users are called.
type People interface {
	Names(ctx context.Context, ids []int64) (map[int64]string, error)
}

// Module serves assignments and grades.
type Module struct {
	pool       *pgxpool.Pool
	enqueuer   *jobs.Enqueuer
	enrolments Enrolments
	people     People
	recorder   *analytics.Recorder
}

// New returns the module.
func New(pool *pgxpool.Pool, enqueuer *jobs.Enqueuer, enrolments Enrolments, people People, recorder *analytics.Recorder) *Module {
	return &Module{pool, enqueuer, enrolments, people, recorder}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/assignments/{id}", m.assignment)
	rt.Private("POST /api/v1/assignments/{id}/submit", m.submit)
	rt.Private("GET /api/v1/me/grades", m.myGrades)
	rt.Private("GET /api/v1/courses/{id}/gradebook", m.gradebook)
}

// fullAssignment is an assignment with its text.
type fullAssignment struct {
	ID           int64     `json:"id"`
	CourseID     int64     `json:"course_id"`
	Title        string    `json:"title"`
	Instructions string    `json:"instructions"`
	DueAt        time.Time `json:"due_at"`
}

// find reads the assignment that the path names, for a user who is in its course.
func (m *Module) find(r *web.Request) (fullAssignment, error) {
	id, err := r.ID("id")
	if err != nil {
		return fullAssignment{}, err
	}
	rows, err := m.pool.Query(r.Context(), selectAssignment, id)
	if err != nil {
		return fullAssignment{}, fmt.Errorf("assignment %d: %w", id, err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[fullAssignment])
	if errors.Is(err, pgx.ErrNoRows) {
		return fullAssignment{}, web.NotFound("assignment")
	}
	if err != nil {
		return fullAssignment{}, fmt.Errorf("assignment %d: %w", id, err)
	}
	return a, m.enrolments.Require(r.Context(), m.pool, r.User.ID, a.CourseID)
}

func (m *Module) assignment(r *web.Request) (web.Reply, error) {
	a, err := m.find(r)
	if err != nil {
		return web.Reply{}, err
	}
	rows, err := m.pool.Query(r.Context(), selectSubmissions, r.User.ID, a.ID)
	if err != nil {
		return web.Reply{}, fmt.Errorf("submissions: %w", err)
	}
	type submission struct {
		ID          int64     `json:"id"`
		SubmittedAt time.Time `json:"submitted_at"`
	}
	submissions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[submission])
	if err != nil {
		return web.Reply{}, fmt.Errorf("submissions: %w", err)
	}
	return web.OK(struct {
		fullAssignment
		Submissions []submission `json:"submissions"`
	}{a, submissions}), nil
}

func (m *Module) submit(r *web.Request) (web.Reply, error) {
	var in struct {
		Text string `json:"text"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	if strings.TrimSpace(in.Text) == "" {
		return web.Reply{}, web.BadRequest("text is missing")
	}
	a, err := m.find(r)
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	var id int64
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insertSubmission, a.ID, a.CourseID, r.User.ID, in.Text).Scan(&id); err != nil {
			return err
		}
		return m.enqueuer.Enqueue(ctx, tx,
			jobs.GradeSubmission{SubmissionID: id},
			audit.Entry(r.User.ID, "submitted", fmt.Sprintf("assignment:%d", a.ID)))
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("submit: %w", err)
	}
	if err := m.recorder.Record(ctx, analytics.Event{User: r.User.ID, Course: a.CourseID, Kind: analytics.Submitted}); err != nil {
		return web.Reply{}, err
	}
	return web.Created(struct {
		SubmissionID int64 `json:"submission_id"`
	}{id}), nil
}

// OfCourse returns a course's assignments, the earliest due first.
func (m *Module) OfCourse(ctx context.Context, course int64) ([]Assignment, error) {
	return m.assignments(ctx, selectOfCourse, course)
}

// ToDo returns up to limit assignments of the courses that the user has not
// handed in, the earliest due first.
func (m *Module) ToDo(ctx context.Context, user int64, courses []int64, limit int) ([]Assignment, error) {
	return m.assignments(ctx, selectToDo, user, courses, limit)
}

func (m *Module) assignments(ctx context.Context, sql string, args ...any) ([]Assignment, error) {
	rows, err := m.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("assignments: %w", err)
	}
	assignments, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Assignment])
	if err != nil {
		return nil, fmt.Errorf("assignments: %w", err)
	}
	return assignments, nil
}
