// Package identity is people: accounts, passwords and sessions.
//
// Owns: users, presence. Others know a user by id and ask here for names and addresses.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/scalecheck/scalecheck/reference-app/internal/audit"
	"github.com/scalecheck/scalecheck/reference-app/internal/jobs"
	platformmail "github.com/scalecheck/scalecheck/reference-app/internal/platform/mail"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/peer"
	"github.com/scalecheck/scalecheck/reference-app/internal/platform/web"
	"github.com/scalecheck/scalecheck/reference-app/internal/tenancy"
)

const (
	insertUser = `
insert into users (tenant_id, email, name, role, salt, password_sha256)
values ($1, $2, $3, 'student', $4, $5)
returning id`

	selectCredentials = `
select id, tenant_id, role, salt, password_sha256
from users
where email = $1`

	selectContact = `
select email, name
from users
where id = $1`

	selectNames = `
select id, name
from users
where id = any($1)`
)

// Options switch between ways to do things.
type Options struct {
	// MailInline sends the welcome mail while the user waits for the response,
	// instead of leaving it to a job.
	MailInline bool
	// CRM, if not nil, is told of a new user before the response, as often as it
	// takes.
	CRM *peer.Client
}

// Module serves registration and login.
type Module struct {
	pool     *pgxpool.Pool
	enqueuer *jobs.Enqueuer
	mail     *platformmail.Client
	sessions *Sessions
	options  Options
}

// New returns the module.
func New(pool *pgxpool.Pool, enqueuer *jobs.Enqueuer, mail *platformmail.Client, sessions *Sessions, o Options) *Module {
	return &Module{pool, enqueuer, mail, sessions, o}
}

// Routes adds the module's endpoints.
func (m *Module) Routes(rt *web.Router) {
	rt.Public("POST /api/v1/register", m.register)
	rt.Public("POST /api/v1/login", m.login)
	rt.Private("POST /api/v1/logout", m.logout)
}

// digest is deliberately not a slow hash. A real service must use one (argon2id,
// bcrypt); here thousands of simulated logins would measure nothing but it, and
// the accounts are made up.
func digest(salt []byte, password string) [32]byte {
	return sha256.Sum256(append(salt[:len(salt):len(salt)], password...))
}

const minPassword = 8

func (m *Module) register(r *web.Request) (web.Reply, error) {
	var in struct {
		Email    string `json:"email"`
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	in.Email = strings.ToLower(strings.TrimSpace(in.Email))
	in.Name = strings.TrimSpace(in.Name)
	switch address, err := mail.ParseAddress(in.Email); {
	case err != nil || address.Address != in.Email:
		return web.Reply{}, web.BadRequest("email is not an address")
	case in.Name == "":
		return web.Reply{}, web.BadRequest("name is missing")
	case len(in.Password) < minPassword:
		return web.Reply{}, web.BadRequest("password must have at least %d characters", minPassword)
	}

	ctx := r.Context()
	id, err := m.create(ctx, in.Email, in.Name, in.Password)
	if err != nil {
		return web.Reply{}, err
	}
	if m.options.MailInline {
		if err := m.mail.Send(ctx, platformmail.Message(welcome(in.Email, in.Name))); err != nil {
			return web.Reply{}, err
		}
	}
	if m.options.CRM != nil {
		if err := m.tellCRM(ctx, in.Email, in.Name); err != nil {
			return web.Reply{}, err
		}
	}
	reply := web.Created(struct {
		Message string `json:"message"`
		UserID  int64  `json:"user_id"`
	}{"Account created successfully", id})
	reply.Cookie = m.sessions.issue(web.User{ID: id, Tenant: tenancy.Public, Role: web.Student})
	return reply, nil
}

// create inserts a user and, in the same transaction, what follows from that.
func (m *Module) create(ctx context.Context, email, name, password string) (id int64, err error) {
	salt := make([]byte, 8)
	rand.Read(salt)
	sum := digest(salt, password)
	err = pgx.BeginFunc(ctx, m.pool, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, insertUser, tenancy.Public, email, name, salt, sum[:]).Scan(&id); err != nil {
			return err
		}
		follows := []river.JobArgs{audit.Entry(id, "registered", fmt.Sprintf("user:%d", id))}
		if m.options.CRM == nil {
			follows = append(follows, jobs.CRMSync{UserID: id})
		}
		if !m.options.MailInline {
			follows = append(follows, welcome(email, name))
		}
		return m.enqueuer.Enqueue(ctx, tx, follows...)
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.ConstraintName == "users_email_key" {
		return 0, web.Conflict("email is already registered")
	}
	if err != nil {
		return 0, fmt.Errorf("create user: %w", err)
	}
	return id, nil
}

// tellCRM does not give up: each refusal is followed by the next attempt.
func (m *Module) tellCRM(ctx context.Context, email, name string) error {
	for {
		var answer struct {
			ID uint64 `json:"id"`
		}
		err := m.options.CRM.Post(ctx, "/contacts", map[string]string{"email": email, "name": name}, &answer)
		if throttled := (*peer.Throttled)(nil); !errors.As(err, &throttled) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}

// retryAfter a refusal by the CRM, whatever it asks for.
const retryAfter = 100 * time.Millisecond

func welcome(email, name string) jobs.SendEmail {
	return jobs.SendEmail{
		To:      email,
		Subject: "Welcome to Campus",
		Body:    fmt.Sprintf("Hello %s,\r\n\r\nyour account is ready.", name),
	}
}

func (m *Module) login(r *web.Request) (web.Reply, error) {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := r.Decode(&in); err != nil {
		return web.Reply{}, err
	}
	if in.Email == "" || in.Password == "" {
		return web.Reply{}, web.BadRequest("email and password are required")
	}
	var u web.User
	var salt, want []byte
	err := m.pool.QueryRow(r.Context(), selectCredentials, strings.ToLower(in.Email)).
		Scan(&u.ID, &u.Tenant, &u.Role, &salt, &want)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return web.Reply{}, fmt.Errorf("login: %w", err)
	}
	got := digest(salt, in.Password)
	// For an unknown address want is empty and equals nothing.
	if subtle.ConstantTimeCompare(got[:], want) == 0 {
		return web.Reply{}, web.Unauthorized("email or password is wrong")
	}
	reply := web.OK(struct {
		UserID int64    `json:"user_id"`
		Role   web.Role `json:"role"`
	}{u.ID, u.Role})
	reply.Cookie = m.sessions.issue(u)
	return reply, nil
}

func (m *Module) logout(*web.Request) (web.Reply, error) {
	return web.Reply{Status: http.StatusOK, Body: struct{}{}, Cookie: forget()}, nil
}

// Names returns the names of users by id.
func (m *Module) Names(ctx context.Context, ids []int64) (map[int64]string, error) {
	rows, err := m.pool.Query(ctx, selectNames, ids)
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	names := make(map[int64]string, len(ids))
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[id] = name
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	return names, nil
}

// Directory answers jobs' questions about users.
type Directory struct {
	Pool *pgxpool.Pool
}

// Contact returns a user's address and name.
func (d Directory) Contact(ctx context.Context, user int64) (email, name string, err error) {
	if err := d.Pool.QueryRow(ctx, selectContact, user).Scan(&email, &name); err != nil {
		return "", "", fmt.Errorf("contact of user %d: %w", user, err)
	}
	return email, name, nil
}
