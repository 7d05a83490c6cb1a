// Package enrol is who takes, and who teaches, which course.
//
// Owns: enrolments. It is where other modules ask whether somebody may see
// what belongs to a course.
package enrol

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/audit"
	"github.com/scalecheck/scalecheck/reference-app/internal/catalog"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	insertEnrolment = `
insert into enrolments (user_id, course_id, role)
values ($1, $2, 'student')
on conflict do nothing`

	selectOfUser = `
select course_id, role
from enrolments
where user_id = $1
order by course_id`

	selectRole = `
select role
from enrolments
where user_id = $1
  and course_id = $2`

	// The role is filtered, not indexed: a course has a teacher and hundreds of students.
	selectStudents = `
select user_id
from enrolments
where course_id = $1
  and user_id > $2
  and role = 'student'
order by user_id
limit $3`
)

// Enrolment is one course of a user.
type Enrolment struct {
	CourseID int64
	Role     web.Role
}

// Courses is what enrol needs of the catalogue.
type Courses interface {
	Course(ctx context.Context, id int64) (catalog.Course, error)
}

// Module serves enrolment.
type Module struct {
	pool     *pgxpool.Pool
	enqueuer *jobs.Enqueuer
	courses  Courses
}

// New returns the module.
func New(pool *pgxpool.Pool, enqueuer *jobs.Enqueuer, courses Courses) *Module {
	return &Module{pool, enqueuer, courses}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("POST /api/v1/courses/{id}/enrol", m.enrol)
}

func (m *Module) enrol(r *web.Request) (web.Reply, error) {
	id, err := r.ID("id")
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	if _, err := m.courses.Course(ctx, id); err != nil {
		return web.Reply{}, err
	}
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertEnrolment, r.User.ID, id)
		if err != nil || tag.RowsAffected() == 0 {
			return err // enrolling twice is harmless and no news
		}
		return m.enqueuer.Enqueue(ctx, tx, audit.Entry(r.User.ID, "enrolled", fmt.Sprintf("course:%d", id)))
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("enrol in course %d: %w", id, err)
	}
	return web.Created(struct {
		CourseID int64 `json:"course_id"`
	}{id}), nil
}

// OfUser returns a user's courses in the order of their ids.
func (m *Module) OfUser(ctx context.Context, user int64) ([]Enrolment, error) {
	rows, err := m.pool.Query(ctx, selectOfUser, user)
	if err != nil {
		return nil, fmt.Errorf("enrolments of user %d: %w", user, err)
	}
	enrolments, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Enrolment])
	if err != nil {
		return nil, fmt.Errorf("enrolments of user %d: %w", user, err)
	}
	return enrolments, nil
}

// Require returns nil if the user takes or teaches the course, and an error that
// says what to do otherwise. It runs on q, so that a transaction can ask without
// taking a second connection.
func (m *Module) Require(ctx context.Context, q db.Queryer, user, course int64) error {
	_, err := m.role(ctx, q, user, course)
	return err
}

// RequireTeacher is like [Module.Require] for what only instructors of the course
// and administrators may do.
func (m *Module) RequireTeacher(ctx context.Context, user web.User, course int64) error {
	if user.Role == web.Admin {
		return nil
	}
	role, err := m.role(ctx, m.pool, user.ID, course)
	if err != nil {
		return err
	}
	if role != web.Instructor {
		return web.Forbidden("for instructors of the course only")
	}
	return nil
}

func (m *Module) role(ctx context.Context, q db.Queryer, user, course int64) (role web.Role, err error) {
	err = q.QueryRow(ctx, selectRole, user, course).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", web.Forbidden("enrol in the course first")
	}
	if err != nil {
		return "", fmt.Errorf("role in course %d: %w", course, err)
	}
	return role, nil
}

// Students returns up to limit of a course's students with ids above after.
func (m *Module) Students(ctx context.Context, course, after int64, limit int) ([]int64, error) {
	return students(ctx, m.pool, course, after, limit)
}

// Roster answers jobs' questions about courses.
type Roster struct {
	Pool *pgxpool.Pool
}

// Students is [Module.Students].
func (r Roster) Students(ctx context.Context, course, after int64, limit int) ([]int64, error) {
	return students(ctx, r.Pool, course, after, limit)
}

func students(ctx context.Context, q db.Queryer, course, after int64, limit int) ([]int64, error) {
	rows, err := q.Query(ctx, selectStudents, course, after, limit)
	if err != nil {
		return nil, fmt.Errorf("students of course %d: %w", course, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("students of course %d: %w", course, err)
	}
	return ids, nil
}
