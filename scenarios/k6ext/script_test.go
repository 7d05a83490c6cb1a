package k6ext

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/scenarios"
)

// an app that counts what it is asked.
type app struct {
	*httptest.Server
	mu   sync.Mutex
	hits map[string]int64 // "GET /path"
}

func newApp(t *testing.T, h http.HandlerFunc) *app {
	t.Helper()
	a := &app{hits: map[string]int64{}}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.hits[r.Method+" "+r.URL.Path]++
		a.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *app) count(prefix string) (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, c := range a.hits {
		if strings.HasPrefix(k, prefix) {
			n += c
		}
	}
	return n
}

func scriptOptions(t *testing.T, target, script string) k6.Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.js")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return k6.Options{
		Plan:   &scenarios.Plan{Kind: scenarios.Script, Target: target, Limits: scenarios.DefaultLimits()},
		Script: path,
	}
}

// finish reads a load to its end and returns it as one window.
func finish(t *testing.T, l *k6.Load) (w evidence.Window, ticks []evidence.Tick) {
	t.Helper()
	for tick := range l.Ticks() {
		ticks = append(ticks, tick)
		w.Length += tick.Length
	}
	for _, tick := range ticks {
		if err := w.Add(tick); err != nil {
			t.Fatal(err)
		}
	}
	return w, ticks
}

func start(t *testing.T, o k6.Options) *k6.Load {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	t.Cleanup(cancel)
	l, err := k6.Start(ctx, o)
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, hint.Of(err))
	}
	t.Cleanup(l.Kill)
	return l
}

func requests(w evidence.Window) map[string]int64 {
	m := map[string]int64{}
	for _, e := range w.Endpoints {
		m[e.Name] = e.Requests
	}
	return m
}

// The kind of script that people have.
const plain = `
import http from 'k6/http';
import { check, group, sleep } from 'k6';
import exec from 'k6/execution';

export const options = {
  scenarios: { people: { executor: 'constant-vus', vus: 4, duration: '3s', gracefulStop: '5s' } },
  thresholds: {
    'http_req_duration{name:Course page}': ['p(95)<2000', 'p(95)<0.0001'],
    checks: ['rate>0.5'],
    http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: false }],
  },
};

const base = __ENV.BASE_URL;

export function setup() {
  http.get(base + '/setup');
  return { token: 'abc' };
}

export default function (data) {
  if (data.token !== 'abc') exec.test.abort('no token');
  group('visit', function () {
    const res = http.get(base + '/courses/' + exec.scenario.iterationInTest, { tags: { name: 'Course page' } });
    check(res, { 'is 200': (r) => r.status === 200, 'is a novel': (r) => r.body.length > 1000 });
    group('assets', function () {
      http.batch([['GET', base + '/app.css'], ['GET', base + '/app.js'], ['POST', base + '/seen/' + __VU + '00', 'x']]);
    });
  });
  http.get(base + '/missing?x=' + __ITER);
  sleep(0.05);
}

export function teardown() { http.get(base + '/teardown'); }
`

func TestPlainScriptRunsUnchanged(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "short")
	})
	l := start(t, scriptOptions(t, a.URL, plain))
	w, ticks := finish(t, l)
	thresholds, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	out := l.Outcome()

	want := map[string]int64{
		"Course page":     a.count("GET /courses/"),
		"GET /app.css":    a.count("GET /app.css"),
		"GET /app.js":     a.count("GET /app.js"),
		"POST /seen/{id}": a.count("POST /seen/"),
		"GET /missing":    a.count("GET /missing"),
	}
	if diff := cmp.Diff(want, requests(w)); diff != "" {
		t.Errorf("ticks do not sum up to what the server counted (-server +ticks):\n%s", diff)
	}
	if a.count("GET /setup") != 1 || a.count("GET /teardown") != 1 {
		t.Errorf("setup was called %d times, teardown %d times", a.count("GET /setup"), a.count("GET /teardown"))
	}
	for _, e := range w.Endpoints {
		if ok, failed := e.Latency.Count(), e.FailedLatency.Count(); ok+failed != e.Requests || failed != e.Failed {
			t.Errorf("%s: %d latencies of answers, %d of failures, %d requests", e.Name, ok, failed, e.Requests)
		}
		failed := int64(0)
		if e.Name == "GET /missing" {
			failed = e.Requests
		}
		if e.Failed != failed {
			t.Errorf("%s: %d of %d failed: %v", e.Name, e.Failed, e.Requests, e.Errors)
		}
	}
	if diff := cmp.Diff([]evidence.Threshold{
		{Metric: "checks", Source: "rate>0.5", OK: false}, // half of them, exactly
		{Metric: "http_req_duration{name:Course page}", Source: "p(95)<2000", OK: true},
		{Metric: "http_req_duration{name:Course page}", Source: "p(95)<0.0001", OK: false},
		{Metric: "http_req_failed", Source: "rate<0.01", OK: false},
	}, thresholds); diff != "" {
		t.Errorf("thresholds (-want +got):\n%s", diff)
	}
	if out.Exit != 99 || !out.ThresholdsFailed || out.Stopped {
		t.Errorf("exit %d, thresholds failed %v, stopped %v", out.Exit, out.ThresholdsFailed, out.Stopped)
	}
	pages := a.count("GET /courses/")
	if diff := cmp.Diff([]k6.Check{{Name: "is 200", Passed: pages}, {Name: "is a novel", Failed: pages}}, out.Checks); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	g := w.Generator
	if g.Clock != evidence.ServiceTime || g.Lag != nil || g.Completed == 0 || g.Sessions != pages || g.Dropped != 0 {
		t.Errorf("generator: %+v", g)
	}
	if g.ActiveUsers < 2 || g.ActiveUsers > 4.001 {
		t.Errorf("%v users on average, want nearly 4", g.ActiveUsers)
	}
	started, ok := l.Started()
	if !ok || !ticks[0].Start.Equal(started) {
		t.Errorf("load began at %v, the first tick at %v", started, ticks[0].Start)
	}
	for i, tick := range ticks[:len(ticks)-1] {
		if tick.Length != 1 || !tick.Start.Equal(started.Add(time.Duration(i)*time.Second)) {
			t.Errorf("tick %d: starts at %v, %v s long", i, tick.Start, tick.Length)
		}
	}
	if w.Length < 3 || w.Length > 6 {
		t.Errorf("%v s of ticks for 3 s of load", w.Length)
	}
	if !strings.HasPrefix(l.Version(), "k6") {
		t.Errorf("version %q", l.Version())
	}
}

func TestThresholdsThatPass(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
export const options = { vus: 1, iterations: 5, thresholds: { http_req_failed: ['rate<0.01'] } };
export default function () { http.get(__ENV.TARGET + '/'); }
`))
	w, _ := finish(t, l)
	thresholds, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]evidence.Threshold{{Metric: "http_req_failed", Source: "rate<0.01", OK: true}}, thresholds); diff != "" {
		t.Error(diff)
	}
	if got := requests(w)["GET /"]; got != 5 {
		t.Errorf("%d requests, want 5", got)
	}
}

func TestThresholdThatAborts(t *testing.T) {
	t.Parallel()
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '60s', thresholds: { http_req_failed: [{ threshold: 'rate<0.01', abortOnFail: true }] } };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.1); }
`))
	w, _ := finish(t, l)
	thresholds, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if len(thresholds) != 1 || thresholds[0].OK || !l.Outcome().ThresholdsFailed {
		t.Errorf("thresholds %v, outcome %+v", thresholds, l.Outcome())
	}
	if w.Length > 20 {
		t.Errorf("not aborted: ran %v s", w.Length)
	}
	if e := w.Endpoints[0]; e.Failed != e.Requests || e.Errors["status 500"] != e.Requests || e.Statuses[500] != e.Requests {
		t.Errorf("failed %d of %d: %v %v", e.Failed, e.Requests, e.Errors, e.Statuses)
	}
}

func TestTargetThatRefuses(t *testing.T) {
	t.Parallel()
	l := start(t, scriptOptions(t, "http://"+closedPort(t), `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 2, duration: '2s', thresholds: { http_req_duration: ['p(95)<500'] } };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.1); }
`))
	w, ticks := finish(t, l)
	thresholds, err := l.Wait()
	if err != nil {
		t.Fatal(err)
	}
	// This is what k6 says when nothing was measured; the ticks must not.
	if len(thresholds) != 1 || !thresholds[0].OK {
		t.Errorf("thresholds: %v", thresholds)
	}
	total, err := w.Total()
	if err != nil {
		t.Fatal(err)
	}
	if total.Requests == 0 || total.Failed != total.Requests || total.Errors["connection refused"] != total.Requests || len(total.Statuses) != 0 {
		t.Errorf("%d requests, %d failed: %v %v", total.Requests, total.Failed, total.Errors, total.Statuses)
	}
	if len(ticks) < 2 {
		t.Errorf("%d ticks", len(ticks))
	}
}

func TestSilenceIsVisible(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(stuck) }) }
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) { <-stuck })
	t.Cleanup(release) // before the server is closed
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
export const options = { vus: 1, duration: '30s' };
export default function () { http.get(__ENV.TARGET + '/'); }
`))
	for range 3 {
		tick := <-l.Ticks()
		if !tick.Alive || len(tick.Endpoints) != 0 || tick.Generator.ActiveUsers != 1 {
			t.Errorf("a second of silence came as %+v", tick)
		}
	}
	release()
	l.Stop()
	finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Error(err)
	}
}

// TestStop: the child answers SIGINT in order, although the terminal's would
// not reach it.
func TestStop(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 2, duration: '60s', thresholds: { http_reqs: ['count>0'] } };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.05); }
export function teardown() { http.get(__ENV.TARGET + '/teardown'); }
`))
	first := <-l.Ticks()
	if pgid, err := syscall.Getpgid(l.PID()); err != nil || pgid != l.PID() {
		t.Errorf("process group %d of process %d: %v", pgid, l.PID(), err)
	}
	if conn, err := net.Dial("tcp", "127.0.0.1:6565"); err == nil {
		conn.Close()
		t.Error("somebody listens on k6's REST port")
	}
	if n := listening(t, l.PID()); n != 0 {
		t.Errorf("k6 listens on %d ports", n)
	}
	l.Stop()
	w, _ := finish(t, l)
	if err := w.Add(first); err != nil {
		t.Fatal(err)
	}
	thresholds, err := l.Wait()
	out := l.Outcome()
	if err != nil || !out.Stopped || out.Exit != 105 {
		t.Errorf("stopped %v with status %d: %v", out.Stopped, out.Exit, err)
	}
	if len(thresholds) != 1 || !thresholds[0].OK {
		t.Errorf("thresholds: %v", thresholds)
	}
	if a.count("GET /teardown") != 1 {
		t.Error("teardown was not called")
	}
	// A request in flight is cut off by k6 and may not be told.
	if got, want := requests(w)["GET /"], a.count("GET /")-1; got < want-2 || got > want {
		t.Errorf("%d requests told, the server counted %d", got, want)
	}
	l.Stop() // after the end it does nothing
}

func TestContextStopsTheLoad(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	o := scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '60s' };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.05); }
`)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := k6.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Kill)
	<-l.Began()
	cancel()
	l.Stop() // what a caller does who has the same context; it must not kill
	finish(t, l)
	if _, err := l.Wait(); err != nil || l.Outcome().Exit != 105 {
		t.Errorf("status %d: %v", l.Outcome().Exit, err)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '60s' };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.05); }
export function teardown() { sleep(60); }
`))
	<-l.Began()
	l.Stop()
	l.Stop()
	finish(t, l)
	if _, err := l.Wait(); err != nil || l.Outcome().Exit != -1 || alive(l.PID()) {
		t.Errorf("status %d: %v", l.Outcome().Exit, err)
	}
}

// TestCrash: a generator that dies takes nobody with it.
func TestCrash(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	l := start(t, scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '60s' };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.05); }
`))
	first := <-l.Ticks()
	if err := syscall.Kill(l.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	finish(t, l)
	_, err := l.Wait()
	if len(first.Endpoints) == 0 || hint.Status(err) != hint.BrokenOff || !strings.Contains(err.Error(), "killed") {
		t.Errorf("first tick %+v; error %v", first, err)
	}
}

func TestParentKilled(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	o := scriptOptions(t, a.URL, `
import http from 'k6/http';
import { sleep } from 'k6';
export const options = { vus: 1, duration: '120s' };
export default function () { http.get(__ENV.TARGET + '/'); sleep(0.02); }
`)
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(os.Args[0])
	p.Env = append(os.Environ(), parentTest+"="+string(b))
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = os.Stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		t.Fatal(err)
	}
	await(t, 30*time.Second, "load", func() bool { return a.count("GET /") > 10 })
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	await(t, 15*time.Second, "the orphan's end", func() bool { return !alive(pid) })
	n := a.count("GET /")
	time.Sleep(300 * time.Millisecond) // nothing to wait for: nothing must come
	if m := a.count("GET /"); m != n {
		t.Errorf("%d requests after the end", m-n)
	}
}

func TestGuardHoldsRedirectsAndOtherHosts(t *testing.T) {
	t.Parallel()
	var outside atomic.Int64
	elsewhere := listen(t, "127.0.0.2:0", func(http.ResponseWriter, *http.Request) { outside.Add(1) })
	six := ""
	if s, err := net.Listen("tcp", "[::1]:0"); err == nil {
		six = "http://" + s.Addr().String()
		go http.Serve(s, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { outside.Add(1) }))
		t.Cleanup(func() { s.Close() })
	}
	a := newApp(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, elsewhere+"/trap", http.StatusFound)
		}
	})
	o := scriptOptions(t, a.URL, `
import http from 'k6/http';
export const options = { vus: 1, iterations: 3, blacklistIPs: ['10.0.0.0/8'] };
export default function () {
  http.get(__ENV.TARGET + '/');
  http.get(__ENV.TARGET + '/away');
  http.get(__ENV.ELSEWHERE + '/direct');
  if (__ENV.SIX) http.get(__ENV.SIX + '/six');
}
`)
	o.Env = map[string]string{"ELSEWHERE": elsewhere, "SIX": six}
	l := start(t, o)
	w, _ := finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := outside.Load(); n != 0 {
		t.Errorf("%d requests got out", n)
	}
	out := l.Outcome()
	where := strings.TrimPrefix(elsewhere, "http://")
	if out.Refused[where] != 6 || !strings.Contains(out.Hint, where) || !strings.Contains(out.Hint, "BASE_URL") {
		t.Errorf("refused %v, hint %q", out.Refused, out.Hint)
	}
	kinds := map[string]int64{}
	for _, e := range w.Endpoints {
		for k, n := range e.Errors {
			kinds[e.Name+": "+k] += n
		}
	}
	want := map[string]int64{"GET /trap: not on the allow-list": 3, "GET /direct: not on the allow-list": 3}
	if six != "" {
		want["GET /six: not on the allow-list"] = 3
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}

	// The same with the host allowed: it is the guard that held them back.
	o.Plan.Limits.Hosts = []string{where}
	finish(t, start(t, o))
	if n := outside.Load(); n != 6 {
		t.Errorf("%d requests got out to an allowed host, want 6", n)
	}
}

func TestRateCeiling(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	o := scriptOptions(t, a.URL, `
import http from 'k6/http';
export const options = { vus: 10, duration: '2s' };
export default function () { http.get(__ENV.TARGET + '/'); }
`)
	o.Plan.Limits.Rate = 50
	finish(t, start(t, o))
	if n := a.count("GET /"); n < 50 || n > 130 {
		t.Errorf("%d requests in 2 s under a ceiling of 50/s", n)
	}
}

func TestScriptsThatAreNotStarted(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	for _, tt := range []struct{ name, script, err, hint string }{
		{"too many users", `export const options = { vus: 30000, duration: '5s' }; export default function () {}`, "virtual users: 30000, the limit is 20000", "lower it"},
		{"too long", `export const options = { vus: 1, duration: '2h' }; export default function () {}`, "duration: 2h0m0s, the limit is 30m0s", "lower it"},
		{"syntax", "export default function () {\n  let = ;\n}", "script.js", "scalecheck k6 inspect"},
		{"exception", "throw new Error('no data file');\nexport default function () {}", "no data file", "script.js:1"},
		{"unknown option", `export const options = { scenarios: { a: { executor: 'nonsense' } } }; export default function () {}`, "nonsense", "scalecheck k6 inspect"},
		{"unknown extension", `import x from 'k6/x/nonsense'; export default function () {}`, "k6/x/nonsense", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := k6.Start(t.Context(), scriptOptions(t, a.URL, tt.script))
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.err)
			}
			if hint.Status(err) != hint.NotStarted || !strings.Contains(hint.Of(err), tt.hint) {
				t.Errorf("status %d, hint %q, want %q in it", hint.Status(err), hint.Of(err), tt.hint)
			}
		})
	}
	o := scriptOptions(t, a.URL, "")
	o.Script = filepath.Join(t.TempDir(), "missing.js")
	if _, err := k6.Start(t.Context(), o); hint.Status(err) != hint.NotStarted || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing script: %v", err)
	}
	if n := a.count(""); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestScriptsThatEndThemselves(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	for _, tt := range []struct {
		name, script, err string
		status            int
		failed            bool
	}{
		{"abort", `import exec from 'k6/execution'; import http from 'k6/http';
			export const options = { vus: 1, duration: '20s' };
			export default function () { http.get(__ENV.TARGET); exec.test.abort('out of data'); }`, "out of data", hint.BrokenOff, false},
		{"fail", `import exec from 'k6/execution'; import http from 'k6/http';
			export const options = { vus: 1, iterations: 1 };
			export default function () { http.get(__ENV.TARGET); exec.test.fail('wrong'); }`, "", hint.Pass, true},
		{"setup throws", `export const options = { vus: 1, iterations: 1 };
			export function setup() { throw new Error('login failed'); }
			export default function () {}`, "login failed", hint.NotStarted, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := start(t, scriptOptions(t, a.URL, tt.script))
			finish(t, l)
			_, err := l.Wait()
			switch {
			case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want %q\n%s", err, tt.err, l.Outcome().Log)
			case hint.Status(err) != tt.status:
				t.Errorf("status %d, want %d: %v", hint.Status(err), tt.status, err)
			}
			if got := l.Outcome().ThresholdsFailed; got != tt.failed {
				t.Errorf("thresholds failed: %v, want %v", got, tt.failed)
			}
		})
	}
}

// TestSummaryOfScript: handleSummary is part of a script that runs unchanged.
func TestSummaryOfScript(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	file := filepath.Join(t.TempDir(), "summary.json")
	o := scriptOptions(t, a.URL, `
import http from 'k6/http';
export const options = { vus: 1, iterations: 2 };
export default function () { http.get(__ENV.TARGET); }
export function handleSummary(data) { return { [__ENV.FILE]: JSON.stringify(data.metrics.http_reqs.values.count) }; }
`)
	o.Env = map[string]string{"FILE": file}
	l := start(t, o)
	finish(t, l)
	if _, err := l.Wait(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "2" {
		t.Errorf("summary %q, %v", b, err)
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listen(t *testing.T, addr string, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}

func await(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within %v", what, d)
		}
	}
}

// alive reports whether the process runs; a zombie does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// listening counts the TCP ports that the process listens on.
func listening(t *testing.T, pid int) (n int) {
	t.Helper()
	sockets := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("descriptors of k6: %v, %d", err, len(fds))
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fd)
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, f := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, f))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if c := strings.Fields(line); len(c) > 9 && c[3] == "0A" && sockets[c[9]] {
				n++
			}
		}
	}
	return n
}
