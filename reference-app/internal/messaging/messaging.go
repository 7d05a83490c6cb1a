// Package messaging is private conversations between users.
//
// Owns: conversations, conversation_members, messages.
package messaging

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scalecheck/scalecheck/reference-app/internal/notify"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
)

const (
	selectConversations = `
select c.id, c.subject, c.last_message_at
from conversation_members m
join conversations c on c.id = m.conversation_id
where m.user_id = $1
order by c.last_message_at desc
limit 20`

	selectMembers = `
select user_id
from conversation_members
where conversation_id = $1`

	// Newest first; the page ends where the next one begins.
	selectMessages = `
select id, author_id, body, sent_at
from messages
where conversation_id = $1
  and id < $2
order by id desc
limit $3`

	insertMessage = `
insert into messages (conversation_id, author_id, body)
values ($1, $2, $3)
returning id`

	bumpConversation = `
update conversations
set last_message_at = now()
where id = $1`
)

// People knows what users are called.
type People interface {
	Names(ctx context.Context, ids []int64) (map[int64]string, error)
}

// Module serves conversations.
type Module struct {
	pool   *pgxpool.Pool
	people People
}

// New returns the module.
func New(pool *pgxpool.Pool, people People) *Module { return &Module{pool, people} }

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Private("GET /api/v1/conversations", m.conversations)
	rt.Private("GET /api/v1/conversations/{id}/messages", m.messages)
	rt.Private("POST /api/v1/conversations/{id}/messages", m.send)
}

func (m *Module) conversations(r *web.Request) (web.Reply, error) {
	rows, err := m.pool.Query(r.Context(), selectConversations, r.User.ID)
	if err != nil {
		return web.Reply{}, fmt.Errorf("conversations: %w", err)
	}
	type conversation struct {
		ID            int64     `json:"id"`
		Subject       string    `json:"subject"`
		LastMessageAt time.Time `json:"last_message_at"`
	}
	conversations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[conversation])
	if err != nil {
		return web.Reply{}, fmt.Errorf("conversations: %w", err)
	}
	return web.OK(struct {
		Conversations []conversation `json:"conversations"`
	}{conversations}), nil
}

// members returns the conversation that the path names and who is in it. To
// those who are not it does not exist.
func (m *Module) members(r *web.Request) (id int64, members []int64, err error) {
	if id, err = r.ID("id"); err != nil {
		return 0, nil, err
	}
	rows, err := m.pool.Query(r.Context(), selectMembers, id)
	if err != nil {
		return 0, nil, fmt.Errorf("members of conversation %d: %w", id, err)
	}
	members, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, nil, fmt.Errorf("members of conversation %d: %w", id, err)
	}
	if !slices.Contains(members, r.User.ID) {
		return 0, nil, web.NotFound("conversation")
	}
	return id, members, nil
}

const pageSize = 30

// message is one message with its author's name.
type message struct {
	ID       int64     `json:"id"`
	AuthorID int64     `json:"author_id"`
	Author   string    `json:"author"`
	Body     string    `json:"body"`
	SentAt   time.Time `json:"sent_at"`
}

func (m *Module) messages(r *web.Request) (web.Reply, error) {
	before, err := r.Cursor("page")
	if err != nil {
		return web.Reply{}, err
	}
	if before == 0 {
		before = newest
	}
	id, members, err := m.members(r)
	if err != nil {
		return web.Reply{}, err
	}
	ctx := r.Context()
	names, err := m.people.Names(ctx, members)
	if err != nil {
		return web.Reply{}, err
	}
	rows, err := m.pool.Query(ctx, selectMessages, id, before, pageSize)
	if err != nil {
		return web.Reply{}, fmt.Errorf("messages of conversation %d: %w", id, err)
	}
	messages, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (msg message, err error) {
		err = row.Scan(&msg.ID, &msg.AuthorID, &msg.Body, &msg.SentAt)
		msg.Author = names[msg.AuthorID]
		return msg, err
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("messages of conversation %d: %w", id, err)
	}
	var next int64
	if len(messages) == pageSize {
		next = messages[pageSize-1].ID
	}
	return web.OK(struct {
		Messages []message `json:"messages"`
		// NextPage goes into ?page= for older ones; absent where there are none.
		NextPage int64 `json:"next_page,omitempty"`
	}{messages, next}), nil
}

// newest is above every message's id.
const newest = 1<<63 - 1

func (m *Module) send(r *web.Request) (web.Reply, error) {
	var in struct {
		Body string `json:"body"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	if strings.TrimSpace(in.Body) == "" {
		return web.Reply{}, web.BadRequest("body is missing")
	}
	conversation, members, err := m.members(r)
	if err != nil {
		return web.Reply{}, err
	}
	others := slices.DeleteFunc(members, func(id int64) bool { return id == r.User.ID })
	ctx := r.Context()
	var id int64
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insertMessage, conversation, r.User.ID, in.Body).Scan(&id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, bumpConversation, conversation); err != nil {
			return err
		}
		return notify.Deliver(ctx, tx, "message", "New message", in.Body, others...)
	})
	if err != nil {
		return web.Reply{}, fmt.Errorf("send to conversation %d: %w", conversation, err)
	}
	return web.Created(struct {
		ID int64 `json:"id"`
	}{id}), nil
}
