package referenceapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/pg"
	"github.com/scalecheck/scalecheck/reference-app/faults"
	"github.com/scalecheck/scalecheck/reference-app/internal/outside"
)

func TestMain(m *testing.M) { pg.Main(m) }

// fixture is an app on a database of its own.
type fixture struct {
	*App
	t   *testing.T
	db  *pgx.Conn
	dsn string
}

// seeded returns a healthy database with XS data.
func seeded(t *testing.T) (dsn string) {
	t.Helper()
	return seededOn(t, pg.ForTest(t))
}

func seededOn(t *testing.T, server *pg.Cluster) (dsn string) {
	t.Helper()
	build := func(ctx context.Context, dsn string) error { return Seed(ctx, dsn, XS, 1, nil) }
	db, err := server.NewDatabase(t.Context(), "reference-app-XS-"+SeedVersion(), build)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return db.DSN
}

// quick is an outside world that makes nobody wait, and small pools: many apps run
// at the same time on one server.
func quick() settings {
	s := defaults()
	s.webConns, s.workerConns = 6, 4
	s.smtp = outside.Behaviour{}
	s.plagiarism = outside.Behaviour{}
	s.contacts = outside.Behaviour{}
	return s
}

// startServer starts a server of the test's own.
func startServer(t *testing.T, settings map[string]string) *pg.Cluster {
	t.Helper()
	server, err := pg.Start(t.Context(), pg.Options{BinDir: os.Getenv("SCALECHECK_TEST_POSTGRES"), Throwaway: true, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server
}

// run starts an app with the faults, which are applied to its database as well.
func run(t *testing.T, s settings, names ...string) *fixture {
	t.Helper()
	fs, err := faults.Lookup(names)
	if err != nil {
		t.Fatal(err)
	}
	server := pg.ForTest(t)
	if settings := faults.Settings(fs); len(settings) > 0 {
		server = startServer(t, settings)
	}
	dsn := seededOn(t, server)
	if err := faults.Apply(t.Context(), dsn, fs); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	app, err := start(t.Context(), Config{DatabaseURL: dsn, Listen: "127.0.0.1:0", Logger: log}, faults.On(fs), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &fixture{app, t, conn, dsn}
}

// value reads one value from the app's database.
func value[T any](f *fixture, sql string, args ...any) (v T) {
	f.t.Helper()
	if err := f.db.QueryRow(f.t.Context(), sql, args...).Scan(&v); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually asks until ok answers yes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// person is somebody with a browser.
type person struct {
	f      *fixture
	client *http.Client
}

func (f *fixture) stranger() person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return person{f, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// user logs a seeded user in.
func (f *fixture) user(n int) person {
	f.t.Helper()
	p := f.stranger()
	p.post("/api/v1/login", map[string]string{
		"email":    fmt.Sprintf("user%d@example.test", n),
		"password": "scalecheck",
	}, http.StatusOK, nil)
	return p
}

func (p person) get(path string, status int, out any) {
	p.f.t.Helper()
	p.do(http.MethodGet, path, nil, status, out)
}

func (p person) post(path string, in any, status int, out any) {
	p.f.t.Helper()
	p.do(http.MethodPost, path, in, status, out)
}

func (p person) do(method, path string, in any, status int, out any) {
	p.f.t.Helper()
	if err := p.try(method, path, in, status, out); err != nil {
		p.f.t.Fatal(err)
	}
}

// try sends a request and says what is wrong with the response. Unlike the other
// methods it may be called from any goroutine.
func (p person) try(method, path string, in any, status int, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, p.f.URL()+path, body)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("%s %s: status %d, want %d: %s", method, path, resp.StatusCode, status, got)
	}
	if resp.StatusCode >= 400 {
		var e struct{ Error string }
		if json.Unmarshal(got, &e) != nil || e.Error == "" {
			return fmt.Errorf("%s %s: error without explanation: %s", method, path, got)
		}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(got, out); err != nil {
		return errors.Join(fmt.Errorf("%s %s: %s", method, path, got), err)
	}
	return nil
}

type id struct{ ID int64 }

// homeworld is what a dashboard leads to.
type homeworld struct {
	Courses []struct {
		ID       int64
		Title    string
		Role     string
		Progress int `json:"progress_percent"`
	}
	Assignments   []id
	Unread        int
	Notifications []struct {
		ID   int64
		Read bool
	}
}

func (p person) dashboard() (d homeworld) {
	p.f.t.Helper()
	p.get("/api/v1/me/dashboard", http.StatusOK, &d)
	return d
}
