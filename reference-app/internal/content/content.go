// Package content is what courses are made of, and how far each user has come.
//
// Owns: content_items, progress.
package content

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/peer"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectItem = `
select id, course_id, kind, title, body
from content_items
where id = $1`

	markCompleted = `
insert into progress (user_id, course_id, item_id)
values ($1, $2, $3)
on conflict do nothing`

	selectOutline = `
select i.id, i.section_id, i.position, i.kind, i.title, p.item_id is not null
from content_items i
left join progress p on p.user_id = $1 and p.course_id = i.course_id and p.item_id = i.id
where i.course_id = $2
order by i.position`
)

// Options switch between ways to do things.
type Options struct {
	// ProgressPerItem asks for a user's progress item by item.
	ProgressPerItem bool
	// CountViewsInOneRow keeps the number of views in a single row, which every
	// view updates first thing in its transaction.
	CountViewsInOneRow bool
	// OneViewAtATime has every view take the same advisory lock.
	OneViewAtATime bool
	// CountInAnyOrder has every view update two counters, in one order or the other.
	CountInAnyOrder bool
	// Licences, if not nil, are asked during a view's transaction.
	Licences *peer.Client
	// ReceiptBySentence records what was shown sentence by sentence.
	ReceiptBySentence bool
	// OneReadingPerUser keeps what a user reads as one reading, which the next
	// view replaces.
	OneReadingPerUser bool
	// SeatsSerializable has every view take a seat in its course, counted in a
	// serializable transaction.
	SeatsSerializable bool
	// WithdrawnKeepConnections has views of withdrawn items return without giving
	// their connection back.
	WithdrawnKeepConnections bool
	// LogWords records what was shown word by word.
	LogWords bool
}

// Enrolments decides who may see what is in a course.
type Enrolments interface {
	Require(ctx context.Context, q db.Queryer, user, course int64) error
}

// Module serves content.
type Module struct {
	pool       *pgxpool.Pool
	enrolments Enrolments
	recorder   *analytics.Recorder
	options    Options
}

// New returns the module.
func New(pool *pgxpool.Pool, enrolments Enrolments, recorder *analytics.Recorder, o Options) *Module {
	return &Module{pool, enrolments, recorder, o}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/items/{id}", m.view)
}

// item is a page of a course with its text.
type item struct {
	ID       int64  `json:"id"`
	CourseID int64  `json:"course_id"`
	Kind     string `json:"kind"`
	Title    string `json:"title"`
	Body     string `json:"body"`
}

func (m *Module) view(r *web.Request) (web.Reply, error) {
	id, err := r.ID("id")
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	var it item
	switch {
	case m.options.SeatsSerializable:
		it, err = m.viewSeated(ctx, r.User.ID, id)
	case m.options.WithdrawnKeepConnections:
		it, err = m.viewUnlessWithdrawn(ctx, r.User.ID, id)
	case m.options.inTransaction():
		it, err = m.viewInTransaction(ctx, r.User.ID, id)
	default:
		it, err = m.viewAndRecord(ctx, r.User.ID, id)
	}
	if err == nil && m.options.ReceiptBySentence {
		err = m.receipts(ctx, r.User.ID, it)
	}
	if err == nil && m.options.LogWords {
		err = m.logWords(ctx, r.User.ID, it)
	}
	if err == nil && m.options.OneReadingPerUser {
		err = m.replaceReading(ctx, r.User.ID, id)
	}
	if err != nil {
		return web.Reply{}, err
	}
	return web.OK(it), nil
}

func (m *Module) viewAndRecord(ctx context.Context, user, id int64) (item, error) {
	it, err := m.open(ctx, m.pool, user, id)
	if err != nil {
		return item{}, err
	}
	return it, m.recorder.Record(ctx, analytics.Event{User: user, Course: it.CourseID, Kind: analytics.ItemViewed})
}

// open reads an item for a user and remembers that they have seen it.
func (m *Module) open(ctx context.Context, q db.Queryer, user, id int64) (item, error) {
	rows, err := q.Query(ctx, selectItem, id)
	if err != nil {
		return item{}, fmt.Errorf("item %d: %w", id, err)
	}
	it, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[item])
	if errors.Is(err, pgx.ErrNoRows) {
		return item{}, web.NotFound("item")
	}
	if err != nil {
		return item{}, fmt.Errorf("item %d: %w", id, err)
	}
	if err := m.enrolments.Require(ctx, q, user, it.CourseID); err != nil {
		return item{}, err
	}
	if _, err := q.Exec(ctx, markCompleted, user, it.CourseID, id); err != nil {
		return item{}, fmt.Errorf("complete item %d: %w", id, err)
	}
	return it, nil
}

// OutlineItem is an item as its course lists it.
type OutlineItem struct {
	ID        int64  `json:"id"`
	SectionID int64  `json:"section_id"`
	Position  int    `json:"position"`
	Kind      string `json:"kind"`
	Title     string `json:"title"`
	Completed bool   `json:"completed"`
}

// Outline returns a course's items in order, with what the user has completed.
func (m *Module) Outline(ctx context.Context, user, course int64) ([]OutlineItem, error) {
	rows, err := m.pool.Query(ctx, selectOutline, user, course)
	if err != nil {
		return nil, fmt.Errorf("outline of course %d: %w", course, err)
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OutlineItem])
	if err != nil {
		return nil, fmt.Errorf("outline of course %d: %w", course, err)
	}
	return items, nil
}
