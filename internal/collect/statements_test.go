package collect

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func statement(t *testing.T, w evidence.Window, id string) evidence.Statement {
	t.Helper()
	for _, s := range w.Statements {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no statement %s in %+v", id, w.Statements)
	return evidence.Statement{}
}

func TestStatementsCounts(t *testing.T) {
	target := database(t, "create table items (id int primary key, name text)", "insert into items select n, 'x' from generate_series(1, 100) n")
	app := open(t, target)
	for range 5 {
		exec(t, app, "select name from items where id <= 10")
	}
	r, n := start(t, Statements, target)
	wantNoCaveats(t, cut(t, r))
	for range 7 {
		exec(t, app, "select name from items where id <= 20")
	}
	other := as(t, target, "grant select on items to %s")
	other.Database.RuntimeParams = map[string]string{}
	exec(t, open(t, other), "select name from items where id <= 30")
	exec(t, app, "update items set name = 'canary' where id = 5", "create role "+"canary_"+t.Name()+" password 'canary'", "drop role canary_"+t.Name())
	w := cut(t, r)
	wantNoCaveats(t, w)
	s := statement(t, w, n.id(t, "select name from items"))
	if s.Calls != 8 || s.Rows != 7*20+30 || s.Nested || s.Own || s.Hit == 0 || s.Seconds <= 0 || s.Seconds > 5 {
		t.Errorf("select: %+v, want 8 calls of two users with %d rows", s, 7*20+30)
	}
	if s := statement(t, w, n.id(t, "update items")); s.Calls != 1 || s.WAL == 0 {
		t.Errorf("update: %+v, want 1 call with WAL", s)
	}
	statement(t, w, n.id(t, "CREATE ROLE"))
	for id, text := range n.texts {
		if strings.Contains(text.SQL, "canary'") || strings.Contains(text.SQL, "password") {
			t.Errorf("text of %s is %q", id, text.SQL)
		}
	}
	own := 0
	for _, s := range w.Statements {
		if s.Own {
			own++
		}
	}
	if own < 2 {
		t.Errorf("%d own statements, want those of the collector", own)
	}
	w = cut(t, r)
	for _, s := range w.Statements {
		if !s.Own {
			t.Errorf("idle window has %+v %s", s, n.texts[s.ID].SQL)
		}
	}
	if len(n.missing) > 0 && version(t) >= 15 {
		t.Errorf("missing: %v", n.missing)
	}
	if version(t) < 15 {
		n.wantMissing(t, evidence.Statements, "does not count", "times of temporary blocks", "JIT")
	}
}

// What happened before the window does not blur how its calls' times differ.
func TestStatementsSpread(t *testing.T) {
	target := database(t)
	app := open(t, target)
	for range 20 {
		exec(t, app, "select pg_sleep(0)")
	}
	r, n := start(t, Statements, target)
	exec(t, app, "select pg_sleep(0.01)", "select pg_sleep(0.41)", "select pg_sleep(0.01)", "select pg_sleep(0.41)")
	w := cut(t, r)
	s := statement(t, w, n.id(t, "pg_sleep"))
	if s.Calls != 4 || s.SD < 0.15 || s.SD > 0.3 {
		t.Errorf("%+v, want a standard deviation of 0.2", s)
	}
	exec(t, app, "select pg_sleep(0.1)")
	next := cut(t, r)
	if s := statement(t, next, n.id(t, "pg_sleep")); s.SD != 0 {
		t.Errorf("%+v: one call has no deviation", s)
	}
	both, err := evidence.Merge([]evidence.Window{w, next})
	if err != nil {
		t.Fatal(err)
	}
	if m := statement(t, both, n.id(t, "pg_sleep")); m.Calls != 5 || m.SD < 0.1 || m.SD >= s.SD {
		t.Errorf("merged: %+v", m)
	}
}

func TestStatementsSlices(t *testing.T) {
	target := database(t, "create table items (id int)", "insert into items values (1)")
	app := open(t, target)
	r, n := start(t, Statements, target)
	wantNoCaveats(t, cut(t, r))
	calls := func(s evidence.Slice, id string) float64 {
		for _, st := range s.Statements {
			if st.ID == id {
				return st.Calls
			}
		}
		return 0
	}
	slice := func() (s evidence.Slice) {
		t.Helper()
		if err := r.(slicer).Slice(t.Context(), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	exec(t, app, "select id from items", "select id from items")
	first := slice()
	exec(t, app, "select id from items")
	second := slice()
	exec(t, app, "select id from items")
	w := cut(t, r) // a cut begins a slice, too
	third := slice()
	id := n.id(t, "select id from items")
	if a, b, c := calls(first, id), calls(second, id), calls(third, id); a != 2 || b != 1 || c != 0 {
		t.Errorf("calls in slices are %v, %v, %v, want 2, 1, 0", a, b, c)
	}
	if got := statement(t, w, id).Calls; got != 4 {
		t.Errorf("calls in the window are %v, want 4", got)
	}
	exec(t, app, "select pg_stat_statements_reset()", "select id from items")
	if s := slice(); calls(s, id) > 1 {
		t.Errorf("after a reset: %+v", s)
	}
}

func TestStatementsNested(t *testing.T) {
	target := database(t, "create table logs (id int)",
		"create function log() returns void language plpgsql as $$ begin insert into logs values (1); end $$")
	app := open(t, target)
	exec(t, app, "set pg_stat_statements.track = 'all'")
	r, n := start(t, Statements, target)
	exec(t, app, "insert into logs values (2)", "select log()", "select log()")
	w := cut(t, r)
	id := n.id(t, "insert into logs")
	got := map[bool]float64{}
	for _, s := range w.Statements {
		if s.ID == id {
			got[s.Nested] += s.Calls
		}
	}
	want := map[bool]float64{false: 1, true: 2}
	if version(t) < 14 { // does not tell
		want = map[bool]float64{false: 3}
	}
	if !maps.Equal(got, want) {
		t.Errorf("insert: nested → calls is %v, want %v", got, want)
	}
}

func TestStatementsReset(t *testing.T) {
	target := database(t, "create table items (id int)")
	app := open(t, target)
	run := func(n int) {
		for range n {
			exec(t, app, "select id from items")
		}
	}
	run(5)
	r, n := start(t, Statements, target)
	run(3)
	wantNoCaveats(t, cut(t, r))
	id := n.id(t, "select id from items")

	exec(t, app, "select pg_stat_statements_reset()")
	run(4)
	w := cut(t, r)
	wantCaveat(t, w, "reset")
	if len(w.Statements) > 0 {
		t.Errorf("window with a reset has statements: %+v", w.Statements)
	}
	run(2)
	w = cut(t, r)
	wantNoCaveats(t, w)
	if s := statement(t, w, id); s.Calls != 2 {
		t.Errorf("%v calls in the window after the reset, want 2", s.Calls)
	}

	// One entry only.
	exec(t, app, "select pg_stat_statements_reset(0, 0, "+id+")")
	run(1)
	w = cut(t, r)
	wantCaveat(t, w, "backwards")
	for _, s := range w.Statements {
		if s.ID == id {
			t.Errorf("%+v after its entry was reset", s)
		}
	}
	exec(t, app, "select pg_stat_statements_reset(0, 0, "+id+")")
	wantCaveat(t, cut(t, r), "disappeared")
}

// The gate that closes on broken statistics goes by how the caveat begins, also
// when the whole set cuts the window.
func TestStatisticsBrokenInASet(t *testing.T) {
	target := database(t, "create table items (id int)")
	app := open(t, target)
	set := Open(t.Context(), target, newNoted())
	defer set.Close()
	set.Cut(t.Context(), &evidence.Window{})
	exec(t, app, "select id from items", "select pg_stat_statements_reset()")
	var w evidence.Window
	set.Cut(t.Context(), &w)
	if !slices.ContainsFunc(w.Caveats, func(c string) bool {
		return strings.HasPrefix(c, evidence.StatisticsBroken+"statements: "+onOld(t, "somebody reset", "most of"))
	}) {
		t.Errorf("caveats %q", w.Caveats)
	}
}

// onOld returns what is said where the server tells of resets and evictions, and on
// PostgreSQL 13, whose pg_stat_statements does not, what is said there.
func onOld(t *testing.T, said, old string) string {
	t.Helper()
	if version(t) < 14 {
		return old
	}
	return said
}

// A server that keeps a hundred entries evicts when three hundred come.
func TestStatementsEvictedForReal(t *testing.T) {
	t.Parallel()
	c, err := pg.Start(t.Context(), pg.Options{
		BinDir: os.Getenv("SCALECHECK_TEST_POSTGRES"), Throwaway: true,
		Settings: map[string]string{"pg_stat_statements.max": "100", "fsync": "off", "shared_buffers": "16MB"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	cfg, err := ParseDatabase(c.TestDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	target := &Target{Database: cfg}
	app := open(t, target)
	r, _ := start(t, Statements, target)
	for i := range 300 {
		exec(t, app, "select 1 as a"+strings.Repeat(", 1", i))
	}
	w := cut(t, r)
	if len(w.Caveats) == 0 || !strings.HasPrefix(w.Caveats[0], evidence.StatisticsBroken) || !strings.Contains(w.Caveats[0], onOld(t, "evicted", "probably reset")) {
		t.Errorf("caveats %q", w.Caveats)
	}
}

func TestStatementsOfVersion13(t *testing.T) {
	last := &reading{rows: map[entry]row{{1, 1, true}: {counters: counters{5}}, {1, 2, true}: {counters: counters{5}}, {1, 3, true}: {counters: counters{5}}}}
	now := &reading{rows: map[entry]row{{1, 3, true}: {counters: counters{6}}}}
	done, caveats := difference(last, now)
	if len(done) != 0 || len(caveats) != 1 || !strings.Contains(caveats[0], "probably reset") {
		t.Errorf("difference = %v, %q", done, caveats)
	}
}

func TestStatementsMadeAnew(t *testing.T) {
	// stats_since (17) shows what counters alone can't: the entry is another one.
	last := &reading{rows: map[entry]row{{1, 1, true}: {counters: counters{5}, since: 100}}}
	now := &reading{rows: map[entry]row{{1, 1, true}: {counters: counters{9}, since: 200}}}
	done, caveats := difference(last, now)
	if len(done) != 0 || len(caveats) != 1 {
		t.Errorf("difference = %v, %q", done, caveats)
	}
}

func TestStatementsEvicted(t *testing.T) {
	last := &reading{rows: map[entry]row{{1, 1, true}: {counters: counters{5}}}}
	now := &reading{rows: map[entry]row{{1, 2, true}: {counters: counters{9}}}, dealloc: 3}
	done, caveats := difference(last, now)
	if done[entry{1, 2, true}][0] != 9 || len(caveats) != 1 || !strings.Contains(caveats[0], "evicted") {
		t.Errorf("difference = %v, %q", done, caveats)
	}
}

func TestStatementsElsewhere(t *testing.T) {
	target := database(t, `drop extension pg_stat_statements`, `create schema "odd ""schema"`, `create extension pg_stat_statements schema "odd ""schema"`)
	r, n := start(t, Statements, target)
	exec(t, open(t, target), "select 42 as elsewhere")
	if s := statement(t, cut(t, r), n.id(t, "as elsewhere")); s.Calls != 1 {
		t.Errorf("%+v, want 1 call", s)
	}
}

func TestStatementsErrors(t *testing.T) {
	n := newNoted()
	target := database(t, `drop extension pg_stat_statements`)
	_, err := Statements.Start(t.Context(), target, n)
	if err == nil || !strings.Contains(err.Error(), "loaded but not created") || !strings.Contains(hint.Of(err), "CREATE EXTENSION") {
		t.Errorf("without the extension: %v; hint %q", err, hint.Of(err))
	}
	target = database(t, `drop extension pg_stat_statements`, `create schema hidden`, `create extension pg_stat_statements schema hidden`)
	_, err = Statements.Start(t.Context(), as(t, target, "grant pg_read_all_stats to %s"), n)
	if err == nil || !strings.Contains(err.Error(), "may not read") || !strings.Contains(hint.Of(err), "GRANT USAGE ON SCHEMA") {
		t.Errorf("in a hidden schema: %v; hint %q", err, hint.Of(err))
	}
	_, err = Statements.Start(t.Context(), &Target{}, n)
	if err == nil || !strings.Contains(hint.Of(err), "--db") {
		t.Errorf("without a database: %v; hint %q", err, hint.Of(err))
	}
}

func TestStatementsNotLoaded(t *testing.T) {
	t.Parallel() // waits more than it works
	// The library can only be left out at the start of a server.
	c, err := pg.Start(t.Context(), pg.Options{Throwaway: true, Settings: map[string]string{"shared_preload_libraries": "", "fsync": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(context.Background()) })
	cfg, err := ParseDatabase(c.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	target := &Target{Database: cfg}
	app := open(t, target)
	exec(t, app, "drop extension if exists pg_stat_statements")
	n := newNoted()
	_, err = Statements.Start(t.Context(), target, n)
	if err == nil || !strings.Contains(err.Error(), "not created") || !strings.Contains(hint.Of(err), "shared_preload_libraries") {
		t.Errorf("neither loaded nor created: %v; hint %q", err, hint.Of(err))
	}
	exec(t, app, "create extension pg_stat_statements")
	_, err = Statements.Start(t.Context(), target, n)
	if err == nil || !strings.Contains(err.Error(), "created but not loaded") || !strings.Contains(hint.Of(err), "shared_preload_libraries") {
		t.Errorf("created, not loaded: %v; hint %q", err, hint.Of(err))
	}
}

func TestStatementsHidden(t *testing.T) {
	target := database(t, "create table items (id int)")
	app := open(t, target)
	r, n := start(t, Statements, as(t, target))
	exec(t, app, "select id from items", "select id from items")
	w := cut(t, r)
	wantCaveat(t, w, "hidden")
	n.wantMissing(t, evidence.Statements, "hidden", "GRANT pg_read_all_stats TO")
	for _, s := range w.Statements {
		if !s.Own {
			t.Errorf("visible: %+v %v", s, n.texts[s.ID])
		}
	}
}

// A byte that is no character, in another database of the same server, makes
// PostgreSQL refuse to show any text.
func TestStatementsBadByte(t *testing.T) {
	c := pg.ForTest(t)
	target := database(t, "create table items (id int)")
	admin := open(t, target)
	name := "ascii_" + strings.ToLower(t.Name())
	exec(t, admin, "create database "+name+" encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
	t.Cleanup(func() { c.DropDatabase(context.Background(), name) })
	other := *target
	other.Database = target.Database.Copy()
	other.Database.Database = name
	other.Database.RuntimeParams["client_encoding"] = "SQL_ASCII"
	exec(t, open(t, &other), "select 1 as \"\xff\"")
	t.Cleanup(func() { admin.Exec(context.Background(), "select pg_stat_statements_reset()") })
	r, n := start(t, Statements, target)
	for i := range maxFailures + 2 {
		exec(t, admin, "select id from items")
		w := cut(t, r)
		wantNoCaveats(t, w)
		calls := 0.0
		for _, s := range w.Statements {
			calls += s.Calls
		}
		if calls == 0 {
			t.Errorf("cut %d has no statements", i)
		}
	}
	n.wantMissing(t, evidence.Statements, "texts of statements", "not valid")
	if len(n.texts) > 0 {
		t.Errorf("texts: %v", n.texts)
	}
}

// The cost of a cut with a full pg_stat_statements.
func BenchmarkStatementsCut(b *testing.B) {
	cfg, err := pgx.ParseConfig(pg.ForTest(b).DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	c, err := pgx.ConnectConfig(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	functions := []string{"now()", "pi()", "version()", "current_user", "random()", "inet_client_addr()", "pg_backend_pid()", "txid_current()", "current_date", "timeofday()", "lastval()", "getpgusername()"}
	for i := range 4000 {
		sql := "select 1"
		for bit, f := range functions {
			if i>>bit&1 == 1 {
				sql += ", " + f
			}
		}
		if _, err := c.Exec(b.Context(), sql+" where false"); err != nil {
			b.Fatal(err)
		}
	}
	r, err := Statements.Start(b.Context(), &Target{Database: cfg}, newNoted())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for b.Loop() {
		if err := r.Cut(b.Context(), &evidence.Window{}); err != nil {
			b.Fatal(err)
		}
	}
}
