package pg

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/hint"
)

func TestReplaceDatabase(t *testing.T) {
	for _, tt := range []struct {
		dsn, db, host, user, want string
	}{
		{"postgres://u@h:1/old?sslmode=disable", "new", "h", "u", "new"},
		{"postgresql://u:p%40ss@h/old", `o'dd/"n\ame?`, "h", "u", `o'dd/"n\ame?`},
		{"postgres:///old?host=h&user=u&dbname=other", "new", "h", "u", "new"},
		{"postgres://u@h", "new", "h", "u", "new"},
		{"host=h user=u dbname=old", "new", "h", "u", "new"},
		{"dbname = 'old' host=h user=u", `o'dd n\ame`, "h", "u", `o'dd n\ame`},
		{"host=h user=u", "new", "h", "u", "new"},
		{"", "new", "env", "envuser", "new"},
	} {
		t.Run(tt.dsn, func(t *testing.T) {
			t.Setenv("PGHOST", "env")
			t.Setenv("PGUSER", "envuser")
			f, err := replaceDatabase(tt.dsn)
			if err != nil {
				t.Fatal(err)
			}
			config, err := pgx.ParseConfig(f(tt.db))
			if err != nil {
				t.Fatal(err)
			}
			if config.Host != tt.host || config.User != tt.user || config.Database != tt.want {
				t.Errorf("%q leads to %s@%s/%s, want %s@%s/%s", f(tt.db), config.User, config.Host, config.Database, tt.user, tt.host, tt.want)
			}
		})
	}
}

func TestBadConnectionStringKeepsPassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:sec%ret@h/db", "postgres://u:secret@h:port/db", "host=h password=secret port=x"} {
		_, err := OpenServer(t.Context(), dsn)
		if err == nil {
			t.Fatalf("%q: no error", dsn)
		}
		if strings.Contains(err.Error(), "sec") || hint.Of(err) == "" {
			t.Errorf("%q: error %q, hint %q", dsn, err, hint.Of(err))
		}
	}
}

func TestTemplate(t *testing.T) {
	c := ForTest(t)
	ctx := t.Context()
	var mu sync.Mutex
	calls := 0
	fail := errors.New("generator has a bug")
	build := func(ctx context.Context, dsn string) error {
		mu.Lock()
		defer mu.Unlock()
		calls++
		if err := exec1(ctx, dsn, "CREATE TABLE t AS SELECT 42 AS x"); err != nil {
			return err
		}
		if calls == 1 {
			return fail
		}
		return nil
	}
	const leftover = "SELECT count(*) FROM pg_database WHERE datname LIKE 'scalecheck\\_building%'"

	if _, err := c.Template(ctx, "Size S; seed 1 – ü", build); !errors.Is(err, fail) {
		t.Fatalf("error %v, want that of build", err)
	}
	if n := query[int](t, c.DSN("postgres"), leftover); n != 0 {
		t.Errorf("%d half-built databases are left", n)
	}

	// The second attempt builds it, once, however many ask for it.
	var wg sync.WaitGroup
	names := make([]string, 4)
	for i := range names {
		wg.Go(func() {
			var err error
			if names[i], err = c.Template(ctx, "Size S; seed 1 – ü", build); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if calls != 2 {
		t.Errorf("build was called %d times, want 2", calls)
	}
	if len(names[0]) > 63 || names[0] != names[3] || !strings.HasPrefix(names[0], "scalecheck_template_size_s__seed_1") {
		t.Errorf("names %q", names)
	}
	other, err := c.Template(ctx, "Size S; seed 1 – o", build)
	if err != nil || other == names[0] {
		t.Errorf("another key has the name %q (%v)", other, err)
	}

	// Copies are independent.
	for i := range 2 {
		name := fmt.Sprintf("scalecheck_run_copy%d", i)
		if err := c.CreateDatabase(ctx, name, names[0]); err != nil {
			t.Fatal(err)
		}
		if got := query[int](t, c.DSN(name), "UPDATE t SET x = x + 1 RETURNING x"); got != 43 {
			t.Errorf("x = %d, want 43", got)
		}
		// Somebody is connected.
		conn, err := pgx.Connect(ctx, c.DSN(name))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := c.DropDatabase(ctx, name); err != nil {
			t.Error(err)
		}
		if err := c.DropDatabase(ctx, name); err != nil {
			t.Errorf("the second time: %v", err)
		}
	}
}

func TestTemplateInterrupted(t *testing.T) {
	c := ForTest(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Template(ctx, "interrupted", func(ctx context.Context, dsn string) error {
		cancel()
		return exec1(ctx, dsn, "SELECT pg_sleep(60)")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	if n := query[int](t, c.DSN("postgres"), "SELECT count(*) FROM pg_database WHERE datname ~ 'interrupted'"); n != 0 {
		t.Errorf("%d databases are left", n)
	}
}

func TestOldTemplatesGo(t *testing.T) {
	c := ForTest(t)
	ctx := t.Context()
	process := func() *Server { return &Server{dsn: c.dsn, admin: c.admin, private: true, keep: 2} }
	if err := (&Server{dsn: c.dsn, admin: c.admin, private: true}).dropOldTemplates(ctx); err != nil { // other tests'
		t.Fatal(err)
	}
	nothing := func(context.Context, string) error { return nil }
	for i, s := 0, process(); i < 3; i++ {
		name, err := s.Template(ctx, fmt.Sprint("old ", i), nothing)
		if err != nil {
			t.Fatal(err)
		}
		stamp := fmt.Sprintf("2001-01-%02dT00:00:00Z", 20-i)
		if err := exec1(ctx, c.DSN("postgres"), "COMMENT ON DATABASE "+ident(name)+" IS "+literal(stamp)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		return query[string](t, c.DSN("postgres"), `SELECT coalesce(string_agg(substr(datname, 21, 5), ' ' ORDER BY datname), '')
			FROM pg_database WHERE datname LIKE 'scalecheck\_template%'`)
	}
	// One process drops nothing that it has used itself; the next one drops what was used longest ago.
	if got := left(); got != "old_0 old_1 old_2" {
		t.Errorf("templates %q, want old 0, 1, 2", got)
	}
	s := process()
	for _, key := range []string{"old 2", "fresh"} {
		if _, err := s.Template(ctx, key, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if got := left(); got != "fresh old_2" {
		t.Errorf("templates %q, want fresh and old 2", got)
	}
}

// TestForeignServer uses a server as a user's: with a role that may create databases, and through TCP.
func TestForeignServer(t *testing.T) {
	c := ForTest(t)
	ctx := t.Context()
	for _, sql := range []string{
		"CREATE ROLE team LOGIN PASSWORD 'secret' CREATEDB",
		"CREATE ROLE reader LOGIN PASSWORD 'secret'",
		"CREATE DATABASE precious OWNER team",
	} {
		if err := exec1(ctx, c.DSN("postgres"), sql); err != nil {
			t.Fatal(err)
		}
	}
	build := func(ctx context.Context, dsn string) error {
		return exec1(ctx, dsn, "CREATE TABLE t AS SELECT 42 AS x")
	}
	count := func() int {
		return query[int](t, c.DSN("postgres"), "SELECT count(*) FROM pg_database WHERE datdba = 'team'::regrole")
	}

	s, err := OpenServer(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=team password=secret dbname=precious", c.Port()))
	if err != nil {
		t.Fatal(err)
	}
	if s.Version() != c.Version() || s.Private() {
		t.Errorf("Version = %s, Private = %v", s.Version(), s.Private())
	}
	db, err := s.NewDatabase(ctx, "S", build)
	if err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, db.DSN, "SELECT x FROM t"); got != 42 || !strings.HasPrefix(db.Name, "scalecheck_") {
		t.Errorf("%s: x = %d, want 42", db.Name, got)
	}
	if n := count(); n != 2 {
		t.Errorf("%d databases, want precious and one", n)
	}
	if err := db.Drop(ctx); err != nil {
		t.Error(err)
	}
	if _, err := s.NewDatabase(ctx, "S", func(context.Context, string) error { return errors.New("bug") }); err == nil {
		t.Error("no error")
	}
	wantError(t, s.DropDatabase(ctx, "precious"), "scalecheck did not create it")
	if _, err := s.Template(ctx, "S", build); err == nil {
		t.Error("a template was made on a foreign server")
	}
	if n := count(); n != 1 {
		t.Errorf("%d databases, want precious alone", n)
	}

	s, err = OpenServer(ctx, fmt.Sprintf("postgres://reader:secret@127.0.0.1:%d/precious", c.Port()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.NewDatabase(ctx, "S", build)
	wantError(t, err, "permission denied to create database")
	if !strings.Contains(hint.Of(err), "CREATEDB") {
		t.Errorf("hint %q", hint.Of(err))
	}
	_, err = OpenServer(ctx, fmt.Sprintf("postgres://reader:secret@127.0.0.1:%d/none", c.Port()))
	wantError(t, err, `database "none" does not exist`)
	_, err = OpenServer(ctx, "postgres://reader:secret@127.0.0.1:1/none")
	wantError(t, err, "connection refused")
}

// TestServerWithoutStrategy: CREATE DATABASE of PostgreSQL 13 and 14 has no STRATEGY.
func TestServerWithoutStrategy(t *testing.T) {
	c := ForTest(t)
	name, err := c.Template(t.Context(), "strategy", func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	known := !c.noStrategy.Load()
	if c.noStrategy.Store(true); c.CreateDatabase(t.Context(), "scalecheck_run_old", name) != nil {
		t.Error("CREATE DATABASE without STRATEGY failed")
	}
	c.noStrategy.Store(false)
	if err := c.CreateDatabase(t.Context(), "scalecheck_run_new", name); err != nil || known == c.noStrategy.Load() {
		t.Errorf("with STRATEGY: %v, not known = %v", err, c.noStrategy.Load())
	}
}
