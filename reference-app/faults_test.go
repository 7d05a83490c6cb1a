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
		if f.Switch == nil && len(f.Database) == 0 {
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
