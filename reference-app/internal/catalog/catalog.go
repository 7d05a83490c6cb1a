// Package catalog is the courses on offer and how they are divided.
//
// Owns: courses, sections. It knows nothing of who takes a course.
package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	// Keyset pages: the last page costs what the first costs.
	listCourses = `
select id, title, summary, instructor_id
from courses
where id > $1
order by id
limit $2`

	searchCourses = `
select id, title, summary, instructor_id
from courses
where words @@ websearch_to_tsquery('simple', $3)
  and id > $1
order by id
limit $2`

	selectCourse = `
select id, title, summary, instructor_id
from courses
where id = $1`

	selectTitles = `
select id, title
from courses
where id = any($1)`

	selectSections = `
select id, position, title
from sections
where course_id = $1
order by position`
)

// Course is a course as the catalogue lists it.
type Course struct {
	ID           int64  `json:"id"`
	Title        string `json:"title"`
	Summary      string `json:"summary"`
	InstructorID int64  `json:"instructor_id"`
}

// Section is a part of a course.
type Section struct {
	ID       int64  `json:"id"`
	Position int    `json:"position"`
	Title    string `json:"title"`
}

// Options switch between ways to do things.
type Options struct {
	// WholeCourses loads courses with all their columns, whatever is needed.
	WholeCourses bool
}

// Module serves the catalogue.
type Module struct {
	pool    *pgxpool.Pool
	options Options
}

// New returns the module.
func New(pool *pgxpool.Pool, o Options) *Module { return &Module{pool, o} }

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/courses", m.list)
}

const pageSize = 20

func (m *Module) list(r *web.Request) (web.Reply, error) {
	after, err := r.Cursor("page")
	if err != nil {
		return web.Reply{}, err
	}
	sql, args := listCourses, []any{after, pageSize}
	if q := r.URL.Query().Get("q"); q != "" {
		sql, args = searchCourses, append(args, q)
	}
	rows, err := m.pool.Query(r.Context(), sql, args...)
	if err != nil {
		return web.Reply{}, fmt.Errorf("list courses: %w", err)
	}
	courses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Course])
	if err != nil {
		return web.Reply{}, fmt.Errorf("list courses: %w", err)
	}
	var next int64
	if len(courses) == pageSize {
		next = courses[pageSize-1].ID
	}
	return web.OK(struct {
		Courses []Course `json:"courses"`
		// NextPage goes into ?page= to continue; absent on the last page.
		NextPage int64 `json:"next_page,omitempty"`
	}{courses, next}), nil
}

// Course returns one course, or a not-found error for the user.
func (m *Module) Course(ctx context.Context, id int64) (Course, error) {
	rows, err := m.pool.Query(ctx, selectCourse, id)
	if err != nil {
		return Course{}, fmt.Errorf("course %d: %w", id, err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Course])
	if errors.Is(err, pgx.ErrNoRows) {
		return Course{}, web.NotFound("course")
	}
	if err != nil {
		return Course{}, fmt.Errorf("course %d: %w", id, err)
	}
	return c, nil
}

// Titles returns courses' titles by id.
func (m *Module) Titles(ctx context.Context, ids []int64) (map[int64]string, error) {
	if m.options.WholeCourses {
		return m.titlesOfWhole(ctx, ids)
	}
	rows, err := m.pool.Query(ctx, selectTitles, ids)
	if err != nil {
		return nil, fmt.Errorf("course titles: %w", err)
	}
	titles := make(map[int64]string, len(ids))
	var id int64
	var title string
	_, err = pgx.ForEachRow(rows, []any{&id, &title}, func() error {
		titles[id] = title
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("course titles: %w", err)
	}
	return titles, nil
}

// Sections returns the parts of a course in order.
func (m *Module) Sections(ctx context.Context, course int64) ([]Section, error) {
	rows, err := m.pool.Query(ctx, selectSections, course)
	if err != nil {
		return nil, fmt.Errorf("sections of course %d: %w", course, err)
	}
	sections, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Section])
	if err != nil {
		return nil, fmt.Errorf("sections of course %d: %w", course, err)
	}
	return sections, nil
}
