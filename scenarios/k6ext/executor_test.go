package k6ext

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/scenarios"
)

const oneRequest = `
version: 1
name: one
endpoints:
  x: { get: "/things/7", think: { const: 0s } }
personas:
  p: { share: 1, journey: { x: { to: { end: 1 } } } }
`

func journeyOptions(t *testing.T, target, scenario string, stages ...scenarios.Stage) k6.Options {
	t.Helper()
	s, err := scenarios.Parse("test.yaml", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	p, err := scenarios.NewPlan(s, target, scenarios.Load{Users: 1, Duration: 12, Steps: 1}, 1, scenarios.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	p.Stages = stages
	return k6.Options{Plan: p, Scenario: s}
}

// TestFrozenServerShows: 200 requests a second for 10 s, the server frozen for
// 2 s in the middle. A fifth of the requests waits, on average a second: the
// slowest twentieth waits 1.5 s and longer. k6's own executors report
// milliseconds here.
func TestFrozenServerShows(t *testing.T) {
	var mu sync.RWMutex
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		mu.RLock()
		defer mu.RUnlock()
		io.WriteString(w, "hello")
	})
	o := journeyOptions(t, a.URL, oneRequest, scenarios.Stage{Rate: 200, Settle: 1, Measure: 9})
	file := filepath.Join(t.TempDir(), "k6.json")
	o.Outputs = []string{"json=" + file}
	l := start(t, o)
	<-l.Began()
	began, _ := l.Started()
	if began.Nanosecond() != 0 {
		t.Errorf("the load began at %v, not with a second", began)
	}
	var frozen time.Duration
	thawed := make(chan struct{})
	go func() {
		defer close(thawed)
		time.Sleep(time.Until(began.Add(4 * time.Second)))
		mu.Lock()
		at := time.Now()
		time.Sleep(2 * time.Second)
		frozen = time.Since(at)
		mu.Unlock()
	}()
	w, ticks := finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Fatal(err)
	}
	total, err := w.Total()
	if err != nil {
		t.Fatal(err)
	}
	if total.Requests != a.count("GET /things/7") || total.Failed != 0 || total.Bytes != 5*total.Requests {
		t.Errorf("%d requests, %d failed, %d bytes; the server counted %d", total.Requests, total.Failed, total.Bytes, a.count("GET"))
	}
	if total.Requests < 1800 || total.Requests > 2200 {
		t.Errorf("%d requests, want about 2000", total.Requests)
	}
	// A twentieth of 10 s is half a second of arrivals. A busy machine works off
	// what has piled up more slowly, but it makes nothing faster.
	<-thawed
	truth := frozen.Seconds() - 0.5
	if p95 := total.Latency.Quantile(0.95); p95 < truth-0.15 || p95 > truth+0.5 {
		t.Errorf("p95 %v s, the truth is %v s", p95, truth)
	}
	g := w.Generator
	if g.Clock != evidence.IntendedStart || g.Lag.Count() != total.Requests || g.Sessions != total.Requests || g.Dropped != 0 {
		t.Errorf("clock %q, %d lags, %d sessions, %d dropped", g.Clock, g.Lag.Count(), g.Sessions, g.Dropped)
	}
	if p50 := g.Lag.Quantile(0.5); p50 > 0.05 {
		t.Errorf("half of the requests started more than %v s late", p50)
	}
	if diff := cmp.Diff(map[string]int64{"GET /things/7": total.Requests}, requests(w)); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	// Little's law over the whole run.
	var inFlight, seconds float64
	for _, tick := range ticks {
		inFlight += tick.Generator.InFlight * float64(tick.Length)
		seconds += float64(tick.Length)
	}
	if want := total.Latency.Mean() * float64(total.Requests); math.Abs(inFlight-want) > 0.1*want {
		t.Errorf("%v request-seconds in flight, latencies sum up to %v", inFlight, want)
	}
	if g := ticks[5]; !g.Alive || g.Generator.ActiveUsers < 100 {
		t.Errorf("while the server was frozen: alive %v, %v users", g.Alive, g.Generator.ActiveUsers)
	}

	if n := countJSON(t, file, "http_reqs"); n != total.Requests {
		t.Errorf("k6's json output saw %d http_reqs, want %d", n, total.Requests)
	}
}

// countJSON sums a counter in a file of k6's json output.
func countJSON(t *testing.T, file, metric string) (n int64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var p struct {
			Metric, Type string
			Data         struct {
				Value float64
				Tags  map[string]string
			}
		}
		if err := json.Unmarshal(line, &p); err != nil {
			t.Fatal(err)
		}
		if p.Type != "Point" || p.Metric != metric {
			continue
		}
		if n == 0 {
			want := map[string]string{
				"method": "GET", "name": "GET /things/7", "url": "GET /things/7", "status": "200",
				"expected_response": "true", "scenario": "scalecheck",
			}
			if diff := cmp.Diff(want, p.Data.Tags); diff != "" {
				t.Errorf("tags of %s (-want +got):\n%s", metric, diff)
			}
		}
		n += int64(p.Data.Value)
	}
	return n
}

// TestSegmentsShareThePlan: two and three processes make the load of one. The
// plan is the same sessions, whoever walks them, and each goes on to its end: the
// same users send the same requests, and the histograms add up.
func TestSegmentsShareThePlan(t *testing.T) {
	t.Parallel()
	const scenario = `
version: 1
name: shared
client_ip: per_user
data: { n: { range: [1, 5], per: request } }
endpoints:
  home: { get: /, think: { exponential: 50ms } }
  page: { get: "/page/${n}", think: { exponential: 50ms } }
  note: { post: /note, form: { n: "${n}" }, think: { exponential: 50ms } }
personas:
  reader: { share: 0.7, start: [home], journey: { page: { to: { page: 0.6, end: 0.4 } } } }
  writer: { share: 0.3, start: [home], journey: { page: { to: { note: 1 } }, note: { to: { page: 0.3, end: 0.7 } } } }
`
	type load struct {
		Users     map[string]int   // requests by user
		Requests  map[string]int64 // by endpoint
		Latencies int64
		Started   int64
		Offered   int64
		Sessions  int64
	}
	run := func(segments ...string) load {
		var mu sync.Mutex
		l := load{Users: map[string]int{}, Requests: map[string]int64{}}
		a := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			l.Users[r.Header.Get("X-Forwarded-For")]++
		})
		var loads []*k6.Load
		for _, s := range segments {
			o := journeyOptions(t, a.URL, scenario, scenarios.Stage{Rate: 130, Settle: 1, Measure: 2})
			o.Plan.Drain = 30
			if s != "" {
				var cuts []string
				for _, s := range segments {
					from, _, _ := strings.Cut(s, ":")
					cuts = append(cuts, from)
				}
				o.Segment, o.Sequence = s, strings.Join(cuts, ",")+",1"
			}
			loads = append(loads, start(t, o))
		}
		for _, x := range loads {
			w, _ := finish(t, x)
			if _, err := x.Wait(); err != nil {
				t.Fatal(err)
			}
			g := w.Generator
			if g.Completed == 0 || g.Dropped+g.Waiting != 0 || g.Started != g.Completed {
				t.Errorf("%v: a process with %+v", segments, g)
			}
			total, err := w.Total()
			if err != nil {
				t.Fatal(err)
			}
			for name, n := range requests(w) {
				l.Requests[name] += n
			}
			l.Latencies += total.Latency.Count() + total.FailedLatency.Count()
			l.Started += g.Started
			l.Offered += g.Offered
			l.Sessions += g.Sessions
		}
		if c := a.count(""); c != l.Started || c != l.Latencies {
			t.Errorf("%v: %d requests and %d latencies, the server counted %d", segments, l.Started, l.Latencies, c)
		}
		return l
	}
	one := run("")
	if one.Sessions < 300 || one.Sessions != one.Offered || int(one.Sessions) != len(one.Users) {
		t.Errorf("%d sessions of %d offered by %d users, want about 390", one.Sessions, one.Offered, len(one.Users))
	}
	for _, segments := range [][]string{{"0:1/3", "1/3:1"}, {"0:1/3", "1/3:2/3", "2/3:1"}} {
		if diff := cmp.Diff(one, run(segments...)); diff != "" {
			t.Errorf("%v (-one process +several):\n%s", segments, diff)
		}
	}
}

func TestClosedLoad(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, journeyOptions(t, a.URL, `
version: 1
name: closed
endpoints:
  x: { get: /, think: { exponential: 100ms } }
personas:
  p: { share: 1, journey: { x: { to: { x: 0.9, end: 0.1 } } } }
`, scenarios.Stage{Users: 20, Settle: 1, Measure: 3}))
	_, ticks := finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(ticks) < 4 {
		t.Fatalf("%d ticks", len(ticks))
	}
	for _, tick := range ticks[1:4] {
		if u := tick.Generator.ActiveUsers; u < 18 || u > 20.001 {
			t.Errorf("%v users, want 20", u)
		}
	}
}

func TestJourneysThatRefuse(t *testing.T) {
	t.Parallel()
	l := start(t, journeyOptions(t, "http://"+closedPort(t), oneRequest, scenarios.Stage{Rate: 50, Settle: 1, Measure: 1}))
	w, _ := finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Fatal(err)
	}
	total, err := w.Total()
	if err != nil {
		t.Fatal(err)
	}
	if total.Requests == 0 || total.Failed != total.Requests || total.Errors["connection refused"] != total.Requests {
		t.Errorf("%d requests, %d failed: %v", total.Requests, total.Failed, total.Errors)
	}
}

func TestStopJourneys(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, journeyOptions(t, a.URL, oneRequest, scenarios.Stage{Rate: 50, Settle: 1, Measure: 100}))
	first := <-l.Ticks()
	stopped := time.Now()
	l.Stop()
	w, _ := finish(t, l)
	if err := w.Add(first); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Wait(); err != nil || !l.Outcome().Stopped {
		t.Errorf("stopped %v: %v", l.Outcome().Stopped, err)
	}
	if d := time.Since(stopped); d > 10*time.Second {
		t.Errorf("stopping took %v", d)
	}
	if n := a.count("GET"); w.Generator.Completed != n {
		t.Errorf("%d requests told, the server counted %d", w.Generator.Completed, n)
	}
}

// TestBuiltinTravels: a scenario loses nothing on its way to the child.
func TestBuiltinTravels(t *testing.T) {
	s, err := scenarios.Builtin("lms")
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readScenario(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(again)); diff != "" {
		t.Error(diff)
	}
}

// runK6 runs k6 by itself, as a user of the extension does.
func runK6(t *testing.T, env []string, args ...string) (out string, status int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Args = append([]string{"k6"}, args...)
	c.Env = append(os.Environ(), append(env, "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false")...)
	b, err := c.CombinedOutput()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		t.Fatal(err)
	}
	return string(b), c.ProcessState.ExitCode()
}

func TestExamples(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"plain.js", "journeys.js", "calls.js"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			a := newApp(t, nil)
			file := filepath.Join(t.TempDir(), "ticks.ndjson")
			out, status := runK6(t, []string{"BASE_URL=" + a.URL}, "run", "--quiet", "--address=", "--out", "scalecheck="+file, filepath.Join("examples", script))
			if status != 0 {
				t.Fatalf("status %d:\n%s", status, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var completed int64
			lines := strings.Split(strings.TrimSpace(string(b)), "\n")
			for i, line := range lines {
				var r k6.Record
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("line %d: %v", i+1, err)
				}
				if (i == 0) != (r.Hello != nil) || (i == len(lines)-1) != (r.Bye != nil) {
					t.Errorf("line %d of %d: %.100s", i+1, len(lines), line)
				}
				if r.Tick != nil {
					completed += r.Tick.Generator.Completed
				}
			}
			if n := a.count(""); completed != n || n == 0 {
				t.Errorf("%d requests in the file, the server counted %d", completed, n)
			}
			if !strings.Contains(out, "http_reqs") {
				t.Errorf("k6's own summary has no http_reqs:\n%s", out)
			}
		})
	}
}

func TestExecutorRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, scenario, want string }{
		{"no scenario", `{ executor: 'scalecheck', target: 'http://127.0.0.1:1' }`, "scenario is missing"},
		{"a path", `{ executor: 'scalecheck', scenario: 'x.yaml', target: 'http://127.0.0.1:1' }`, `write open("x.yaml")`},
		{"unknown built-in", `{ executor: 'scalecheck', scenario: 'builtin:nonsense' }`, "nonsense"},
		{"no target", `{ executor: 'scalecheck', scenario: 'builtin:lms' }`, "target"},
		{"unknown field", `{ executor: 'scalecheck', scenario: 'builtin:lms', target: 'http://127.0.0.1:1', vus: 3 }`, "vus"},
		{"no stages", `{ executor: 'scalecheck', scenario: 'builtin:lms', plan: { name: 'x' } }`, "no stages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s.js")
			text := "export const options = { scenarios: { a: " + tt.scenario + " } };\nexport default function () {}\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, status := runK6(t, nil, "run", "--quiet", "--address=", path)
			if status == 0 || !strings.Contains(strings.ReplaceAll(out, `\"`, `"`), tt.want) {
				t.Errorf("status %d, want %q in:\n%s", status, tt.want, out)
			}
		})
	}
}

func TestOutputRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, out, want string }{
		{"no argument", "scalecheck", "name a file"},
		{"no pipe", "scalecheck=fd:3", "not a pipe"},
		{"no number", "scalecheck=fd:x", "no file descriptor"},
		{"no directory", "scalecheck=/nonexistent/x", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, status := runK6(t, nil, "run", "--quiet", "--address=", "--out", tt.out, filepath.Join("examples", "plain.js"))
			if status == 0 || !strings.Contains(out, tt.want) {
				t.Errorf("status %d, want %q in:\n%s", status, tt.want, out)
			}
		})
	}
}

// TestDiskFull: load without a record is of no use.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	a := newApp(t, nil)
	path := filepath.Join(t.TempDir(), "s.js")
	if err := os.WriteFile(path, []byte(`
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '60s' };
export default function () { http.get(__ENV.BASE_URL); sleep(0.1); }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	out, status := runK6(t, []string{"BASE_URL=" + a.URL}, "run", "--quiet", "--address=", "--out", "scalecheck=/dev/full", path)
	if status == 0 || !strings.Contains(out, "no space left") || time.Since(begun) > 20*time.Second {
		t.Errorf("status %d after %v:\n%s", status, time.Since(begun), out)
	}
}

func TestStartWithoutHost(t *testing.T) {
	o := journeyOptions(t, "http://127.0.0.1:1", oneRequest)
	o.Plan.Target, o.Plan.Limits.Hosts = "", nil
	if _, err := k6.Start(t.Context(), o); hint.Status(err) != hint.NotStarted {
		t.Errorf("error %v", err)
	}
}
