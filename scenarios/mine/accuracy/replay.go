package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/scenarios"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

// A replay compares two runs of one model with one seed, statement by statement.
type replay struct {
	Users [2]visits `json:"users"` // as they were sent

	// Of the statements that requests send, those that are compared.
	Statements int       `json:"statements"`
	Calls      int64     `json:"calls"` // in the first run
	Unequal    []counted `json:"unequal,omitempty"`
	Excluded   []counted `json:"excluded,omitempty"`

	Jobs [2]int64 `json:"jobs"` // calls of the job workers, not compared
}

// A counted is a statement and how often each run called it.
type counted struct {
	Statement string   `json:"statement"`
	Calls     [2]int64 `json:"calls"`
	Why       string   `json:"why,omitempty"` // it is not compared
}

func measureReplay(ctx context.Context, at *site, m *mine.Model, truth *scenarios.Scenario, l load) (*replay, error) {
	s, err := fillIn(m, truth)
	if err != nil {
		return nil, err
	}
	r := &replay{}
	var web [2]map[string]int64
	for i := range r.Users {
		err := at.serve(ctx, nil, func(url, dsn string) error {
			v, err := l.send(ctx, s, url)
			if err != nil {
				return err
			}
			if kind := v.unanswered(); kind != "" {
				return fmt.Errorf("the app failed at %g sessions/s: %d times %s", l.rate, v.Failed[kind], kind)
			}
			r.Users[i] = *v
			web[i], r.Jobs[i], err = calls(ctx, dsn)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	r.compare(web)
	return r, nil
}

const callsSQL = `/* scalecheck */
select s.query, r.rolname = '` + jobsRole + `', sum(s.calls)::bigint
from pg_stat_statements s
join pg_database d on d.oid = s.dbid
join pg_roles r on r.oid = s.userid
where d.datname = current_database()
group by 1, 2`

// calls returns how often each statement of the web side has been called in a
// database that nobody else used, and how often any of the job workers.
func calls(ctx context.Context, dsn string) (web map[string]int64, jobs int64, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, callsSQL)
	if err != nil {
		return nil, 0, err
	}
	web = map[string]int64{}
	var statement string
	var job bool
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&statement, &job, &n}, func() error {
		if job {
			jobs += n
		} else {
			web[strings.Join(strings.Fields(statement), " ")] += n
		}
		return nil
	})
	return web, jobs, err
}

// timed are the statements of the web side that the clock decides on, too.
var timed = []struct{ part, why string }{
	{"pg_notify", "River announces the new jobs of a queue every 100 ms at most"},
}

func (r *replay) compare(web [2]map[string]int64) {
	for i := range web {
		for statement := range web[i] {
			c := counted{Statement: statement, Calls: [2]int64{web[0][statement], web[1][statement]}}
			if i == 1 && c.Calls[0] > 0 {
				continue // has been looked at
			}
			for _, t := range timed {
				if strings.Contains(statement, t.part) {
					c.Why = t.why
				}
			}
			switch {
			case c.Why != "":
				r.Excluded = append(r.Excluded, c)
				continue
			case c.Calls[0] != c.Calls[1]:
				r.Unequal = append(r.Unequal, c)
			}
			r.Statements++
			r.Calls += c.Calls[0]
		}
	}
	for _, list := range [][]counted{r.Unequal, r.Excluded} {
		slices.SortFunc(list, func(a, b counted) int {
			return cmp.Or(cmp.Compare(b.Calls[0], a.Calls[0]), strings.Compare(a.Statement, b.Statement))
		})
	}
}

func (r *replay) table(b *strings.Builder) {
	a, other := &r.Users[0], &r.Users[1]
	fmt.Fprintf(b, "\n### The same users again\n\nThe model, with bodies and credentials filled in, was sent twice with the same seed, each time to a fresh copy of the data\n"+
		"and each session to its end: %d sessions, %d requests", a.Sessions, a.Requests)
	if a.same(other) {
		b.WriteString(", the same in both runs.\n")
	} else {
		fmt.Fprintf(b, ", then **%d sessions, %d requests** (failed: %v, then %v).\n", other.Sessions, other.Requests, a.Failed, other.Failed)
	}
	for _, kind := range sortedKeys(a.Failed) {
		fmt.Fprintf(b, "%.1f %% of the requests got %s.\n", 100*float64(a.Failed[kind])/float64(a.Requests), kind)
	}
	if len(a.Failed) > 0 {
		b.WriteString("(A log does not say who may see what: without a recording, identifiers are drawn from a range.)\n")
	}
	fmt.Fprintf(b, "\npg_stat_statements counts %d statements that requests send, with %d calls: ", r.Statements, r.Calls)
	if len(r.Unequal) == 0 {
		b.WriteString("**the calls of each are exactly equal in both runs**.\n")
	} else {
		fmt.Fprintf(b, "**%d have unequal calls**.\n\n| statement | first run | second run |\n|---|---|---|\n", len(r.Unequal))
		for _, c := range r.Unequal {
			fmt.Fprintf(b, "| `%.100s` | %d | %d |\n", c.Statement, c.Calls[0], c.Calls[1])
		}
	}
	b.WriteString("\nNot compared:\n\n")
	for _, c := range r.Excluded {
		fmt.Fprintf(b, "- `%.100s` (%d and %d calls): %s.\n", c.Statement, c.Calls[0], c.Calls[1], c.Why)
	}
	fmt.Fprintf(b, "- whatever the job workers send (%d and %d calls; they have a role of their own here): they poll, they take up jobs and\n"+
		"  finish them in batches, and activity is written every 60 ms.\n", r.Jobs[0], r.Jobs[1])
}
