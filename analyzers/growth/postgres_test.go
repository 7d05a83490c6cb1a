package growth_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/analyzers/growth"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func TestMain(m *testing.M) { pg.Main(m) }

// A real server at two sizes: with an index a lookup costs the same, without it
// what it costs grows as the table does. Blocks are counted, so that it does not
// matter how fast the machine is.
func TestPostgres(t *testing.T) {
	for _, tt := range []struct {
		name      string
		index     string
		low, high float64
		flag      growth.Flag
	}{
		{"index", "create index on notes (owner)", -0.1, 0.2, ""},
		{"no index", "", 0.9, 1.1, growth.LinearLookup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := growth.New([]*evidence.Run{record(t, 4_000, tt.index), record(t, 40_000, tt.index)})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range g.Statements {
				if s.Text != "select body from notes where owner = $1" {
					continue
				}
				if s.Why != "" || s.Sizes[1] != 10*s.Sizes[0] {
					t.Fatalf("%+v", s)
				}
				if f := s.Fits[0]; f.Measure != growth.Blocks || f.Low < tt.low || f.High > tt.high || s.Flag != tt.flag {
					t.Errorf("exponent %.3f (%.3f to %.3f) of %s, flag %q; want between %v and %v, %q", f.Exponent, f.Low, f.High, f.Measure, s.Flag, tt.low, tt.high, tt.flag)
				}
				return
			}
			t.Fatalf("the lookup is not among %+v", g.Statements)
		})
	}
}

// record looks at a table with so many rows, four of each owner, while it is asked
// for some of them.
func record(t *testing.T, rows int, index string) *evidence.Run {
	t.Helper()
	cfg, err := collect.ParseDatabase(pg.ForTest(t).TestDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	app := connect(t, cfg)
	for _, sql := range []string{
		"create table notes (id bigint primary key, owner bigint, body text)",
		fmt.Sprintf("insert into notes select n, n / 4, repeat('x', 100) from generate_series(1, %d) n", rows),
		index,
		"vacuum analyze notes",
	} {
		if _, err := app.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	w, err := evidence.Create(filepath.Join(t.TempDir(), "x.run"), &evidence.Run{})
	if err != nil {
		t.Fatal(err)
	}
	set := collect.Open(t.Context(), &collect.Target{Database: cfg}, w)
	defer set.Close()
	for step := range 3 {
		set.Cut(t.Context(), &evidence.Window{})
		user := connect(t, cfg)
		for n := range 20 {
			if _, err := user.Exec(t.Context(), "select body from notes where owner = $1", (n+1)*rows/100); err != nil {
				t.Fatal(err)
			}
		}
		leave(t, user, app)
		win := evidence.Window{Phase: evidence.Measure, Step: step, Start: time.Now(), Length: 1}
		set.Cut(t.Context(), &win)
		if err := w.Window(win); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(evidence.End{Reason: evidence.Completed}, evidence.Overhead{}); err != nil {
		t.Fatal(err)
	}
	return w.Run()
}

func connect(t *testing.T, cfg *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// leave ends a session and waits until its server process has: only then are its
// scans sure to be counted.
func leave(t *testing.T, user, app *pgx.Conn) {
	t.Helper()
	pid := user.PgConn().PID()
	if err := user.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var there bool
		if err := app.QueryRow(t.Context(), "select exists (select from pg_stat_activity where pid = $1)", pid).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the session is still there")
		}
	}
}
