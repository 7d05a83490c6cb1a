package assess

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectGradesOfUser = `
select g.submission_id, g.assignment_id, g.course_id, a.title, g.score, g.graded_at
from grades g
join assignments a on a.id = g.assignment_id
where g.user_id = $1
order by g.graded_at desc
limit 50`

	selectGradesOfCourse = `
select user_id, assignment_id, max(score)
from grades
where course_id = $1
  and user_id = any($2)
group by user_id, assignment_id
order by user_id, assignment_id`
)

func (m *Module) myGrades(r *web.Request) (web.Reply, error) {
	rows, err := m.pool.Query(r.Context(), selectGradesOfUser, r.User.ID)
	if err != nil {
		return web.Reply{}, fmt.Errorf("grades: %w", err)
	}
	type grade struct {
		SubmissionID int64     `json:"submission_id"`
		AssignmentID int64     `json:"assignment_id"`
		CourseID     int64     `json:"course_id"`
		Assignment   string    `json:"assignment"`
		Score        int       `json:"score"`
		GradedAt     time.Time `json:"graded_at"`
	}
	grades, err := pgx.CollectRows(rows, pgx.RowToStructByPos[grade])
	if err != nil {
		return web.Reply{}, fmt.Errorf("grades: %w", err)
	}
	return web.OK(struct {
		Grades []grade `json:"grades"`
	}{grades}), nil
}

// gradebookPage is the number of students on one page of a gradebook.
const gradebookPage = 25

// score is the best score of one assignment.
type score struct {
	AssignmentID int64 `json:"assignment_id"`
	Score        int   `json:"score"`
}

// line is one student in a gradebook.
type line struct {
	UserID int64   `json:"user_id"`
	Name   string  `json:"name"`
	Scores []score `json:"scores"`
}

func (m *Module) gradebook(r *web.Request) (web.Reply, error) {
	course, err := r.ID("id")
	if err != nil {
		return web.Reply{}, err
	}
	after, err := r.Cursor("page")
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	if err := m.enrolments.RequireTeacher(ctx, r.User, course); err != nil {
		return web.Reply{}, err
	}
	students, err := m.enrolments.Students(ctx, course, after, gradebookPage)
	if err != nil {
		return web.Reply{}, err
	}
	names, err := m.people.Names(ctx, students)
	if err != nil {
		return web.Reply{}, err
	}
	rows, err := m.pool.Query(ctx, selectGradesOfCourse, course, students)
	if err != nil {
		return web.Reply{}, fmt.Errorf("gradebook: %w", err)
	}
	scores := make(map[int64][]score, len(students))
	for _, id := range students {
		scores[id] = []score{} // no scores are [] in JSON, not null
	}
	var user int64
	var s score
	_, err = pgx.ForEachRow(rows, []any{&user, &s.AssignmentID, &s.Score}, func() error {
		scores[user] = append(scores[user], s)
		return nil
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("gradebook: %w", err)
	}
	lines := make([]line, len(students))
	for i, id := range students {
		lines[i] = line{UserID: id, Name: names[id], Scores: scores[id]}
	}
	var next int64
	if len(students) == gradebookPage {
		next = students[gradebookPage-1]
	}
	return web.OK(struct {
		Students []line `json:"students"`
		// NextPage goes into ?page= to continue; absent on the last page.
		NextPage int64 `json:"next_page,omitempty"`
	}{lines, next}), nil
}
