package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/analytics"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	// The one way notifications are read: the newest of one user, to which the
	// index on (user_id, created_at desc) is cut.
	selectRecent = `
select id, kind, title, body, created_at
from notifications
where user_id = $1
  and created_at < $2
order by created_at desc
limit $3`

	// The same of what has not been archived, which is nearly all.
	selectRecentByState = `
select id, kind, title, body, created_at
from notifications
where user_id = $1
  and created_at < $2
  and archived = $4
order by created_at desc
limit $3`

	selectInbox = `
select unread, read_through
from inboxes
where user_id = $1`

	markRead = `
insert into inboxes (user_id, unread, read_through)
values ($1, 0, now())
on conflict (user_id) do update set unread = 0, read_through = excluded.read_through`

	insertNotifications = `
insert into notifications (user_id, kind, title, body)
select unnest($1::bigint[]), $2, $3, $4`

	// In the order of the users' ids, so that two deliveries to the same people
	// cannot wait for each other.
	countUnread = `
insert into inboxes (user_id, unread)
select unnest($1::bigint[]), 1
on conflict (user_id) do update set unread = inboxes.unread + 1`
)

// Notification is a line in a user's inbox.
type Notification struct {
	ID        int64     `json:"id"`
	Kind      string    `json:"kind"`
	Title     string    `json:"title"`
	Body      string    `json:"body"`
	CreatedAt time.Time `json:"created_at"`
	Read      bool      `json:"read"`
}

// Inbox is what a user sees first of their notifications.
type Inbox struct {
	Unread        int            `json:"unread"`
	Notifications []Notification `json:"notifications"`
}

// Teachers decides who may speak to a course.
type Teachers interface {
	RequireTeacher(ctx context.Context, user web.User, course int64) error
}

// Options switch between ways to do things.
type Options struct {
	// ArchivedByParameter asks for what has not been archived, by a parameter.
	ArchivedByParameter bool
	// Activity returns everybody's activity, to be shown beside the notifications;
	// nil for none.
	Activity func(context.Context) ([]analytics.Day, error)
}

// Module serves notifications and announcements.
type Module struct {
	pool     *pgxpool.Pool
	enqueuer *jobs.Enqueuer
	teachers Teachers
	options  Options
}

// New returns the module.
func New(pool *pgxpool.Pool, enqueuer *jobs.Enqueuer, teachers Teachers, o Options) *Module {
	return &Module{pool, enqueuer, teachers, o}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/notifications", m.list)
	rt.Private("GET /api/v1/notifications/unread-count", m.unreadCount)
	rt.Private("POST /api/v1/notifications/read", m.read)
	rt.Private("POST /api/v1/announcements", m.announce)
}

const pageSize = 30

func (m *Module) list(r *web.Request) (web.Reply, error) {
	// The page is the time of the last notification seen, in microseconds since 1970.
	page, err := r.Cursor("page")
	if err != nil {
		return web.Reply{}, err
	}
	before := endOfTime
	if page != 0 {
		before = time.UnixMicro(page)
	}
	inbox, err := m.inbox(r.Context(), r.User.ID, before, pageSize)
	if err != nil {
		return web.Reply{}, err
	}
	var next int64
	if n := len(inbox.Notifications); n == pageSize {
		next = inbox.Notifications[n-1].CreatedAt.UnixMicro()
	}
	var activity []analytics.Day
	if m.options.Activity != nil {
		if activity, err = m.options.Activity(r.Context()); err != nil {
			return web.Reply{}, err
		}
	}
	return web.OK(struct {
		Inbox
		Activity []analytics.Day `json:"activity,omitempty"`
		// NextPage goes into ?page= to continue; absent on the last page.
		NextPage int64 `json:"next_page,omitempty"`
	}{inbox, activity, next}), nil
}

func (m *Module) unreadCount(r *web.Request) (web.Reply, error) {
	unread, _, err := m.state(r.Context(), r.User.ID)
	if err != nil {
		return web.Reply{}, err
	}
	return web.OK(struct {
		Unread int `json:"unread"`
	}{unread}), nil
}

func (m *Module) read(r *web.Request) (web.Reply, error) {
	if _, err := m.pool.Exec(r.Context(), markRead, r.User.ID); err != nil {
		return web.Reply{}, fmt.Errorf("mark read: %w", err)
	}
	return web.OK(struct{}{}), nil
}

// endOfTime comes after every notification.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Inbox returns a user's newest notifications.
func (m *Module) Inbox(ctx context.Context, user int64, limit int) (Inbox, error) {
	return m.inbox(ctx, user, endOfTime, limit)
}

func (m *Module) inbox(ctx context.Context, user int64, before time.Time, limit int) (Inbox, error) {
	unread, readThrough, err := m.state(ctx, user)
	if err != nil {
		return Inbox{}, err
	}
	sql, args := selectRecent, []any{user, before, limit}
	if m.options.ArchivedByParameter {
		sql, args = selectRecentByState, append(args, false)
	}
	rows, err := m.pool.Query(ctx, sql, args...)
	if err != nil {
		return Inbox{}, fmt.Errorf("recent notifications: %w", err)
	}
	recent, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notification, err error) {
		err = row.Scan(&n.ID, &n.Kind, &n.Title, &n.Body, &n.CreatedAt)
		n.Read = !n.CreatedAt.After(readThrough)
		return n, err
	})
	if err != nil {
		return Inbox{}, fmt.Errorf("recent notifications: %w", err)
	}
	return Inbox{Unread: unread, Notifications: recent}, nil
}

// state returns how much a user has not read, and up to when they have read all.
func (m *Module) state(ctx context.Context, user int64) (unread int, readThrough time.Time, err error) {
	err = m.pool.QueryRow(ctx, selectInbox, user).Scan(&unread, &readThrough)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, time.Time{}, nil // nobody has ever written to them
	}
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("inbox of user %d: %w", user, err)
	}
	return unread, readThrough, nil
}

// Deliver puts a notification into the inboxes of users, as part of tx. A user
// must not be named twice.
func Deliver(ctx context.Context, tx pgx.Tx, kind, title, body string, users ...int64) error {
	users = slices.Sorted(slices.Values(users))
	if _, err := tx.Exec(ctx, insertNotifications, users, kind, title, body); err != nil {
		return fmt.Errorf("deliver notification: %w", err)
	}
	if _, err := tx.Exec(ctx, countUnread, users); err != nil {
		return fmt.Errorf("deliver notification: %w", err)
	}
	return nil
}
