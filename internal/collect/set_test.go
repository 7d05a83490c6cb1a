package collect

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
)

// openSet opens a Set that is closed with the test.
func openSet(t *testing.T, target *Target) (*Set, *noted) {
	t.Helper()
	n := newNoted()
	s := Open(t.Context(), target, n)
	t.Cleanup(s.Close)
	return s, n
}

func cutSet(t *testing.T, s *Set) evidence.Window {
	t.Helper()
	w := evidence.Window{Phase: evidence.Measure, Start: time.Now()}
	s.Cut(t.Context(), &w)
	return w
}

func ownSessions(t *testing.T, c *pgx.Conn) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "select count(*) from pg_stat_activity where application_name = 'scalecheck' and backend_type = 'client backend'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSet(t *testing.T) {
	target, _ := riverTarget(t, "public")
	shop := open(t, target)
	exec(t, shop, "create table items (id int)", insertJob+"('available', 'default', 'mail', 3, now(), null, null, 0, null, '{}')")
	a := newApp(t, testdata(t, "before.prom"))
	target.MetricsURL, target.Listener = a.URL, a.Listener.Addr().String()
	s, n := openSet(t, target)
	if got := s.Running(); len(got) != len(All) {
		t.Errorf("running: %v of %d; missing: %v", got, len(All), n.missing)
	}
	if got := ownSessions(t, shop); got != 3 {
		t.Errorf("%d sessions of our own, want 3", got)
	}
	background(t, target, "select pg_sleep(600)")
	exec(t, shop, "select id from items")
	a.page.Store(testdata(t, "after.prom"))
	eventually(t, "samples", func() bool { // so that each has something to tell
		return s.hub.count.sent.Load() > 40
	})
	w := cutSet(t, s)
	wantNoCaveats(t, w)
	if statement(t, w, n.id(t, "select id from items")).Calls != 1 {
		t.Errorf("statements: %+v", w.Statements)
	}
	if w.Sessions == nil || w.Sessions.Samples < 5 || len(w.Processes) < 5 || w.Host == nil || len(w.Jobs) != 1 || len(w.Pools) != 1 || len(w.Calls) != 2 || w.Database == nil || w.Database.Limit == 0 {
		t.Errorf("window: %+v", w)
	}
	if process(w, evidence.OwnServer, evidence.ClientBackend).Count != 3 {
		t.Errorf("processes: %+v, want our 3 sessions", w.Processes)
	}
	if len(n.catalog) == 0 {
		t.Error("no catalog")
	}
	// The app is this very process, which cannot be both.
	n.wantMissing(t, evidence.Processes, "the app")
	if err := s.Lost(); err != nil {
		t.Errorf("lost: %v", err)
	}
	w = cutSet(t, s) // with it, statements of the first cut are known
	o := s.Overhead()
	if o.CPUSeconds <= 0 || o.DatabaseCalls < 40 || o.DatabaseSeconds <= 0 || o.Share <= 0 || o.Share > 1 {
		t.Errorf("overhead: %+v", o)
	}
}

// With nothing but the right to connect and pg_read_all_stats.
func TestSetWithFewRights(t *testing.T) {
	target, _ := riverTarget(t, "public")
	shop := open(t, target)
	exec(t, shop, "create table items (id int)", "revoke all on schema public from public")
	exec(t, shop, "drop extension pg_stat_statements", "create schema stats", "create extension pg_stat_statements schema stats", "grant usage on schema stats to public")
	few := as(t, target, "grant pg_read_all_stats to %s")
	s, n := openSet(t, few)
	if got := s.Running(); !slices.Equal(got, []string{"statements", "sessions", "tables", "server", "processes"}) {
		t.Errorf("running: %v; missing: %v", got, n.missing)
	}
	n.wantMissing(t, evidence.Jobs, "may not read", "GRANT SELECT ON")
	n.wantMissing(t, evidence.Pool, "not known", "/metrics")
	n.wantMissing(t, evidence.Calls, "not known", "/metrics")
	n.wantMissing(t, evidence.Processes, "the app")
	cutSet(t, s)
	exec(t, shop, "select id from items")
	sent := s.hub.count.sent.Load()
	eventually(t, "samples", func() bool { return s.hub.count.sent.Load() > sent+5 })
	w := cutSet(t, s)
	wantNoCaveats(t, w)
	if statement(t, w, n.id(t, "select id from items")).Calls != 1 {
		t.Errorf("statements: %+v", w.Statements)
	}
	for _, kind := range []evidence.Kind{evidence.Statements, evidence.Sessions, evidence.Tables} {
		if len(n.missing[kind]) > 0 && version(t) >= 15 { // older ones count less

			t.Errorf("missing %s: %q", kind, n.missing[kind])
		}
	}
}

func TestSetWithoutDatabase(t *testing.T) {
	a := newApp(t, testdata(t, "before.prom"))
	s, n := openSet(t, &Target{MetricsURL: a.URL})
	if got := s.Running(); !slices.Equal(got, []string{"processes", "pool", "calls"}) {
		t.Errorf("running: %v", got)
	}
	for _, k := range []evidence.Kind{evidence.Statements, evidence.Sessions, evidence.Tables, evidence.Server, evidence.Jobs} {
		n.wantMissing(t, k, "no database was given", "--db")
	}
	w := cutSet(t, s)
	wantNoCaveats(t, w)
	if w.Host == nil || len(w.Pools) != 1 || s.Lost() != nil {
		t.Errorf("window: %+v, lost: %v", w, s.Lost())
	}
}

// Sessions that are ended come back, and the run goes on.
func TestSetReconnects(t *testing.T) {
	target := database(t, "create table items (id int)")
	shop := open(t, target)
	s, n := openSet(t, target)
	cutSet(t, s)
	var ended int
	if err := shop.QueryRow(t.Context(), "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'scalecheck'").Scan(&ended); err != nil || ended != 3 {
		t.Fatalf("ended %d sessions, %v", ended, err)
	}
	var w evidence.Window
	exec(t, shop, "select id from items")
	eventually(t, "a window without caveats", func() bool {
		if err := s.Lost(); err != nil {
			t.Fatalf("lost: %v", err)
		}
		w = cutSet(t, s)
		return len(w.Caveats) == 0 && len(w.Statements) > 0 && w.Database != nil && w.Sessions != nil
	})
	if ownSessions(t, shop) != 3 {
		t.Error("not three sessions again")
	}
	exec(t, shop, "select id from items")
	w = cutSet(t, s)
	if statement(t, w, n.id(t, "select id from items")).Calls != 1 {
		t.Errorf("statements: %+v", w.Statements)
	}
}

func TestSetLost(t *testing.T) {
	t.Parallel() // waits more than it works
	c, err := pg.Start(t.Context(), pg.Options{Throwaway: true, Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(context.Background()) })
	cfg, err := ParseDatabase(c.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := openSet(t, &Target{Database: cfg})
	wantNoCaveats(t, cutSet(t, s))
	stopping := time.Now()
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	w := cutSet(t, s)
	if len(w.Caveats) < 2 || time.Since(begin) > 5*time.Second {
		t.Errorf("a cut without the server took %v; caveats: %q", time.Since(begin), w.Caveats)
	}
	if w.Host == nil || len(w.Processes) == 0 {
		t.Error("what does not need the server is not there")
	}
	if err := s.Lost(); err != nil {
		t.Errorf("lost at once: %v", err)
	}
	eventually(t, "lost", func() bool { return s.Lost() != nil })
	if err := s.Lost(); !strings.Contains(err.Error(), "database lost") || strings.Contains(err.Error(), "\n") {
		t.Errorf("lost: %v", err)
	}
	// The server stops answering somewhere between the two instants.
	if time.Since(stopping) < silentLimit-time.Second || time.Since(begin) > silentLimit+5*time.Second {
		t.Errorf("lost %v after the stop, %v after its begin", time.Since(begin), time.Since(stopping))
	}
}

// A server that answers is not gone, if only to say that it has no room.
func TestHealth(t *testing.T) {
	h := &health{}
	h.failed(context.DeadlineExceeded)
	h.since = time.Now().Add(-silentLimit - time.Second)
	if h.lost() == nil {
		t.Error("silent server is not lost")
	}
	h.failed(errAnswered)
	if err := h.lost(); err != nil {
		t.Errorf("server that answers is lost: %v", err)
	}
	h.since = time.Now().Add(-busyLimit - time.Second)
	if h.lost() == nil {
		t.Error("server that does not recover is not lost")
	}
	h.ok()
	if err := h.lost(); err != nil {
		t.Errorf("well again: %v", err)
	}
}

func TestAll(t *testing.T) {
	names := map[string]bool{}
	for _, c := range All {
		title, rest, ok := strings.Cut(c.Doc, "\n\n")
		if c.Name == "" || c.Kind == "" || c.Start == nil || names[c.Name] || !ok || strings.ContainsAny(title, "\n.") || rest == "" {
			t.Errorf("collector %q: name, kind, start or doc is amiss; title %q", c.Name, title)
		}
		names[c.Name] = true
	}
}

// What all collectors together cost in a second without load, with 30 sessions.
func BenchmarkSetSecond(b *testing.B) {
	cfg, err := ParseDatabase(testDSN(b))
	if err != nil {
		b.Fatal(err)
	}
	for range 30 {
		c, err := pgx.ConnectConfig(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(context.Background())
		c.Exec(b.Context(), "begin")
	}
	s := Open(b.Context(), &Target{Database: cfg}, newNoted())
	defer s.Close()
	start := s.Overhead()
	for b.Loop() {
		time.Sleep(time.Second)
		s.Cut(b.Context(), &evidence.Window{})
	}
	o := s.Overhead()
	b.ReportMetric((o.CPUSeconds-start.CPUSeconds)*1e3/float64(b.N), "cpu-ms/s")
	b.ReportMetric((o.DatabaseCalls-start.DatabaseCalls)/float64(b.N), "statements/s")
}
