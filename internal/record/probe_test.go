package record

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestMain(m *testing.M) { pg.Main(m) }

// A shop is an application without HTTP: its endpoints are what they ask the database.
type shop struct {
	conn    *pgx.Conn
	asks    map[string][]string
	current string
}

func (s *shop) Endpoints() []string    { return []string{"GET /items", "GET /item", "POST /items"} }
func (s *shop) Method(e string) string { m, _, _ := strings.Cut(e, " "); return m }
func (s *shop) login(ctx context.Context) error {
	_, err := s.conn.Exec(ctx, "select 'who is it'")
	return err
}

func (s *shop) Prepare(ctx context.Context, endpoint string) error {
	s.current = endpoint
	return s.login(ctx)
}

func (s *shop) Send(ctx context.Context) (engine.Result, error) {
	r := engine.Result{Endpoint: s.current, Start: time.Now()}
	for _, sql := range s.asks[s.current] {
		if _, err := s.conn.Exec(ctx, sql); err != nil {
			return r, err
		}
	}
	r.End = time.Now()
	return r, nil
}

// Statements by endpoint are exact, whatever the version: an N+1 shows as its count.
func TestProbe(t *testing.T) {
	cfg, err := collect.ParseDatabase(pg.ForTest(t).TestDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"create table items (id int primary key, name text)", "insert into items select n, 'x' from generate_series(1, 100) n"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	list := []string{"select id from items where id <= 12 order by id"}
	for range 12 {
		list = append(list, "select name from items where id = 7")
	}
	app := &shop{conn: conn, asks: map[string][]string{"GET /items": list, "GET /item": {"select name from items where id = 7"}}}
	w, err := evidence.Create(filepath.Join(t.TempDir(), "x.run"), &evidence.Run{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := &conductor{Options: Options{Target: &collect.Target{Database: cfg}, Prober: app}, w: w}
	c.set = collect.Open(t.Context(), c.Target, w)
	defer c.set.Close()
	if err := c.probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := w.Run()
	if len(run.Footprints) != 2 {
		t.Fatalf("footprints: %+v, missing: %v", run.Footprints, run.Missing)
	}
	for i, want := range []map[string]float64{
		{"select name from items where id = $1": 12, "select id from items where id <= $1 order by id": 1},
		{"select name from items where id = $1": 1},
	} {
		f := run.Footprints[i]
		if f.Requests != alone || f.Failed != 0 || len(f.Statements) != len(want) || f.DBSeconds <= 0 {
			t.Errorf("footprint of %s: %+v", f.Endpoint, f)
		}
		for _, s := range f.Statements {
			if text := run.Text(s.ID); s.Calls != want[text] || s.Rows < s.Calls {
				t.Errorf("%s: %q has %v calls, want %v", f.Endpoint, text, s.Calls, want[text])
			}
			if len(s.Each) != alone || s.Each[0].Calls != s.Calls || s.Each[0].Rows != s.Rows {
				t.Errorf("%s: each request sent %+v, all of them on average %v calls and %v rows", f.Endpoint, s.Each, s.Calls, s.Rows)
			}
		}
	}
	if !slices.ContainsFunc(run.Missing[evidence.Footprints], func(s string) bool { return strings.Contains(s, "POST /items") }) {
		t.Errorf("missing: %q, want why POST /items was not probed", run.Missing[evidence.Footprints])
	}
}

// What goes on by itself is no request's.
func TestLess(t *testing.T) {
	background := evidence.Window{Length: 3, Processes: []evidence.Process{
		{Role: evidence.App, Run: 0.3}, {Role: evidence.Postgres, Name: "client backend", Run: 0.6}, {Role: evidence.Postgres, Name: "walwriter", Run: 0.3},
	}}
	for _, tt := range []struct {
		name          string
		used, seconds float64
		role          string
		want          float64
	}{
		{"the app's", 0.05, 0.1, evidence.App, 0.04},
		{"the server's, of all its processes", 0.05, 0.1, evidence.Postgres, 0.02},
		{"less than nothing", 0.005, 0.1, evidence.App, 0},
	} {
		if got := less(tt.used, tt.role, tt.seconds, background); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v s, want %v", tt.name, got, tt.want)
		}
	}
	if got := less(0.05, evidence.App, 0.1, evidence.Window{}); got != 0.05 {
		t.Errorf("without a background: %v s, want all of it", got)
	}
}

// only is a prober that knows one endpoint.
type only struct {
	*engine.Prober
	endpoint string
}

func (o only) Endpoints() []string { return []string{o.endpoint} }

// Users of the bundled app have different numbers of courses, so that the requests of
// the probe show that its N+1 follows the rows of a list, one call for one row.
func TestProbeOfDifferentSizes(t *testing.T) {
	build := func(ctx context.Context, dsn string) error {
		return referenceapp.Seed(ctx, dsn, referenceapp.XS, 1, nil)
	}
	db, err := pg.ForTest(t).NewDatabase(t.Context(), "record-XS-"+referenceapp.SeedVersion(), build)
	if err != nil {
		t.Fatal(err)
	}
	background := context.WithoutCancel(t.Context())
	defer db.Drop(background)
	app, err := referenceapp.Start(t.Context(), referenceapp.Config{DatabaseURL: db.DSN, Listen: "127.0.0.1:0", Faults: []string{"n-plus-one"}})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(background)
	cfg, err := collect.ParseDatabase(db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := scenarios.Builtin("lms")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := scenarios.NewPlan(scenario, app.URL(), scenarios.Load{}, 1, scenarios.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	users, err := engine.NewProber(engine.Options{Scenario: scenario, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	defer users.Close()
	w, err := evidence.Create(filepath.Join(t.TempDir(), "x.run"), &evidence.Run{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := &conductor{Options: Options{Target: &collect.Target{Database: cfg}, Prober: only{users, "GET /api/v1/me/dashboard"}}, w: w}
	c.set = collect.Open(t.Context(), c.Target, w)
	defer c.set.Close()
	if err := c.probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := w.Run()
	if len(run.Footprints) != 1 || run.Footprints[0].Requests != alone {
		t.Fatalf("footprints: %+v, missing: %v", run.Footprints, run.Missing)
	}
	repeated := run.Footprints[0].Statements[0]
	list := slices.IndexFunc(run.Footprints[0].Statements, func(s evidence.FootprintStatement) bool {
		return strings.HasPrefix(strings.ToLower(run.Text(s.ID)), "select id from content_items")
	})
	if list < 0 {
		t.Fatalf("no list of items in %+v", run.Footprints[0].Statements)
	}
	sizes := map[float64]bool{}
	for i, items := range run.Footprints[0].Statements[list].Each {
		sizes[items.Rows] = true
		if got := repeated.Each[i].Calls; items.Calls != 1 || got != items.Rows {
			t.Errorf("request %d: %v calls of %q for %v items", i, got, run.Text(repeated.ID), items.Rows)
		}
	}
	if len(sizes) < 3 {
		t.Errorf("all users have as many items: %v", sizes)
	}
}
