package referenceapp

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/scalecheck/scalecheck/reference-app/faults"
)

func TestFaultsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults.All {
		if seen[f.Name] {
			t.Errorf("%s is listed twice", f.Name)
		}
		seen[f.Name] = true
		title, rest, _ := strings.Cut(f.Doc, "\n\n")
		if strings.Contains(title, "\n") || len(title) > 60 || strings.HasSuffix(title, ".") || rest == "" {
			t.Errorf("%s: Doc does not begin with a title and a blank line", f.Name)
		}
		if !strings.Contains(rest, "The fix ") {
			t.Errorf("%s: Doc names no fix", f.Name)
		}
		if f.Switch == nil && len(f.Database) == 0 && len(f.Server) == 0 {
			t.Errorf("%s breaks nothing", f.Name)
		}
	}
	if _, err := faults.Lookup(faults.Naive); err != nil {
		t.Error(err)
	}
}

func TestMissingIndex(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "missing-index")
	student := f.user(7)
	// A session reports its statistics once a second, and only when it is used.
	eventually(t, "a sequential scan of notifications", func() bool {
		student.dashboard()
		return value[int](f, "select seq_scan from pg_stat_user_tables where relname = 'notifications'") > 0
	})
}

func TestNPlusOne(t *testing.T) {
	t.Parallel()
	healthy, sick := run(t, quick()), run(t, quick(), "n-plus-one")
	const most = "select max(calls) from pg_stat_statements where dbid = (select oid from pg_database where datname = current_database()) and query like '%content_items%'"
	want, got := healthy.user(7).dashboard(), sick.user(7).dashboard()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the dashboards differ:\n%s", diff)
	}
	if n := value[int](healthy, most); n != 1 {
		t.Errorf("healthy: %d calls of one statement for one dashboard", n)
	}
	if n := value[int](sick, most); n < 100 {
		t.Errorf("n-plus-one: %d calls of one statement for one dashboard, want hundreds", n)
	}
}

func TestSyncEmail(t *testing.T) {
	t.Parallel()
	s := quick()
	s.smtp.Latency = 300 * time.Millisecond
	register := func(f *fixture) time.Duration {
		p := f.stranger()
		start := time.Now()
		p.post("/api/v1/register", map[string]string{"email": "ann@example.test", "name": "Ann", "password": "long enough"}, http.StatusCreated, nil)
		return time.Since(start)
	}
	const mailJobs = "select count(*) from river_job where kind = 'send_email'"

	sick := run(t, s, "sync-email")
	if took := register(sick); took < s.smtp.Latency {
		t.Errorf("sync-email: registered in %v, faster than the mail was sent", took)
	}
	if n := sick.sink.Count(); n != 1 {
		t.Errorf("sync-email: %d mails when the response came", n)
	}
	if n := value[int](sick, mailJobs); n != 0 {
		t.Errorf("sync-email: %d mail jobs", n)
	}

	healthy := run(t, s)
	register(healthy)
	if n := value[int](healthy, mailJobs); n != 1 {
		t.Errorf("healthy: %d mail jobs", n)
	}
}

func TestQueueBacklog(t *testing.T) {
	t.Parallel()
	s := quick()
	s.plagiarism.Latency = 500 * time.Millisecond
	const n = 5
	// overlaps counts pairs of gradings that ran at the same time.
	overlaps := func(f *fixture) int {
		t.Helper()
		student := f.user(7)
		path := fmt.Sprintf("/api/v1/assignments/%d/submit", student.dashboard().Assignments[0].ID)
		var g errgroup.Group
		for range n {
			g.Go(func() error {
				return student.try(http.MethodPost, path, map[string]string{"text": "x"}, http.StatusCreated, nil)
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all gradings", func() bool {
			return value[int](f, "select count(*) from river_job where kind = 'grade_submission' and state = 'completed'") == n
		})
		return value[int](f, `
select count(*)
from river_job a
join river_job b on a.id < b.id and a.attempted_at < b.finalized_at and b.attempted_at < a.finalized_at
where a.kind = 'grade_submission'
  and b.kind = 'grade_submission'`)
	}
	if got := overlaps(run(t, s, "queue-backlog")); got != 0 {
		t.Errorf("queue-backlog: %d pairs of submissions were graded at the same time", got)
	}
	if got := overlaps(run(t, s)); got == 0 {
		t.Error("healthy: submissions were graded one after the other")
	}
}

func TestHotRow(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "hot-row")
	student := f.user(7)
	item := value[int64](f, "select i.id from content_items i join enrolments e using (course_id) where e.user_id = 7 limit 1")
	before := value[int64](f, "select value from site_counters where name = 'item_views'")

	const views = 10
	var g errgroup.Group
	for range views {
		g.Go(func() error {
			return student.try(http.MethodGet, fmt.Sprintf("/api/v1/items/%d", item), nil, http.StatusOK, nil)
		})
	}
	// Somebody waits for a lock, and who holds it is the app, with nothing to ask the database.
	eventually(t, "views that wait for the counter", func() bool {
		return value[bool](f, `
select exists (
  select
  from pg_stat_activity waiter
  join pg_stat_activity holder on holder.pid = any(pg_blocking_pids(waiter.pid))
  where waiter.wait_event_type = 'Lock'
    and waiter.query like '%update site_counters%'
    and holder.application_name = 'scalecheck-app'
    and holder.state = 'idle in transaction'
)`)
	})
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if got := value[int64](f, "select value from site_counters where name = 'item_views'") - before; got != views {
		t.Errorf("%d views counted, want %d", got, views)
	}
}

// item returns the path of an item that the user may see.
func (f *fixture) item(user int) string {
	f.t.Helper()
	id := value[int64](f, "select i.id from content_items i join enrolments e using (course_id) where e.user_id = $1 limit 1", user)
	return fmt.Sprintf("/api/v1/items/%d", id)
}

// views sends n requests for an item at the same time and meanwhile waits for what
// the query tells of.
func (f *fixture) views(n int, what, query string) {
	f.t.Helper()
	student, path := f.user(7), f.item(7)
	var g errgroup.Group
	for range n {
		g.Go(func() error { return student.try(http.MethodGet, path, nil, http.StatusOK, nil) })
	}
	eventually(f.t, what, func() bool { return value[bool](f, query) })
	if err := g.Wait(); err != nil {
		f.t.Error(err)
	}
}

func TestAdvisoryLock(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "advisory-lock")
	f.views(10, "views that wait for each other", `
select exists (
  select
  from pg_stat_activity waiter
  join pg_stat_activity holder on holder.pid = any(pg_blocking_pids(waiter.pid))
  where waiter.wait_event = 'advisory'
    and waiter.datname = current_database()
    and holder.state = 'idle in transaction'
)`)
}

func TestTableLock(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "table-lock")
	student := f.user(7)
	var g errgroup.Group
	stop := make(chan struct{})
	g.Go(func() error {
		for {
			select {
			case <-stop:
				return nil
			default:
			}
			if err := student.try(http.MethodGet, "/api/v1/notifications", nil, http.StatusOK, nil); err != nil {
				return err
			}
		}
	})
	// The waiting statement has no id yet: it is not parsed.
	eventually(t, "a page that waits for the script", func() bool {
		return value[bool](f, `
select exists (
  select
  from pg_stat_activity waiter
  join pg_stat_activity holder on holder.pid = any(pg_blocking_pids(waiter.pid))
  where waiter.wait_event_type = 'Lock'
    and waiter.wait_event = 'relation'
    and waiter.query_id is null
    and waiter.application_name = 'scalecheck-app'
    and holder.application_name = 'archive-script'
)`)
	})
	close(stop)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

func TestDeadlock(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "deadlock")
	student, path := f.user(7), f.item(7)
	var g errgroup.Group
	views := 0
	eventually(t, "a deadlock", func() bool {
		for range 12 {
			g.Go(func() error { return student.try(http.MethodGet, path, nil, http.StatusOK, nil) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		views += 12
		return value[int](f, "select deadlocks from pg_stat_database where datname = current_database()") > 0
	})
	if n := value[int](f, "select value from activity_counters where name = 'items'"); n != views {
		t.Errorf("%d views were counted, want %d: what was ended must be tried again, once", n, views)
	}
}

func TestSerialization(t *testing.T) {
	t.Parallel()
	// Rolled back on purpose: the app commits whatever it begins.
	const rollbacks = "select xact_rollback from pg_stat_database where datname = current_database()"
	f := run(t, quick(), "serialization")
	students := make([]person, 6)
	paths := make([]string, len(students))
	for i := range students {
		students[i], paths[i] = f.user(i+1), f.item(i+1)
	}
	alone := value[int](f, rollbacks)
	for i, s := range students {
		s.get(paths[i], http.StatusOK, nil)
	}
	var g errgroup.Group
	eventually(t, "views that are refused", func() bool {
		for i, s := range students {
			g.Go(func() error { return s.try(http.MethodGet, paths[i], nil, http.StatusOK, nil) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		return value[int](f, rollbacks) >= alone+3
	})
	if n := value[int](f, "select count(*) from course_seats"); n != len(students) {
		t.Errorf("%d seats are taken by %d users", n, len(students))
	}
}

func TestCallInTransaction(t *testing.T) {
	t.Parallel()
	s := quick()
	s.licences.Latency = 300 * time.Millisecond
	f := run(t, s, "call-in-transaction")
	// Six connections in six calls: the next request has none.
	f.views(12, "all connections idle in transaction", `
select count(*) = 6
from pg_stat_activity
where application_name = 'scalecheck-app'
  and datname = current_database()
  and state = 'idle in transaction'`)
}

func TestSmallPool(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "small-pool")
	const connections = "select count(*) from pg_stat_activity where application_name = 'scalecheck-app' and datname = current_database()"
	if n := value[int](f, connections); n != 4 {
		t.Errorf("%d connections, want 4", n)
	}
	student := f.user(7)
	start := time.Now()
	student.dashboard()
	// More than two statements one after the other, 20 ms away.
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Errorf("a dashboard took %v with the database 20 ms away", took)
	}
}

func TestPoolLeak(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "pool-leak")
	student := f.user(7)
	path := func(not string) string {
		return fmt.Sprintf("/api/v1/items/%d", value[int64](f, `
select i.id
from content_items i
join enrolments e using (course_id)
where e.user_id = 7
  and `+not+` exists (select from withdrawn_items where item_id = i.id)
limit 1`))
	}
	shown, withdrawn := path("not"), path("")
	for range 10 {
		student.get(shown, http.StatusOK, nil)
	}
	if n := f.web.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are out after views of an item", n)
	}
	const views = 3
	for range views {
		student.get(withdrawn, http.StatusOK, nil)
	}
	if n := f.web.Stat().AcquiredConns(); n != views {
		t.Errorf("%d connections are out after %d views of a withdrawn item", n, views)
	}
	const idle = "select count(*) from pg_stat_activity where application_name = 'scalecheck-app' and datname = current_database() and state = 'idle'"
	if n, open := value[int32](f, idle), f.web.Stat().TotalConns(); n != open {
		t.Errorf("%d of %d sessions are idle: the connections that are out do nothing", n, open)
	}
	for range int(f.web.Stat().MaxConns()) - views {
		student.get(withdrawn, http.StatusOK, nil)
	}
	// There is none left, and it is another page's request that fails.
	student.get("/api/v1/me/grades", http.StatusInternalServerError, nil)
}

func TestPerRowCommit(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "per-row-commit")
	f.user(7).get(f.item(7), http.StatusOK, nil)
	if n := value[int](f, "select count(distinct xmin::text) from reading_receipts"); n < 10 {
		t.Errorf("one view committed %d transactions, want one for each sentence", n)
	}
}

func TestCheckpointStorm(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "checkpoint-storm")
	student, path := f.user(7), f.item(7)
	student.get(path, http.StatusOK, nil)
	if n := value[int](f, "select count(*) from shown_words where user_id = 7 and item_id > 0"); n < 100 {
		t.Errorf("one view logged %d words", n)
	}
	// Where the last checkpoint began, and where the log is, in bytes.
	const (
		checkpoint = "select redo_lsn - '0/0'::pg_lsn from pg_control_checkpoint()"
		end        = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
	)
	var views int
	begun, last, checkpoints := value[float64](f, end), value[float64](f, checkpoint), 0
	eventually(t, "checkpoints that the log asks for", func() bool {
		for range 5 {
			student.get(path, http.StatusOK, nil)
		}
		views += 5
		if now := value[float64](f, checkpoint); now != last {
			last, checkpoints = now, checkpoints+1
		}
		return checkpoints == 3
	})
	// Two hundred rows with their keys are some forty kilobytes.
	if each := (value[float64](f, end) - begun) / float64(views); each < 80<<10 {
		t.Errorf("a view writes %.0f bytes of log, want whole pages most of all", each)
	}
}

func TestConnectionChurn(t *testing.T) {
	t.Parallel()
	opened := func(f *fixture) int {
		t.Helper()
		const sessions = "select sessions from pg_stat_database where datname = current_database()"
		student := f.user(7)
		before := value[int](f, sessions)
		for range 40 {
			student.dashboard()
		}
		return value[int](f, sessions) - before
	}
	if n := opened(run(t, quick(), "connection-churn")); n < 8 {
		t.Errorf("connection-churn: forty dashboards opened %d connections, want ten or more", n)
	}
	if n := opened(run(t, quick())); n > 2 {
		t.Errorf("healthy: forty dashboards opened %d connections", n)
	}
}

func TestThrottledCRM(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "throttled-crm")
	var g errgroup.Group
	start := time.Now()
	for i := range 6 {
		p := f.stranger()
		g.Go(func() error {
			return p.try(http.MethodPost, "/api/v1/register", map[string]string{"email": fmt.Sprintf("ann%d@example.test", i), "name": "Ann", "password": "long enough"}, http.StatusCreated, nil)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	// Two at once, then two a second.
	if took := time.Since(start); took < 1500*time.Millisecond {
		t.Errorf("six registrations took %v with two a second allowed", took)
	}
	if n := value[int](f, "select count(*) from river_job where kind = 'crm_sync'"); n != 0 {
		t.Errorf("%d jobs tell the CRM what it knows", n)
	}
}

// TestNaive: all at once, the app is slow but works.
func TestNaive(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), faults.Naive...)
	f.stranger().post("/api/v1/register", map[string]string{"email": "ann@example.test", "name": "Ann", "password": "long enough"}, http.StatusCreated, nil)
	student := f.user(7)
	d := student.dashboard()
	item := value[int64](f, "select id from content_items where course_id = $1 limit 1", d.Courses[0].ID)
	student.get(fmt.Sprintf("/api/v1/items/%d", item), http.StatusOK, nil)
	student.post(fmt.Sprintf("/api/v1/assignments/%d/submit", d.Assignments[0].ID), map[string]string{"text": "x"}, http.StatusCreated, nil)
	if f.sink.Count() != 1 {
		t.Error("the welcome mail is not there")
	}
}
