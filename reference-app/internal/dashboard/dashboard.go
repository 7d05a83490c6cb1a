// Package dashboard is the pages that show something of everything: a user's
// start page and a course's.
//
// Owns: nothing. It asks the modules that do, each once per page.
package dashboard

import (
	"context"
	"fmt"

	"github.com/scalecheck/scalecheck/reference-app/internal/assess"
	"github.com/scalecheck/scalecheck/reference-app/internal/catalog"
	"github.com/scalecheck/scalecheck/reference-app/internal/content"
	"github.com/scalecheck/scalecheck/reference-app/internal/enrol"
	"github.com/scalecheck/scalecheck/reference-app/internal/notify"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

// Enrolments knows a user's courses.
type Enrolments interface {
	OfUser(ctx context.Context, user int64) ([]enrol.Enrolment, error)
}

// Catalog knows what courses are called and how they are divided.
type Catalog interface {
	Course(ctx context.Context, id int64) (catalog.Course, error)
	Titles(ctx context.Context, ids []int64) (map[int64]string, error)
	Sections(ctx context.Context, course int64) ([]catalog.Section, error)
}

// Content knows how far a user has come.
type Content interface {
	Progress(ctx context.Context, user int64, courses []int64) (map[int64]content.Progress, error)
	Outline(ctx context.Context, user, course int64) ([]content.OutlineItem, error)
}

// Assignments knows what there is to do.
type Assignments interface {
	ToDo(ctx context.Context, user int64, courses []int64, limit int) ([]assess.Assignment, error)
	OfCourse(ctx context.Context, course int64) ([]assess.Assignment, error)
}

// Inboxes knows what is new.
type Inboxes interface {
	Inbox(ctx context.Context, user int64, limit int) (notify.Inbox, error)
}

// Module serves the pages.
type Module struct {
	Enrolments  Enrolments
	Catalog     Catalog
	Content     Content
	Assignments Assignments
	Inboxes     Inboxes
	// Widgets are further parts of a user's start page, by name. Anybody may add one;
	// what they cost is paid by everybody.
	Widgets map[string]Widget
}

// Widget returns what to show to a user.
type Widget func(ctx context.Context, user int64) (any, error)

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/me/dashboard", m.mine)
	rt.Private("GET /api/v1/courses/{id}", m.course)
}

const (
	newsShown = 10
	toDoShown = 5
)

// course is one of a user's courses.
type course struct {
	ID       int64    `json:"id"`
	Title    string   `json:"title"`
	Role     web.Role `json:"role"`
	Progress int      `json:"progress_percent"`
}

func (m *Module) mine(r *web.Request) (web.Reply, error) {
	ctx, user := r.Context(), r.User.ID
	enrolments, err := m.Enrolments.OfUser(ctx, user)
	if err != nil {
		return web.Reply{}, err
	}
	ids := make([]int64, len(enrolments))
	for i, e := range enrolments {
		ids[i] = e.CourseID
	}
	titles, err := m.Catalog.Titles(ctx, ids)
	if err != nil {
		return web.Reply{}, err
	}
	progress, err := m.Content.Progress(ctx, user, ids)
	if err != nil {
		return web.Reply{}, err
	}
	toDo, err := m.Assignments.ToDo(ctx, user, ids, toDoShown)
	if err != nil {
		return web.Reply{}, err
	}
	inbox, err := m.Inboxes.Inbox(ctx, user, newsShown)
	if err != nil {
		return web.Reply{}, err
	}
	widgets := make(map[string]any, len(m.Widgets))
	for name, load := range m.Widgets {
		if widgets[name], err = load(ctx, user); err != nil {
			return web.Reply{}, fmt.Errorf("widget %s: %w", name, err)
		}
	}
	courses := make([]course, len(enrolments))
	for i, e := range enrolments {
		courses[i] = course{e.CourseID, titles[e.CourseID], e.Role, progress[e.CourseID].Percent()}
	}
	return web.OK(struct {
		Courses     []course            `json:"courses"`
		Assignments []assess.Assignment `json:"assignments"`
		notify.Inbox
		Widgets map[string]any `json:"widgets,omitempty"`
	}{courses, toDo, inbox, widgets}), nil
}

func (m *Module) course(r *web.Request) (web.Reply, error) {
	id, err := r.ID("id")
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	c, err := m.Catalog.Course(ctx, id)
	if err != nil {
		return web.Reply{}, err
	}
	sections, err := m.Catalog.Sections(ctx, id)
	if err != nil {
		return web.Reply{}, err
	}
	items, err := m.Content.Outline(ctx, r.User.ID, id)
	if err != nil {
		return web.Reply{}, err
	}
	assignments, err := m.Assignments.OfCourse(ctx, id)
	if err != nil {
		return web.Reply{}, err
	}
	progress := content.Progress{Items: len(items)}
	for _, it := range items {
		if it.Completed {
			progress.Completed++
		}
	}
	return web.OK(struct {
		catalog.Course
		Progress    int                   `json:"progress_percent"`
		Sections    []catalog.Section     `json:"sections"`
		Items       []content.OutlineItem `json:"items"`
		Assignments []assess.Assignment   `json:"assignments"`
	}{c, progress.Percent(), sections, items, assignments}), nil
}
