// Package forum is the discussions of a course.
//
// Owns: threads, posts.
package forum

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/db"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectThreads = `
select id, title, posts, last_post_at
from threads
where course_id = $1
order by last_post_at desc
limit 30`

	selectThread = `
select course_id, title
from threads
where id = $1`

	selectPosts = `
select id, author_id, body, created_at
from posts
where thread_id = $1
  and id > $2
order by id
limit $3`

	insertPost = `
insert into posts (thread_id, author_id, body)
values ($1, $2, $3)
returning id`

	bumpThread = `
update threads
set posts = posts + 1, last_post_at = now()
where id = $1`
)

// Enrolments decides who may read and write in a course.
type Enrolments interface {
	Require(ctx context.Context, q db.Queryer, user, course int64) error
}

// People knows what users are called.
type People interface {
	Names(ctx context.Context, ids []int64) (map[int64]string, error)
}

// Module serves the forum.
type Module struct {
	pool       *pgxpool.Pool
	enrolments Enrolments
	people     People
	recorder   *analytics.Recorder
}

// New returns the module.
func New(pool *pgxpool.Pool, enrolments Enrolments, people People, recorder *analytics.Recorder) *Module {
	return &Module{pool, enrolments, people, recorder}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/courses/{id}/forum", m.threads)
	rt.Private("GET /api/v1/threads/{id}", m.thread)
	rt.Private("POST /api/v1/threads/{id}/posts", m.post)
}

func (m *Module) threads(r *web.Request) (web.Reply, error) {
	course, err := r.ID("id")
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	if err := m.enrolments.Require(ctx, m.pool, r.User.ID, course); err != nil {
		return web.Reply{}, err
	}
	rows, err := m.pool.Query(ctx, selectThreads, course)
	if err != nil {
		return web.Reply{}, fmt.Errorf("threads of course %d: %w", course, err)
	}
	type thread struct {
		ID         int64     `json:"id"`
		Title      string    `json:"title"`
		Posts      int       `json:"posts"`
		LastPostAt time.Time `json:"last_post_at"`
	}
	threads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[thread])
	if err != nil {
		return web.Reply{}, fmt.Errorf("threads of course %d: %w", course, err)
	}
	return web.OK(struct {
		Threads []thread `json:"threads"`
	}{threads}), nil
}

// find reads the head of the thread that the path names, for a user who is in its course.
func (m *Module) find(r *web.Request) (id, course int64, title string, err error) {
	if id, err = r.ID("id"); err != nil {
		return 0, 0, "", err
	}
	err = m.pool.QueryRow(r.Context(), selectThread, id).Scan(&course, &title)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, "", web.NotFound("thread")
	}
	if err != nil {
		return 0, 0, "", fmt.Errorf("thread %d: %w", id, err)
	}
	return id, course, title, m.enrolments.Require(r.Context(), m.pool, r.User.ID, course)
}

const pageSize = 50

// post is one contribution to a thread.
type post struct {
	ID        int64     `json:"id"`
	AuthorID  int64     `json:"author_id"`
	Author    string    `json:"author"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
}

func (m *Module) thread(r *web.Request) (web.Reply, error) {
	after, err := r.Cursor("page")
	if err != nil {
		return web.Reply{}, err
	}
	id, course, title, err := m.find(r)
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	rows, err := m.pool.Query(ctx, selectPosts, id, after, pageSize)
	if err != nil {
		return web.Reply{}, fmt.Errorf("posts of thread %d: %w", id, err)
	}
	posts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p post, err error) {
		err = row.Scan(&p.ID, &p.AuthorID, &p.Body, &p.CreatedAt)
		return p, err
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("posts of thread %d: %w", id, err)
	}
	authors := make([]int64, len(posts))
	for i, p := range posts {
		authors[i] = p.AuthorID
	}
	names, err := m.people.Names(ctx, authors)
	if err != nil {
		return web.Reply{}, err
	}
	for i := range posts {
		posts[i].Author = names[posts[i].AuthorID]
	}
	var next int64
	if len(posts) == pageSize {
		next = posts[pageSize-1].ID
	}
	return web.OK(struct {
		ID       int64  `json:"id"`
		CourseID int64  `json:"course_id"`
		Title    string `json:"title"`
		Posts    []post `json:"posts"`
		// NextPage goes into ?page= to continue; absent on the last page.
		NextPage int64 `json:"next_page,omitempty"`
	}{id, course, title, posts, next}), nil
}

func (m *Module) post(r *web.Request) (web.Reply, error) {
	var in struct {
		Body string `json:"body"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	if strings.TrimSpace(in.Body) == "" {
		return web.Reply{}, web.BadRequest("body is missing")
	}
	thread, course, _, err := m.find(r)
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	var id int64
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insertPost, thread, r.User.ID, in.Body).Scan(&id); err != nil {
			return err
		}
		// Last, so that a lively thread's row is locked for as short as possible.
		_, err := tx.Exec(ctx, bumpThread, thread)
		return err
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("post to thread %d: %w", thread, err)
	}
	if err := m.recorder.Record(ctx, analytics.Event{User: r.User.ID, Course: course, Kind: analytics.Posted}); err != nil {
		return web.Reply{}, err
	}
	return web.Created(struct {
		ID int64 `json:"id"`
	}{id}), nil
}
