package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A site is where the bundled app can be had, each time with fresh data.
type site struct {
	server *pg.Server
	size   referenceapp.Size
}

// jobsRole is the role of the app's job workers: pg_stat_statements counts by
// role, and so what requests do is told from what jobs do beside them.
const jobsRole = "scalecheck_jobs"

const createRole = `
do $$ begin
  if not exists (select from pg_roles where rolname = '` + jobsRole + `') then
    create role ` + jobsRole + ` superuser login;
  end if;
end $$`

// closeTimeout bounds the end of the app and of its database.
const closeTimeout = time.Minute

// serve has the app serve a fresh database while use runs. Requests are logged
// to log as JSON, unless it is nil.
func (s *site) serve(ctx context.Context, log io.Writer, use func(url, dsn string) error) (err error) {
	db, err := bundled.NewDatabase(ctx, bundled.Options{Server: s.server, Size: s.size, Seed: 1})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, db.Drop(ctx))
	}()
	if err := exec(ctx, s.server.DSN("postgres"), createRole); err != nil {
		return err
	}
	jobs, err := url.Parse(db.DSN) // a private server's is a URL
	if err != nil {
		return err
	}
	jobs.User = url.User(jobsRole)
	app, err := referenceapp.Start(ctx, referenceapp.Config{
		DatabaseURL: db.DSN, JobsURL: jobs.String(), Listen: "127.0.0.1:0", AccessLog: log, AccessLogJSON: true,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, app.Close(ctx))
	}()
	return use(app.URL(), db.DSN)
}

func exec(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, sql)
	return err
}

// A load is how users are sent.
type load struct {
	rate   float64           // sessions started per second
	length scenarios.Seconds // for which they start
	seed   int64
}

// drain is longer than any session of a person.
const drain scenarios.Seconds = 15 * 60

// send sends users of s, each to the end of the session.
func (l load) send(ctx context.Context, s *scenarios.Scenario, target string) (*visits, error) {
	limits := scenarios.DefaultLimits()
	limits.Rate, limits.Duration = 0, l.length+drain
	p, err := scenarios.NewPlan(s, target, scenarios.Load{Rate: l.rate}, l.seed, limits)
	if err != nil {
		return nil, err
	}
	p.Stages, p.Drain = []scenarios.Stage{{Rate: l.rate, Measure: l.length}}, drain
	c := &counter{visits: visits{Failed: map[string]int{}}}
	if err := engine.Run(ctx, engine.Options{Scenario: s, Plan: p}, c); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if c.dropped > 0 {
		return nil, fmt.Errorf("%d of %d sessions were dropped", c.dropped, c.dropped+c.Sessions)
	}
	return &c.visits, nil
}

// visits are what users did.
type visits struct {
	Sessions int            `json:"sessions"`
	Requests int            `json:"requests"`
	Failed   map[string]int `json:"failed,omitempty"` // requests by kind, such as "status 403"
}

// same reports whether as many came, sent as much and failed in the same ways.
func (v *visits) same(o *visits) bool {
	return v.Sessions == o.Sessions && v.Requests == o.Requests && maps.Equal(v.Failed, o.Failed)
}

// unanswered returns a kind of failure that is not the app's answer to who asked for
// what, and "" where there is none: nobody knows which statements of such a request
// were sent.
func (v *visits) unanswered() string {
	for _, kind := range sortedKeys(v.Failed) {
		if !strings.HasPrefix(kind, "status 4") {
			return kind
		}
	}
	return ""
}

// A counter is an engine.Sink that counts.
type counter struct {
	mu sync.Mutex
	visits
	dropped int
}

func (c *counter) Offered(int)           {}
func (c *counter) Active(int)            {}
func (c *counter) Passed(engine.Passage) {}

func (c *counter) Dropped(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped += n
}

func (c *counter) Started(s engine.Start) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Requests++
	if s.New {
		c.Sessions++
	}
}

func (c *counter) Result(r engine.Result) {
	if r.Err == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Failed[r.Err]++
}
