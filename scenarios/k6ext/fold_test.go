package k6ext

import (
	"fmt"
	"maps"
	"math"
	"testing"
	"time"

	"go.k6.io/k6/lib/netext/httpext"
	"go.k6.io/k6/metrics"
	"gopkg.in/guregu/null.v3"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/engine"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func answered(endpoint string, end time.Time, d time.Duration) *events {
	return of(engine.Result{Endpoint: endpoint, Method: "GET", Intended: end.Add(-d), Start: end.Add(-d), End: end, Status: 200})
}

func of(r engine.Result) *events { return &events{results: []engine.Result{r}, at: r.Intended} }

// drainAll cuts all that is over at now, as the output does.
func drainAll(f *fold, now time.Time, last bool) (ticks []evidence.Tick) {
	for {
		tick, s, ok := f.cut(now, last)
		if !ok {
			return ticks
		}
		// The histograms go back to the fold; the counts are ours.
		for i := range tick.Endpoints {
			tick.Endpoints[i].Errors = maps.Clone(tick.Endpoints[i].Errors)
		}
		ticks = append(ticks, tick)
		f.recycle(s)
	}
}

func completed(ticks []evidence.Tick) (n []int64) {
	for _, t := range ticks {
		n = append(n, t.Generator.Completed)
	}
	return n
}

func TestFoldBySecond(t *testing.T) {
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	f := newFold()
	if ticks := drainAll(f, at(5000), false); len(ticks) != 0 {
		t.Errorf("%d ticks before the load", len(ticks))
	}
	f.add([]metrics.SampleContainer{begin{t0}, answered("a", at(100), 50*time.Millisecond), answered("a", at(2500), time.Second), answered("a", at(900), time.Second)})
	if ticks := drainAll(f, at(1100), false); len(ticks) != 0 {
		t.Errorf("%d ticks inside the grace", len(ticks))
	}
	if got := completed(drainAll(f, at(2300), false)); fmt.Sprint(got) != "[2 0]" {
		t.Errorf("completed %v, want 2, then a silent second", got)
	}
	// The first two seconds are gone; what comes for them counts in the third.
	f.add([]metrics.SampleContainer{answered("a", at(500), 0), answered("a", at(1999), 0), end{at(2600)}})
	last := drainAll(f, at(2700), true)
	if got := completed(last); fmt.Sprint(got) != "[3]" {
		t.Errorf("completed %v, want [3]", got)
	}
	if got := float64(last[0].Length); got < 0.699 || got > 0.701 || !last[0].Alive {
		t.Errorf("last second: %v long, alive %v", got, last[0].Alive)
	}
}

// A request without an answer is told of in each second that it outlasts, and no
// longer when it has ended.
func TestFoldPending(t *testing.T) {
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	start := func(user, ms int) *events {
		return &events{at: at(ms), starts: []engine.Start{{Endpoint: "a", At: at(ms), Intended: at(ms), User: user}}}
	}
	end := func(user, from, to int) *events {
		return &events{at: at(to), results: []engine.Result{{Endpoint: "a", Intended: at(from), Start: at(from), End: at(to), User: user, Status: 200}}}
	}
	f := newFold()
	f.add([]metrics.SampleContainer{
		begin{t0}, start(1, 100),
		// Answered in the next second, before this one is closed.
		start(2, 500), end(2, 500, 1100),
		// Too young at its end.
		start(3, 950),
		// Answered, and its user has begun the next one.
		start(4, 200), start(4, 400), end(4, 200, 300),
	})
	type told struct {
		ended, pending int64
		oldest         float64
	}
	tell := func(ms int) (out told) {
		tick, s, ok := f.cut(at(ms), false)
		if !ok {
			t.Fatalf("no tick at %d ms", ms)
		}
		for _, e := range tick.Endpoints {
			out.ended += e.Requests
			out.pending += e.Pending.Count()
			out.oldest = max(out.oldest, e.Pending.Max())
		}
		f.recycle(s)
		return out
	}
	near := func(got, want told) bool {
		return got.ended == want.ended && got.pending == want.pending && math.Abs(got.oldest-want.oldest) <= 0.02
	}
	if got, want := tell(1300), (told{1, 3, 0.9}); !near(got, want) {
		t.Errorf("first second: %+v, want %+v", got, want)
	}
	f.add([]metrics.SampleContainer{end(1, 100, 1500), end(3, 950, 1990)})
	if got, want := tell(2300), (told{3, 1, 1.6}); !near(got, want) {
		t.Errorf("second: %+v, want %+v", got, want)
	}
	f.add([]metrics.SampleContainer{end(4, 400, 2100)})
	if got, want := tell(3300), (told{1, 0, 0}); !near(got, want) {
		t.Errorf("third: %+v, want %+v", got, want)
	}
	if len(f.flights) != 0 {
		t.Errorf("%d requests are still under way", len(f.flights))
	}
}

func TestFoldIsEmptyAfterATick(t *testing.T) {
	f := newFold()
	f.add([]metrics.SampleContainer{begin{t0}, of(engine.Result{Endpoint: "a", Intended: t0, Start: t0, End: t0, Err: "timeout"})})
	drainAll(f, t0.Add(2*time.Second), false)
	f.add([]metrics.SampleContainer{answered("b", t0.Add(1500*time.Millisecond), 0)})
	tick, s, ok := f.cut(t0.Add(3*time.Second), false)
	if !ok || len(tick.Endpoints) != 1 {
		t.Fatalf("tick %+v", tick)
	}
	if e := tick.Endpoints[0]; e.Name != "b" || e.Requests != 1 || e.Failed != 0 || e.Errors != nil || e.Latency.Count() != 1 {
		t.Errorf("second tick has %+v", e)
	}
	f.recycle(s)
}

// TestFoldWhenNobodyReads: seconds are not piled up for a reader who is gone.
func TestFoldWhenNobodyReads(t *testing.T) {
	f := newFold()
	f.add([]metrics.SampleContainer{begin{t0}})
	for i := range 1000 {
		f.add([]metrics.SampleContainer{answered("a", t0.Add(time.Duration(i)*time.Second), 0)})
	}
	if len(f.open) > openSeconds {
		t.Errorf("%d seconds are open", len(f.open))
	}
	var sum int64
	for _, n := range completed(drainAll(f, t0.Add(1000*time.Second), true)) {
		sum += n
	}
	if sum != 1000 {
		t.Errorf("%d requests came out of 1000", sum)
	}
}

func TestFoldIsBounded(t *testing.T) {
	f := newFold()
	reg := metrics.NewRegistry()
	tags := reg.RootTagSet()
	checks := metrics.RegisterBuiltinMetrics(reg).Checks
	f.add([]metrics.SampleContainer{begin{t0}})
	const n = 20_000
	for i := range n {
		ts := tags.With("name", fmt.Sprintf("page %d", i)).With("status", "500").With("error_code", "1500").With("method", "GET")
		tr := &httpext.Trail{EndTime: t0, Tags: ts, Failed: null.BoolFrom(true)}
		c := metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: checks, Tags: tags.With("check", fmt.Sprint(i))}, Time: t0}
		f.add([]metrics.SampleContainer{tr, c, of(engine.Result{
			Endpoint: "x", Intended: t0, Start: t0, End: t0, Err: fmt.Sprintf("error %d", i),
		})})
	}
	if len(f.name) > maxEndpoints+1 || len(f.ids) > maxEndpoints+1 || len(f.about) > maxTagSets || len(f.checks) > maxKinds+1 {
		t.Errorf("kept %d endpoints, %d tag sets, %d checks", len(f.name), len(f.about), len(f.checks))
	}
	tick := drainAll(f, t0.Add(2*time.Second), false)[0]
	var total, rest int64
	for _, e := range tick.Endpoints {
		total += e.Requests
		if e.Name == other {
			rest = e.Requests
		}
		if len(e.Errors) > maxKinds+1 {
			t.Errorf("%s: %d kinds of errors", e.Name, len(e.Errors))
		}
		var errs int64
		for _, c := range e.Errors {
			errs += c
		}
		if errs != e.Failed || e.Failed != e.Requests {
			t.Errorf("%s: %d requests, %d failed, %d errors", e.Name, e.Requests, e.Failed, errs)
		}
	}
	if total != 2*n || rest < n-maxEndpoints {
		t.Errorf("%d requests, %d of them under %q", total, rest, other)
	}
}

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		code, status            int
		message, expected, want string
	}{
		{0, 200, "", "true", ""},
		{1404, 404, "", "false", "status 404"},
		{1503, 503, "", "false", "status 503"},
		{0, 200, "", "false", "status 200"}, // the script expects another
		{1050, 0, "request timeout", "false", "timeout"},
		{1211, 0, "dial: i/o timeout", "false", "connect timeout"},
		{1212, 0, "dial: connection refused", "false", "connection refused"},
		{1110, 0, "ip is blacklisted", "false", "not on the allow-list"},
		{1220, 0, "read: connection reset by peer", "false", "connection reset"},
		{1000, 0, "EOF", "false", "connection closed"},
		{1310, 0, "x509: unknown authority", "false", "tls"},
		{1000, 0, "something at 10.0.0.1:4711", "false", "error 1000"},
		{0, 0, "", "", "no answer"},
	} {
		if got := kind(tt.code, tt.status, tt.message, tt.expected); got != tt.want {
			t.Errorf("kind(%d, %d, %q) = %q, want %q", tt.code, tt.status, tt.message, got, tt.want)
		}
	}
}

func TestSetupAndTeardownAreNoLoad(t *testing.T) {
	f := newFold()
	tags := metrics.NewRegistry().RootTagSet().With("name", "http://h/x").With("method", "GET").With("status", "200")
	trail := func(group string, at time.Time) *httpext.Trail {
		return &httpext.Trail{EndTime: at, Tags: tags.With("group", group), Failed: null.BoolFrom(false)}
	}
	f.add([]metrics.SampleContainer{trail("::setup", t0), trail("::setup::login", t0)})
	if !f.start.IsZero() {
		t.Error("setup() began the load")
	}
	f.add([]metrics.SampleContainer{trail("", t0), trail("::setupstairs", t0), trail("::teardown", t0.Add(1500*time.Millisecond))})
	ticks := drainAll(f, t0.Add(4*time.Second), false)
	if got := completed(ticks); fmt.Sprint(got) != "[2 0 0]" {
		t.Errorf("completed %v, want [2 0 0]", got)
	}
	if !ticks[0].Alive || !ticks[1].Alive || ticks[2].Alive {
		t.Errorf("alive: %v %v %v", ticks[0].Alive, ticks[1].Alive, ticks[2].Alive)
	}
}

// Requests count where they start and where they end; what is due, where it
// waits. Nothing gets lost.
func TestFoldKeepsAccounts(t *testing.T) {
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	f := newFold()
	f.add([]metrics.SampleContainer{
		begin{t0},
		&events{at: at(100), offered: 5, starts: []engine.Start{{At: at(90), Intended: at(40), New: true}, {At: at(95), Intended: at(95), New: true}}},
		&events{at: at(1200), dropped: 1, starts: []engine.Start{{At: at(1100), Intended: at(100), New: true}}},
		answered("a", at(1300), 1200*time.Millisecond),
		of(engine.Result{Endpoint: "a", Intended: at(95), Start: at(95), End: at(1400), Err: "timeout"}),
		&events{at: at(1400), passages: []engine.Passage{
			{Path: "p", End: at(1400), Latency: 2 * time.Second}, {Path: "p", End: at(1400), Latency: time.Second, Failed: true},
		}},
	})
	ticks := drainAll(f, at(2300), false)
	if len(ticks) != 2 {
		t.Fatalf("%d ticks", len(ticks))
	}
	a, b := ticks[0].Generator, ticks[1].Generator
	if a.Offered != 5 || a.Sessions != 2 || a.Started != 2 || a.Completed != 0 || a.Waiting != 3 || a.Dropped != 0 {
		t.Errorf("first second: %+v", a)
	}
	if b.Offered != 0 || b.Sessions != 1 || b.Started != 1 || b.Completed != 2 || b.Waiting != 1 || b.Dropped != 1 {
		t.Errorf("second second: %+v", b)
	}
	if len(ticks[1].Paths) != 1 || ticks[1].Paths[0].Walked != 2 || ticks[1].Paths[0].Failed != 1 {
		t.Errorf("paths %+v", ticks[1].Paths)
	}
}

// A target that refuses is not fast, and one that times out not slow: what
// failed is in no percentile of what did not.
func TestFoldKeepsFailuresApart(t *testing.T) {
	f := newFold()
	f.add([]metrics.SampleContainer{begin{t0}})
	for i := range 100 {
		end := t0.Add(time.Duration(i) * time.Millisecond)
		f.add([]metrics.SampleContainer{
			answered("a", end, 200*time.Millisecond),
			of(engine.Result{Endpoint: "a", Intended: end, Start: end, End: end.Add(100 * time.Microsecond), Err: "connection refused"}),
		})
	}
	tick, s, ok := f.cut(t0.Add(2*time.Second), false)
	if !ok {
		t.Fatal("no tick")
	}
	e := tick.Endpoints[0]
	if e.Requests != 200 || e.Failed != 100 || e.Latency.Count() != 100 || e.FailedLatency.Count() != 100 {
		t.Errorf("%+v", e)
	}
	if p5, worst := e.Latency.Quantile(0.05), e.FailedLatency.Max(); p5 < 0.19 || worst > 0.01 {
		t.Errorf("p5 of answers %v s, slowest failure %v s", p5, worst)
	}
	if all := e.Mean(); all < 0.099 || all > 0.102 {
		t.Errorf("mean %v s, want 0.1", all)
	}
	f.recycle(s)
	f.add([]metrics.SampleContainer{answered("a", t0.Add(1500*time.Millisecond), 0)})
	if tick, _, _ := f.cut(t0.Add(3*time.Second), false); tick.Endpoints[0].FailedLatency != nil {
		t.Error("the next second has failures")
	}
}

func BenchmarkFold(b *testing.B) {
	f := newFold()
	f.add([]metrics.SampleContainer{begin{t0}})
	tags := metrics.NewRegistry().RootTagSet().With("name", "http://h/x").With("method", "GET").With("status", "200")
	for _, bb := range []struct {
		name string
		c    metrics.SampleContainer
	}{
		{"request", answered("GET /x", t0, time.Millisecond)},
		{"trail", &httpext.Trail{EndTime: t0, Duration: time.Millisecond, Tags: tags, Failed: null.BoolFrom(false)}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			s := []metrics.SampleContainer{bb.c}
			for b.Loop() {
				f.add(s)
			}
		})
	}
}
