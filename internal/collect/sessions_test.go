package collect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// window returns a window with at least n samples.
func window(t *testing.T, r Running, n int) *evidence.SessionStats {
	t.Helper()
	s := r.(*sessions)
	eventually(t, "samples", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.acc.samples >= n
	})
	return cut(t, r).Sessions
}

// sampleUntil returns the first window that shows what f looks for.
func sampleUntil(t *testing.T, r Running, what string, f func(*evidence.SessionStats) bool) *evidence.SessionStats {
	t.Helper()
	var s *evidence.SessionStats
	eventually(t, what, func() bool {
		s = window(t, r, 7)
		return f(s)
	})
	return s
}

// settled waits until something is true, and returns a window that begins after.
func settled(t *testing.T, r Running, what string, f func(*evidence.SessionStats) bool) *evidence.SessionStats {
	t.Helper()
	sampleUntil(t, r, what, f)
	return window(t, r, 20)
}

func aas(s *evidence.SessionStats, f func(evidence.Activity) bool) float64 {
	sum := 0.0
	for _, a := range s.Activity {
		if f(a) {
			sum += a.AAS
		}
	}
	return sum
}

func near(got, want, tolerance float64) bool {
	return got >= want*(1-tolerance) && got <= want*(1+tolerance)
}

func TestSessionsActivity(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t)
	r, _ := start(t, Sessions, target)
	for range 3 {
		background(t, target, "select pg_sleep(600)")
	}
	sleeping := func(a evidence.Activity) bool { return a.WaitEvent == "PgSleep" }
	s := settled(t, r, "three sleepers", func(s *evidence.SessionStats) bool { return near(aas(s, sleeping), 3, 0.01) })
	if got := aas(s, sleeping); !near(got, 3, 0.01) {
		t.Errorf("AAS of sleepers is %v, want 3", got)
	}
	if got := aas(s, func(a evidence.Activity) bool { return a.Backend == evidence.ClientBackend }); !near(got, 3, 0.01) {
		t.Errorf("AAS of all clients is %v, want 3: ours do not count. %+v", got, s.Activity)
	}
	i := slices.IndexFunc(s.Activity, sleeping)
	if a := s.Activity[i]; a.State != "active" || a.WaitClass != "Timeout" || a.Application != "shop" || a.Statement == "" || strings.HasPrefix(a.Statement, "f:") != (version(t) < 14) {
		t.Errorf("activity is %+v", a)
	}
	if i := slices.IndexFunc(s.Busy, func(b evidence.Busy) bool { return b.Application == "shop" }); i < 0 || len(s.Busy[i].Looks) != 3 || s.Busy[i].Looks[2] != s.Samples {
		t.Errorf("busy sessions are %+v, want 3 of shop's in all %d samples", s.Busy, s.Samples)
	}
	if s.Samples > s.Planned || s.Interval != 0.05 {
		t.Errorf("samples %d of %d every %v", s.Samples, s.Planned, s.Interval)
	}
}

func TestSessionsIdleInTransaction(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table items (id int)")
	st, texts := start(t, Statements, target)
	r, n := start(t, Sessions, target)
	app := open(t, target)
	exec(t, app, "begin", "select id from items")
	idle := func(a evidence.Activity) bool { return a.State == "idle in transaction" }
	s := settled(t, r, "idle in transaction", func(s *evidence.SessionStats) bool { return aas(s, idle) > 0 })
	if got := aas(s, idle); !near(got, 1, 0.01) {
		t.Errorf("AAS is %v, want 1", got)
	}
	cut(t, st)
	if i := slices.IndexFunc(s.Activity, idle); text(s.Activity[i].Statement, texts, n) != "select id from items" {
		t.Errorf("statement is %s, want the last one", s.Activity[i].Statement)
	}
}

// A session that waits for a lock on a table has no query_id yet, and never comes
// into pg_stat_statements before it has the lock.
func TestSessionsWithoutID(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table items (id int, name text)")
	r, n := start(t, Sessions, target)
	holder := open(t, target)
	exec(t, holder, "begin", "lock table items")
	background(t, target, "select name from items where name = 'canary'")
	background(t, target, "select name from items where name = 'bird'")
	waits := func(a evidence.Activity) bool { return a.WaitClass == "Lock" }
	s := settled(t, r, "waiting", func(s *evidence.SessionStats) bool { return near(aas(s, waits), 2, 0.01) && len(s.Blockers) > 0 })
	id := n.id(t, "select name from items where name = $1")
	if !strings.HasPrefix(id, "f:") {
		t.Errorf("ID is %s, want f:…", id)
	}
	if i := slices.IndexFunc(s.Activity, waits); s.Activity[i].Statement != id || s.Activity[i].AAS < 1.9 {
		t.Errorf("activity is %+v, want both with statement %s", s.Activity[i], id)
	}
	b := s.Blockers[0]
	if b.LockType != "relation" || b.Relation != "public.items" || b.Waiter != id || b.State != "idle in transaction" || !near(b.Waiting, 2, 0.05) {
		t.Errorf("blocker is %+v", b)
	}
}

func TestSessionsRowLock(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table accounts (id int primary key, balance int)", "create table audit (id int)", "create table people (id int)",
		"insert into accounts values (1, 0)")
	st, texts := start(t, Statements, target)
	r, n := start(t, Sessions, target)
	holder := open(t, target)
	exec(t, holder, "begin", "update accounts set balance = balance + 1 where id = 1", "select count(*) from people")
	for range 4 {
		// What else the transaction has written to must not confuse.
		background(t, target, "begin", "insert into audit values (1)", "insert into people values (1)", "update accounts set balance = balance - 1 where id = 1")
	}
	waits := func(a evidence.Activity) bool { return a.WaitClass == "Lock" }
	s := settled(t, r, "four waiting", func(s *evidence.SessionStats) bool { return near(aas(s, waits), 4, 0.01) && len(s.Blockers) > 0 })
	cut(t, st)
	sum := 0.0
	for _, b := range s.Blockers {
		sum += b.Waiting
		if b.Relation != "public.accounts" || b.State != "idle in transaction" || b.Application != "shop" || !strings.Contains(text(b.Holder, texts, n), "from people") {
			t.Errorf("blocker is %+v, want the idle transaction that last read people, table accounts", b)
		}
		if b.LockType != "tuple" && b.LockType != "transactionid" || b.HeldSeconds <= 0 || b.HeldSeconds > 60 || b.Waiter == b.Holder || b.Waiter == "" {
			t.Errorf("blocker is %+v", b)
		}
	}
	if !near(sum, 4, 0.05) {
		t.Errorf("%v sessions wait, want 4: %+v", sum, s.Blockers)
	}
}

// Who waits for a unique key holds no lock on a row.
func TestSessionsUniqueKey(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table names (name text primary key)", "create table audit (id int)")
	r, _ := start(t, Sessions, target)
	exec(t, open(t, target), "begin", "insert into names values ('x')")
	background(t, target, "begin", "insert into audit values (1)", "insert into names values ('x')")
	s := sampleUntil(t, r, "blocker", func(s *evidence.SessionStats) bool { return len(s.Blockers) > 0 })
	if b := s.Blockers[0]; b.LockType != "transactionid" || b.Relation != "public.names" {
		t.Errorf("blocker is %+v, want table names", b)
	}
}

func TestSessionsAdvisoryLock(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t)
	r, _ := start(t, Sessions, target)
	exec(t, open(t, target), "select pg_advisory_lock(7)") // idle, outside any transaction
	background(t, target, "select pg_advisory_lock(7)")
	s := sampleUntil(t, r, "blocker", func(s *evidence.SessionStats) bool { return len(s.Blockers) > 0 })
	if b := s.Blockers[0]; b.LockType != "advisory" || b.State != "idle" || b.Holder == "" {
		t.Errorf("blocker is %+v", b)
	}
}

// In a deadlock everybody waits for somebody who waits.
func TestSessionsCircle(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table accounts (id int primary key, balance int)", "insert into accounts values (1, 0), (2, 0)")
	r, _ := start(t, Sessions, target)
	for _, ids := range [][2]int{{1, 2}, {2, 1}} {
		background(t, target, "set deadlock_timeout = '1min'", "begin",
			fmt.Sprintf("update accounts set balance = balance + 1 where id = %d", ids[0]), "select pg_sleep(0.5)",
			fmt.Sprintf("update accounts set balance = balance + 1 where id = %d", ids[1]))
	}
	waits := func(a evidence.Activity) bool { return a.WaitClass == "Lock" }
	s := settled(t, r, "both waiting", func(s *evidence.SessionStats) bool { return near(aas(s, waits), 2, 0.01) && len(s.Blockers) > 0 })
	sum := 0.0
	for _, b := range s.Blockers {
		sum += b.Waiting
		if b.State != evidence.Circle || b.Holder != "" || b.Waiter == "" || b.Relation != "public.accounts" {
			t.Errorf("blocker is %+v, want a circle on accounts", b)
		}
	}
	if !near(sum, 2, 0.05) {
		t.Errorf("%v sessions wait, want 2: %+v", sum, s.Blockers)
	}
}

func TestSessionsParallelWorkers(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t, "create table big (id int, pad text)", "insert into big select n, repeat('x', 100) from generate_series(1, 100000) n", "analyze big")
	r, _ := start(t, Sessions, target)
	parallel := []string{"set min_parallel_table_scan_size = 0", "set parallel_setup_cost = 0", "set parallel_tuple_cost = 0"}
	for range 200 {
		parallel = append(parallel, "select count(*) from big a where md5(a.pad || a.id) like '%x%' or sqrt(a.id) < 0")
	}
	background(t, target, parallel...)
	worker := func(a evidence.Activity) bool { return a.Backend == "parallel worker" }
	s := sampleUntil(t, r, "parallel workers", func(s *evidence.SessionStats) bool { return aas(s, worker) > 0.3 })
	leader := slices.IndexFunc(s.Activity, func(a evidence.Activity) bool { return a.Backend == evidence.ClientBackend && a.State == "active" })
	if leader < 0 {
		t.Fatalf("no leader in %+v", s.Activity)
	}
	id := s.Activity[leader].Statement
	if got := aas(s, func(a evidence.Activity) bool { return worker(a) && a.Statement == id }); !near(got, aas(s, worker), 0.1) {
		t.Errorf("workers of statement %s: AAS %v of %v; %+v", id, got, aas(s, worker), s.Activity)
	}
}

// Comments say which route a session works for; nothing else of them is kept.
func TestSessionsSender(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t)
	r, n := start(t, Sessions, target)
	for _, comment := range []string{
		"select pg_sleep(600) /*db_driver='pg',route='%2Fcourses%2F%3Aid',traceparent='00-secret4711-01'*/",
		"/*action='show',controller='courses'*/ select pg_sleep(600)",
		"select pg_sleep(600) /* application:Shop,controller:courses,action:show */;",
		"select /* route='%2Fin%2Fbetween' */ pg_sleep(600)",
		"select pg_sleep(600), '*/' /* secret4711 */",
		"select pg_sleep(600) -- " + strings.Repeat("long", 2000) + "\n/*route='%2Fcut'*/",
		"select pg_sleep(600)",
	} {
		background(t, target, comment)
	}
	sleeping := func(a evidence.Activity) bool { return a.WaitEvent == "PgSleep" }
	s := settled(t, r, "seven sleepers", func(s *evidence.SessionStats) bool { return near(aas(s, sleeping), 7, 0.01) })
	for sender, want := range map[string]float64{"/courses/{}": 1, "courses#show": 2, "": 4} {
		if got := aas(s, func(a evidence.Activity) bool { return sleeping(a) && a.Sender == sender }); !near(got, want, 0.01) {
			t.Errorf("AAS of %q is %v, want %v: %+v", sender, got, want, s.Activity)
		}
	}
	kept, err := json.Marshal([]any{s, n.texts})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(kept), "4711") {
		t.Errorf("what a comment held was kept: %s", kept)
	}
}

func TestSessionsHidden(t *testing.T) {
	t.Parallel() // waits more than it works
	target := database(t)
	background(t, target, "select pg_sleep(600)")
	r, n := start(t, Sessions, as(t, target))
	window(t, r, 1)
	n.wantMissing(t, evidence.Sessions, "hidden", "GRANT pg_read_all_stats TO")

	r, n = start(t, Sessions, as(t, target, "grant pg_read_all_stats to %s"))
	sampleUntil(t, r, "the other user's session", func(s *evidence.SessionStats) bool {
		return aas(s, func(a evidence.Activity) bool { return a.WaitEvent == "PgSleep" }) == 1
	})
	if len(n.missing) > 0 {
		t.Errorf("missing: %v", n.missing)
	}
}

func TestRootsOf(t *testing.T) {
	for _, tt := range []struct {
		name    string
		blocked map[int32][]int32
		want    []int32
	}{
		{"one", map[int32][]int32{1: {2}, 2: nil}, []int32{2}},
		{"queue", map[int32][]int32{1: {2, 3}, 2: {3}, 3: nil}, []int32{3}},
		{"two holders", map[int32][]int32{1: {2, 3}, 2: nil, 3: nil}, []int32{2, 3}},
		{"deadlock", map[int32][]int32{1: {2}, 2: {1}}, nil},
		{"behind a deadlock", map[int32][]int32{1: {2}, 2: {3}, 3: {2, 4}, 4: nil}, []int32{4}},
		{"prepared", map[int32][]int32{1: {0}}, []int32{0}},
		{"over", map[int32][]int32{1: nil}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := rootsOf(1, tt.blocked); !slices.Equal(got, tt.want) {
				t.Errorf("rootsOf(1, %v) = %v, want %v", tt.blocked, got, tt.want)
			}
		})
	}
}

func TestWrittenTable(t *testing.T) {
	tables := []string{"public.audit", "shop.accounts"}
	for _, tt := range []struct{ sql, want string }{
		{"UPDATE accounts SET a = $1", "shop.accounts"},
		{`update only "shop"."accounts" a set b = $1`, "shop.accounts"},
		{"insert into audit (id) values ($1)", "public.audit"},
		{"select id from x join audit where id in (select id from accounts) for update", "shop.accounts"},
		{"select 1", ""},
	} {
		if got := writtenTable(tt.sql, tables); got != tt.want {
			t.Errorf("writtenTable(%q) = %q, want %q", tt.sql, got, tt.want)
		}
	}
}

// The cost of a sample, on the client's side as time and on the server's as CPU.
func BenchmarkSample(b *testing.B) {
	cfg, err := pgx.ParseConfig(testDSN(b))
	if err != nil {
		b.Fatal(err)
	}
	for range 40 {
		c, err := pgx.ConnectConfig(b.Context(), cfg)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close(b.Context())
		if _, err := c.Exec(b.Context(), "begin"); err != nil {
			b.Fatal(err)
		}
	}
	r, err := Sessions.Start(b.Context(), &Target{Database: cfg}, newNoted())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	s := r.(*sessions)
	before, _ := processClock(int(s.link.pid.Load()))
	own := ownCPU()
	for b.Loop() {
		if err := s.link.do(b.Context(), s.sample); err != nil {
			b.Fatal(err)
		}
	}
	after, _ := processClock(int(s.link.pid.Load()))
	b.ReportMetric(float64((after-before).Microseconds())/float64(b.N), "server-µs/op")
	b.ReportMetric((ownCPU()-own)*1e6/float64(b.N), "client-µs/op")
}
