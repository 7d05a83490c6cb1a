package referenceapp

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// A cost is what statements did on average in one call.
type cost struct{ Calls, Rows, Blocks, Read, Temp, JIT float64 }

// cost returns what the statements whose text is like the pattern did in this
// database, with what ran inside of them.
func (f *fixture) cost(like string) (c cost) {
	f.t.Helper()
	err := f.db.QueryRow(f.t.Context(), `
select
  coalesce(sum(calls), 0)::float8,
  coalesce(sum(rows) / sum(calls), 0)::float8,
  coalesce(sum(shared_blks_hit + shared_blks_read) / sum(calls), 0)::float8,
  coalesce(sum(shared_blks_read) / sum(calls), 0)::float8,
  coalesce(sum(temp_blks_read + temp_blks_written) / sum(calls), 0)::float8,
  coalesce(sum(jit_functions) / sum(calls), 0)::float8
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
  and toplevel
  and query ilike $1
  and query not ilike '%pg_stat_statements%'`, like).Scan(&c.Calls, &c.Rows, &c.Blocks, &c.Read, &c.Temp, &c.JIT)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// pages returns the size of a table.
func (f *fixture) pages(table string) float64 {
	return value[float64](f, "select pg_relation_size($1::regclass) / 8192", table)
}

// forget makes the next cost begin at nothing.
func (f *fixture) forget() {
	f.t.Helper()
	_ = value[any](f, "select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()))")
}

func (f *fixture) exec(sql string) {
	f.t.Helper()
	if _, err := f.db.Exec(f.t.Context(), sql); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

func TestFKIndex(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "fk-index")
	student := f.user(7)
	item := value[int64](f, "select i.id from content_items i join enrolments e using (course_id) where e.user_id = 7 limit 1")
	view := func() { student.get(fmt.Sprintf("/api/v1/items/%d", item), http.StatusOK, nil) }
	view()
	const deletion = "%delete from readings%"
	if c := f.cost(deletion); c.Calls != 1 || c.Rows != 1 || c.Blocks < f.pages("reading_events") {
		t.Errorf("deleting a reading: %+v, the events have %v pages", c, f.pages("reading_events"))
	}
	f.exec("create index on reading_events (reading_id)")
	f.forget()
	view()
	if c := f.cost(deletion); c.Calls != 1 || c.Blocks > 50 {
		t.Errorf("deleting a reading, with the index: %+v", c)
	}
	if n := value[int](f, "select count(*) from reading_events e join readings r on r.id = e.reading_id where r.user_id = 7"); n != 1 {
		t.Errorf("%d events of the reading", n)
	}
}

// dashboards of a healthy app and of one with the fault: what a statement costs in
// both. What users see must be the same.
func compare(t *testing.T, fault, like string) (healthy, sick cost, f *fixture) {
	t.Helper()
	well, f := run(t, quick()), run(t, quick(), fault)
	want, got := well.user(7).dashboard(), f.user(7).dashboard()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the dashboards differ:\n%s", d)
	}
	return well.cost(like), f.cost(like), f
}

func TestStaleStats(t *testing.T) {
	t.Parallel()
	const reviews = "%from message_reviews%"
	_, sick, f := compare(t, "stale-stats", reviews)
	if pages := f.pages("message_reviews"); sick.Calls != 1 || sick.Blocks < pages {
		t.Errorf("reviews: %+v, the table has %v pages", sick, pages)
	}
	if n := value[float64](f, "select n_mod_since_analyze from pg_stat_user_tables where relname = 'message_reviews'"); n < 100_000 {
		t.Errorf("%v rows changed since the last analyze", n)
	}
	f.exec("analyze message_reviews")
	f.forget()
	f.user(7).dashboard()
	if c := f.cost(reviews); c.Calls != 1 || c.Blocks > 100 {
		t.Errorf("reviews, analyzed: %+v", c)
	}
}

func TestGenericPlan(t *testing.T) {
	t.Parallel()
	const recent = "%from notifications%"
	healthy, sick, f := compare(t, "generic-plan", recent)
	if pages := f.pages("notifications"); healthy.Blocks > 100 || sick.Blocks < pages {
		t.Errorf("notifications: healthy %+v, generic %+v, the table has %v pages", healthy, sick, pages)
	}
	f.exec("set plan_cache_mode = auto")
	var plan string
	rows, err := f.db.Query(t.Context(), "explain select id from notifications where user_id = 7 and created_at < now() and archived = false order by created_at desc limit 10")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += line + "\n"
	}
	if !strings.Contains(plan, "notifications_user_id_created_at_idx") {
		t.Errorf("with the value the plan is\n%s", plan)
	}
}

func TestDisabledIndexScan(t *testing.T) {
	t.Parallel()
	healthy, sick, f := compare(t, "disabled-index-scan", "%from notifications%")
	if pages := f.pages("notifications"); healthy.Blocks > 100 || sick.Blocks < pages {
		t.Errorf("notifications: healthy %+v, without index scans %+v, the table has %v pages", healthy, sick, pages)
	}
}

func TestJIT(t *testing.T) {
	t.Parallel()
	if !value[bool](run(t, quick()), "select pg_jit_available()") {
		t.Skip("this PostgreSQL was built without JIT")
	}
	healthy, sick, _ := compare(t, "jit-on-short-queries", "%select%")
	if healthy.JIT != 0 || sick.JIT < 1 {
		t.Errorf("functions compiled by a call: healthy %v, with the fault %v", healthy.JIT, sick.JIT)
	}
}

func TestDeepOffset(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "deep-offset")
	f.user(7).dashboard()
	c := f.cost("%from activity_events%offset%")
	// The pages of the index are read as well.
	if pages := f.pages("activity_events"); c.Rows != 10 || c.Blocks < pages/2 {
		t.Errorf("feed: %+v, the table has %v pages", c, pages)
	}
	if c.Temp != 0 {
		t.Errorf("feed: sorted on disk: %+v", c)
	}
}

func TestUnindexableSearch(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "unindexable-search")
	f.user(7).dashboard()
	if c := f.cost("%ilike%"); c.Calls != 1 || c.Blocks < f.pages("messages") {
		t.Errorf("mentions: %+v, the table has %v pages", c, f.pages("messages"))
	}
}

func TestDiskSpill(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "disk-spill")
	f.user(7).dashboard()
	const ranks = "%rank() over%"
	if c := f.cost(ranks); c.Temp < 32 {
		t.Errorf("ranks: %+v, want temporary blocks", c)
	}
	roomy := run(t, quick(), "disk-spill")
	roomy.exec("do $$ begin execute format('alter database %I reset work_mem', current_database()); end $$")
	roomy.web.Reset() // a session has the settings that it began with
	roomy.user(7).dashboard()
	if c := roomy.cost(ranks); c.Temp != 0 {
		t.Errorf("ranks, with the default work_mem: %+v", c)
	}
}

func TestAnalyticsInOLTP(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "analytics-in-oltp")
	student := f.user(7)
	var page struct {
		Activity []struct{ Events int64 }
	}
	student.get("/api/v1/notifications", http.StatusOK, &page)
	if len(page.Activity) == 0 || page.Activity[len(page.Activity)-1].Events == 0 {
		t.Errorf("activity: %+v", page.Activity)
	}
	if c := f.cost("%count(distinct user_id)%"); c.Calls != 1 || c.Blocks < f.pages("activity_events") {
		t.Errorf("activity: %+v, the table has %v pages", c, f.pages("activity_events"))
	}
}

func TestCacheStampede(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "cache-stampede")
	const users = 4
	var g errgroup.Group
	var students [users]person
	for i := range students {
		students[i] = f.user(i + 1)
	}
	for _, s := range students {
		g.Go(func() error { return s.try(http.MethodGet, "/api/v1/me/dashboard", nil, http.StatusOK, nil) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	const popular = "%as visits%"
	herd := f.cost(popular).Calls
	if herd < 2 {
		t.Errorf("%v calls by %d dashboards that found the cache empty", herd, users)
	}
	students[0].dashboard()
	if n := f.cost(popular).Calls; n != herd {
		t.Errorf("%v calls more with the cache full", n-herd)
	}
}

func TestOverFetching(t *testing.T) {
	t.Parallel()
	const courses = "%from courses%"
	healthy, sick, f := compare(t, "over-fetching", courses)
	size := value[float64](f, "select avg(length(syllabus::text)) from courses")
	if size < 100<<10 || sick.Rows != healthy.Rows || sick.Blocks < 10*healthy.Blocks {
		t.Errorf("courses: healthy %+v, whole %+v, %v bytes each", healthy, sick, size)
	}
}

func TestCacheAbsent(t *testing.T) {
	t.Parallel()
	_, sick, f := compare(t, "cache-absent", "%from tenant_flags%")
	if sick.Calls != 8 || sick.Rows != 4000 {
		t.Errorf("flags, for one dashboard: %+v", sick)
	}
	f.user(7).get("/api/v1/me/grades", http.StatusOK, nil)
	if c := f.cost("%from tenant_flags%"); c.Calls != 16 {
		t.Errorf("flags, for a dashboard and the grades: %+v", c)
	}
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	// How many different statements a dashboard sends, and how often the commonest.
	const (
		different = `
select count(*)
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
  and query like '%user_id = $1%'
  and query not like '%pg_stat_statements%'`
		repeated = `
select coalesce(max(calls), 0)
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
  and query like '%user_id = $1%'`
	)
	sent := func(f *fixture) (n, most int) {
		t.Helper()
		student := f.user(7)
		student.dashboard() // prepares the statements
		f.forget()
		start := time.Now()
		var page struct {
			Widgets struct{ Figures map[string]int64 }
		}
		student.get("/api/v1/me/dashboard", http.StatusOK, &page)
		took := time.Since(start)
		n, most = value[int](f, different), value[int](f, repeated)
		if figures := page.Widgets.Figures; figures != nil {
			if figures["courses"] == 0 || len(figures) < 20 {
				t.Errorf("figures: %v", figures)
			}
			// Each of the statements waits for the one before.
			if took < time.Duration(n)*12*time.Millisecond {
				t.Errorf("%d statements one after the other took %v with the database 12 ms away", n, took)
			}
		}
		return n, most
	}
	if n, most := sent(run(t, quick(), "round-trips")); n < 20 || most != 1 {
		t.Errorf("round-trips: a dashboard sent %d statements about the user, one of them %d times; want twenty different ones", n, most)
	}
	if n, most := sent(run(t, quick())); n > 6 || most != 1 {
		t.Errorf("healthy: a dashboard sent %d statements about the user, one of them %d times", n, most)
	}
}

func TestOldSnapshot(t *testing.T) {
	t.Parallel()
	f := run(t, quick(), "old-snapshot")
	const present = "%from presence%"
	student := f.user(7)
	student.dashboard()
	f.exec("vacuum presence") // may remove nothing
	f.forget()
	student.dashboard()
	kept := f.cost(present)
	if pages := f.pages("presence"); pages < 100 || kept.Calls != 1 || kept.Blocks < pages {
		t.Errorf("counting who is here: %+v, the table has %v pages", kept, pages)
	}
	if n := value[int](f, "select count(*) from presence"); n != 1 {
		t.Errorf("%d users are here, want one", n)
	}
	if held := value[bool](f, `
select state = 'idle in transaction' and age(backend_xmin) > 1000
from pg_stat_activity
where application_name = 'reporting-tool'
  and datname = current_database()`); !held {
		t.Error("the reporting tool holds no old snapshot")
	}
	if err := f.report.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The server may have yet to notice that the session is gone.
	eventually(t, "presence is small again", func() bool {
		f.exec("vacuum presence")
		f.forget()
		student.dashboard()
		c := f.cost(present)
		return c.Calls == 1 && c.Blocks < 10
	})
}

func TestWorkingSet(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("files can be dropped from the page cache on Linux only")
	}
	f := run(t, quick(), "working-set")
	for n := range 20 {
		f.user(n + 1).dashboard()
	}
	const kinds = "%group by kind%"
	f.forget()
	for n := range 20 {
		f.user(n + 1).dashboard()
	}
	if c := f.cost(kinds); c.Calls != 20 || c.Blocks < 50 || c.Read < c.Blocks/4 {
		t.Errorf("kinds of notifications: %+v, want reads again and again", c)
	}
}
