package collect

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
)

// app serves a metrics page that can be changed. The pages in testdata are what
// OpenTelemetry's Prometheus exporter wrote.
type app struct {
	*httptest.Server
	page   atomic.Value
	served atomic.Int64
}

func newApp(t *testing.T, page string) *app {
	a := &app{}
	a.page.Store(page)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.served.Add(1)
		p := a.page.Load().(string)
		if p == "" {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, p)
	}))
	t.Cleanup(a.Close)
	return a
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var roughly = cmpopts.EquateApprox(0, 1e-6)

func TestPool(t *testing.T) {
	t.Parallel() // waits more than it works
	before, after := testdata(t, "before.prom"), testdata(t, "after.prom")
	a := newApp(t, before)
	r, n := start(t, Pool, &Target{MetricsURL: a.URL})
	a.page.Store(after)
	served := a.served.Load()
	eventually(t, "two samples", func() bool { return a.served.Load() >= served+2 })
	w := cut(t, r)
	want := []evidence.PoolStats{{Name: "web", Max: 10, InUse: 8, Acquires: 50, Waits: 30, Wait: 15.001, Use: 5}}
	if d := cmp.Diff(want, w.Pools, roughly); d != "" {
		t.Errorf("pools (-want +got):\n%s", d)
	}
	w = cut(t, r)
	want = []evidence.PoolStats{{Name: "web", Max: 10, InUse: 8}}
	if d := cmp.Diff(want, w.Pools, roughly); d != "" {
		t.Errorf("idle (-want +got):\n%s", d)
	}
	// The app starts anew.
	a.page.Store(before)
	w = cut(t, r)
	wantCaveat(t, w, "restarted")
	if len(w.Pools) > 0 {
		t.Errorf("after a restart: %+v", w.Pools)
	}
	// The app does not answer, then does.
	a.page.Store("")
	if err := r.Cut(t.Context(), &evidence.Window{}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("no answer: %v", err)
	}
	a.page.Store(after)
	if err := r.Cut(t.Context(), &evidence.Window{}); err == nil || !strings.Contains(err.Error(), "begin was not measured") {
		t.Errorf("after no answer: %v", err)
	}
	if w := cut(t, r); len(w.Pools) != 1 {
		t.Errorf("after that: %+v", w.Pools)
	}
	if len(n.missing) > 0 {
		t.Errorf("missing: %v", n.missing)
	}
}

// Without a histogram that is fine enough, requests seen waiting count.
func TestPoolWithoutHistogram(t *testing.T) {
	a := newApp(t, "")
	a.page.Store(`
# TYPE db_client_connection_count gauge
db_client_connection_count{pool_name="jobs",state="used"} 4
# TYPE db_client_connection_pending_requests gauge
db_client_connection_pending_requests{pool_name="jobs"} 3
`)
	r, _ := start(t, Pool, &Target{MetricsURL: a.URL})
	w := cut(t, r)
	if len(w.Pools) != 1 || w.Pools[0].Name != "jobs" || w.Pools[0].InUse != 4 || w.Pools[0].Waits < 3 || math.Mod(w.Pools[0].Waits, 3) != 0 {
		t.Errorf("pools: %+v", w.Pools)
	}
}

func TestStillWaiting(t *testing.T) {
	for _, tt := range []struct {
		name           string
		pending        []float64
		ended, seconds float64
		want           float64
	}{
		{"nobody", []float64{0, 0, 0, 0, 0}, 0, 10, 0},
		{"all ended", []float64{3, 5, 4, 0, 3}, 32, 10, 0},
		{"within the readings' error", []float64{3, 5, 4, 0, 3}, 20, 10, 0},
		{"never came back", []float64{20, 24, 26, 27, 27}, 4, 10, 244},
		{"most came back", []float64{20, 24, 26, 27, 2}, 4, 10, 20},
		{"began in the middle", []float64{0, 0, 0, 60, 120}, 40, 10, 320},
		{"two readings that differ", []float64{0, 8}, 0, 10, 0},
		{"one reading", []float64{20}, 0, 10, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := stillWaiting(tt.pending, tt.ended, tt.seconds); math.Abs(got-tt.want) > 1e-9 {
				t.Errorf("%v s, want %v", got, tt.want)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	a := newApp(t, testdata(t, "before.prom"))
	r, n := start(t, Calls, &Target{MetricsURL: a.URL})
	a.page.Store(testdata(t, "after.prom"))
	w := cut(t, r)
	want := []evidence.Call{
		{Dependency: "pay.example:443", System: "http", Count: 11, Seconds: 0.43, Failed: 3, Throttled: 2},
		{Dependency: "smtp", System: "smtp", Count: 9, Seconds: 2.4, Failed: 4, Throttled: 3},
	}
	if d := cmp.Diff(want, w.Calls, roughly); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if w := cut(t, r); len(w.Calls) > 0 {
		t.Errorf("idle: %+v", w.Calls)
	}
	a.page.Store(testdata(t, "before.prom"))
	if err := r.Cut(t.Context(), &evidence.Window{}); err == nil || !strings.Contains(err.Error(), "restarted") {
		t.Errorf("after a restart: %v", err)
	}
	if len(n.missing) > 0 {
		t.Errorf("missing: %v", n.missing)
	}
}

// Metrics appear with their first event: only under load is absence a finding.
func TestMetricsOfOthers(t *testing.T) {
	a := newApp(t, "# TYPE go_goroutines gauge\ngo_goroutines 7\n")
	for _, c := range []*Collector{Pool, Calls} {
		r, n := start(t, c, &Target{MetricsURL: a.URL})
		if err := r.Cut(t.Context(), &evidence.Window{Phase: evidence.Baseline}); err != nil || len(n.missing) > 0 {
			t.Errorf("%s before the load: %v, missing %v", c.Name, err, n.missing)
		}
		cut(t, r)
		cut(t, r)
		n.wantMissing(t, c.Kind, "OpenTelemetry")
		if len(n.missing[c.Kind]) != 1 {
			t.Errorf("%s: missing %q, want it once", c.Name, n.missing[c.Kind])
		}
	}
}

func TestMetricsErrors(t *testing.T) {
	html := newApp(t, "<html>\x1b</html>")
	huge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := []byte(strings.Repeat("# a comment that is of no use to anybody\n", 1000))
		for range 1000 {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	defer huge.Close()
	elsewhere := httptest.NewServer(http.RedirectHandler(html.URL, http.StatusFound))
	defer elsewhere.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct{ name, url, err, hint string }{
		{"none given", "", "not known", "/metrics"},
		{"no URL", "localhost:8080", "not an http URL", ""},
		{"a file", "file:///etc/passwd", "not an http URL", ""},
		{"no metrics", html.URL, "read the app's metrics", "Prometheus"},
		{"too large", huge.URL, "more than 8 MB", ""},
		{"elsewhere", elsewhere.URL, "302", ""},
		{"not there", strings.Replace(gone.URL, "http://", "http://user:canary@", 1), "refused", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Pool.Start(t.Context(), &Target{MetricsURL: tt.url}, newNoted())
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(hint.Of(err), tt.hint) {
				t.Fatalf("%v; hint %q; want %q and %q", err, hint.Of(err), tt.err, tt.hint)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(Reason(err), "canary") {
				t.Errorf("error is %q", Reason(err))
			}
		})
	}
}
