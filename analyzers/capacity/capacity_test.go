package capacity

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestLaws(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		// Denning & Buzen 1978, section 3: 10 requests a second of 0.09 s each.
		{"utilization", Utilization(10, 0.09, 1), 0.9},
		{"utilization of two", Utilization(10, 0.09, 2), 0.45},
		{"utilization of none", Utilization(10, 0.09, 0), 0},
		{"in flight", InFlight(50, 0.2), 10},
		{"demand", Demand(0.9, 10), 0.09},
		{"demand without traffic", Demand(0.9, 0), 0},
		{"ceiling", Ceiling(0.02, 2), 100},
		{"ceiling without demand", Ceiling(0, 2), 0},
	} {
		if math.Abs(tt.got-tt.want) > 1e-12 {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestNeed(t *testing.T) {
	// The sample sizes below which a quantile has no 95 % upper bound.
	for _, tt := range []struct {
		quantile float64
		want     int64
	}{{0.9, 29}, {0.95, 59}, {0.99, 299}, {0.999, 2995}} {
		if got := need(1 - tt.quantile); got != tt.want {
			t.Errorf("need(%v) = %d, want %d", 1-tt.quantile, got, tt.want)
		}
	}
}

func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		k, n int64
		p    float64
		want float64
	}{
		{0, 10, 0.05, 1},
		{1, 1, 0.05, 0.05},
		{2, 2, 0.05, 0.0025},
		{1, 10, 0.5, 1 - 1.0/1024},
		{11, 10, 0.5, 0},
	} {
		if got := atLeast(tt.k, tt.n, tt.p); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("atLeast(%d, %d, %v) = %v, want %v", tt.k, tt.n, tt.p, got, tt.want)
		}
	}
}

func latencies(fast, slow int64) *evidence.Histogram {
	h := evidence.NewHistogram()
	h.RecordN(10*time.Millisecond, fast)
	h.RecordN(900*time.Millisecond, slow)
	return h
}

func TestJudge(t *testing.T) {
	p95 := scenarios.Objective{Quantile: 0.95, Limit: 0.3}
	errors := scenarios.Objective{Errors: 0.01}
	for _, tt := range []struct {
		name               string
		objective          scenarios.Objective
		fast, slow, failed int64
		want               Status
	}{
		{"all fast", p95, 100, 0, 0, Met},
		{"all fast but few", p95, 20, 0, 0, TooFew},
		{"nothing", p95, 0, 0, 0, Unmeasured},
		{"one slow of a hundred", p95, 99, 1, 0, Met},
		{"clearly slow", p95, 80, 20, 0, Missed},
		{"five of five slow", p95, 0, 5, 0, Missed},
		{"one of one slow is luck", p95, 0, 1, 0, TooFew},
		{"six of a hundred could be luck", p95, 94, 6, 0, Boundary},
		{"fast failures are not fast", p95, 100, 0, 20, Missed},
		{"one error of a thousand", errors, 1000, 0, 1, Met},
		{"one error in twenty", errors, 1000, 0, 50, Missed},
		{"all refused", errors, 100, 0, 100, Missed},
	} {
		e := evidence.Endpoint{Requests: tt.fast + tt.slow, Failed: tt.failed, Latency: latencies(tt.fast, tt.slow)}
		if got := judge(tt.objective, e); got.Status != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Status, tt.want)
		}
	}
}

// A request that failed was not answered in no time.
func TestQuantileOfFailures(t *testing.T) {
	for _, tt := range []struct {
		name           string
		answered, fail int64
		want           float64
	}{
		{"none failed", 100, 0, 0.01},
		{"one in a hundred failed", 99, 1, 0.01},
		{"five in a hundred failed", 95, 5, 0.01},
		{"six in a hundred failed", 94, 6, math.Inf(1)},
		{"all failed", 0, 100, math.Inf(1)},
		{"nothing was requested", 0, 0, 0},
	} {
		e := evidence.Endpoint{Requests: tt.answered + tt.fail, Failed: tt.fail, Latency: latencies(tt.answered, 0)}
		got := judge(scenarios.Objective{Quantile: 0.95, Limit: 0.3}, e)
		close := got.Got == tt.want || math.Abs(got.Got-tt.want) < 0.0002 // two digits
		if !close || got.Failed != tt.fail {
			t.Errorf("%s: p95 is %v, want %v (%+v)", tt.name, got.Got, tt.want, got)
		}
	}
}

// busy is a step in which a statement waits for a lock, the processors are full
// and the pool is empty.
func busy() *evidence.Run {
	slow := evidence.NewHistogram()
	slow.RecordN(500*time.Millisecond, 1000)
	return &evidence.Run{
		Plan: scenarios.Plan{Kind: scenarios.Journeys, Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}}},
		Footprints: []evidence.Footprint{
			{Endpoint: "GET /a", Seconds: 0.02, AppCPU: 0.002, Statements: []evidence.FootprintStatement{{ID: "1", Calls: 2}}},
			{Endpoint: "GET /b", Seconds: 0.4, AppCPU: 0.001, Statements: []evidence.FootprintStatement{{ID: "1", Calls: 1}, {ID: "2", Calls: 1}},
				Calls: []evidence.FootprintCall{{Dependency: "smtp", Calls: 1, Seconds: 0.38, Every: true}}},
		},
		Windows: []evidence.Window{{
			Phase: evidence.Measure, Length: 20, Users: 100,
			Endpoints: []evidence.Endpoint{
				{Name: "GET /a", Requests: 1000, Latency: slow}, {Name: "GET /b", Requests: 1000, Latency: slow},
			},
			Statements: []evidence.Statement{{ID: "1", Calls: 3000}, {ID: "2", Calls: 1000}, {ID: "3", Calls: 500}},
			Sessions: &evidence.SessionStats{Samples: 400, Planned: 400, Activity: []evidence.Activity{
				{Statement: "1", State: "active", Backend: "client backend", Application: "web", AAS: 6},
				{Statement: "1", State: "active", Backend: "parallel worker", AAS: 2},
				{Statement: "2", State: "active", WaitClass: "Lock", WaitEvent: "transactionid", Backend: "client backend", Application: "web", AAS: 4},
				{Statement: "2", State: "idle in transaction", WaitClass: "Client", Backend: "client backend", Application: "web", AAS: 1},
				{Statement: "3", State: "active", Backend: "client backend", Application: "worker", AAS: 1},
				{State: "active", WaitClass: "IO", Backend: "autovacuum worker", AAS: 1},
			}},
			Calls: []evidence.Call{{Dependency: "smtp", Count: 1500, Seconds: 600}},
			Pools: []evidence.PoolStats{{Name: "web", Max: 20, InUse: 20, Wait: 100}},
			Processes: []evidence.Process{
				{Role: evidence.App, Run: 10, Queue: 20}, {Role: evidence.Postgres, Run: 28, Queue: 84}, {Role: evidence.LoadGen, Run: 1},
			},
			Host: &evidence.Host{Cores: 2, Busy: 39},
		}},
	}
}

// The ledger is additive: whatever is measured, its parts and what nobody
// measured add up to the requests in flight.
func TestLedgerAddsUp(t *testing.T) {
	runs := map[string]*evidence.Run{"busy": busy(), "no footprints": busy(), "nothing but latency": busy(), "more sampled than there is": busy()}
	runs["no footprints"].Footprints = nil
	w := &runs["nothing but latency"].Windows[0]
	w.Sessions, w.Calls, w.Pools, w.Processes, w.Host, w.Statements = nil, nil, nil, nil, nil, nil
	for i := range runs["more sampled than there is"].Windows[0].Sessions.Activity {
		runs["more sampled than there is"].Windows[0].Sessions.Activity[i].AAS *= 50
	}
	for name, r := range runs {
		m, err := Fit(r)
		if err != nil {
			t.Fatal(err)
		}
		s := m.Steps[0]
		var sum float64
		for _, e := range s.Ledger.Time {
			if e.Amount < 0 {
				t.Errorf("%s: %v is negative", name, e)
			}
			sum += e.Amount
		}
		if math.Abs(sum-s.InFlight) > 1e-6*s.InFlight {
			t.Errorf("%s: the ledger holds %v requests, %v are in flight", name, sum, s.InFlight)
		}
		stations := s.Unattributed
		for _, st := range s.Stations {
			stations += st.Load
		}
		if math.Abs(stations-s.InFlight) > 1e-6*s.InFlight {
			t.Errorf("%s: stations hold %v requests, %v are in flight", name, stations, s.InFlight)
		}
	}
}

func TestLedger(t *testing.T) {
	m, err := Fit(busy())
	if err != nil {
		t.Fatal(err)
	}
	s := m.Steps[0]
	at := func(es []Entry, f func(Key) bool) (sum float64) {
		for _, e := range es {
			if f(e.Key) {
				sum += e.Amount
			}
		}
		return sum
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.05*math.Max(want, 0.1) {
			t.Errorf("%s = %.3f, want %.3f", what, got, want)
		}
	}
	// Statement 1 was "not waiting" in 6 sessions; schedstat says that three
	// quarters of that was waiting for a processor.
	near("statement 1 on a processor", at(s.Ledger.Time, func(k Key) bool { return k.Class == ClassCPU && k.Statement == "1" }), 1.5)
	near("statement 1 in the queue", at(s.Ledger.Time, func(k Key) bool { return k.Class == ClassQueue && k.Statement == "1" }), 4.5)
	near("statement 2 at the lock", at(s.Ledger.Time, func(k Key) bool { return k.Class == ClassLock }), 4)
	// 1,000 requests of b sent 1,000 mails of 0.4 s; the other 500 were jobs'.
	near("mail", at(s.Ledger.Time, func(k Key) bool { return k.Dependency == "smtp" }), 20)
	near("mail by jobs", at(s.Ledger.Background, func(k Key) bool { return k.Dependency == "smtp" }), 10)
	// The worker's statement and autovacuum are nobody's request.
	near("the worker's statement", at(s.Ledger.Time, func(k Key) bool { return k.Statement == "3" }), 0)
	near("in the background", at(s.Ledger.Background, func(k Key) bool { return k.Dependency == "" }), 2)
	// Twice as many calls of statement 1 come from a as from b.
	a := at(s.Ledger.CPU, func(k Key) bool { return k.Statement == "1" && k.Endpoint == "GET /a" })
	b := at(s.Ledger.CPU, func(k Key) bool { return k.Statement == "1" && k.Endpoint == "GET /b" })
	near("statement 1's processor time by a and b", a/b, 2)
}

// An application that sends what requests send serves them, though most of its time
// goes into a statement that no request sent when it was alone.
func TestStatementThatNoFootprintHolds(t *testing.T) {
	r := busy()
	sessions := r.Windows[0].Sessions
	sessions.Activity = append(sessions.Activity, evidence.Activity{
		Statement: "fill", State: "active", WaitClass: "IO", WaitEvent: "BufFileRead", Backend: "client backend", Application: "web", AAS: 200,
	})
	m, err := Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Steps[0]; s.ByClass("fill")[ClassIO] == 0 || s.ByClass("3")[ClassCPU] > 0 {
		t.Errorf("requests spend %v in the web's statement and %v in the worker's; want some and none", s.ByClass("fill"), s.ByClass("3"))
	}
}

// A full pool and a full machine are pushed down to who holds them.
func TestBlame(t *testing.T) {
	m, err := Fit(busy())
	if err != nil {
		t.Fatal(err)
	}
	s := &m.Steps[0]
	all := s.Blame(func(Key) float64 { return 1 })
	if all.Share < 0.9 || all.Share > 1.0001 {
		t.Errorf("everything together is responsible for %.2f of the slow requests", all.Share)
	}
	one := s.Blame(func(k Key) float64 {
		if k.Statement == "1" {
			return 1
		}
		return 0
	})
	direct := s.ByClass("1")[ClassCPU]
	if one.Load <= direct {
		t.Errorf("statement 1 is charged with %.2f requests, no more than the %.2f that are in it", one.Load, direct)
	}
	if nobody := s.Blame(func(Key) float64 { return 0 }); nobody.Load != 0 {
		t.Errorf("nobody is charged with %.2f requests", nobody.Load)
	}
}

// Where nothing but a path misses its objective, its endpoints are what is to be
// explained: what holds up others is no cause of that.
func TestMissedPath(t *testing.T) {
	r := busy()
	r.Plan.Objectives = []scenarios.Objective{{Endpoint: "open b", Quantile: 0.95, Limit: 0.3}}
	r.Plan.Paths = []scenarios.Path{{Name: "open b", Endpoints: []string{"GET /b"}}}
	slow := evidence.NewHistogram()
	slow.RecordN(700*time.Millisecond, 500)
	r.Windows[0].Paths = []evidence.PathTime{{Name: "open b", Walked: 500, Latency: slow}}
	m, err := Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Step()
	if s.Status != Missed {
		t.Fatalf("the step is %q, want it missed by its path", s.Status)
	}
	smtp := func(k Key) float64 {
		if k.Dependency == "smtp" {
			return 1
		}
		return 0
	}
	mail := s.Blame(smtp).Share
	r.Plan.Paths[0].Endpoints = []string{"GET /a", "GET /b"}
	if m, err = Fit(r); err != nil {
		t.Fatal(err)
	}
	if both := m.Step().Blame(smtp).Share; both <= 0 || both >= mail {
		t.Errorf("mail explains %.2f of a path through both endpoints, %.2f of the one that sends it", both, mail)
	}
}

func TestSameRunSameModel(t *testing.T) {
	first, err := Fit(busy())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := Fit(busy())
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range first.Steps[0].Ledger.Time {
			if again.Steps[0].Ledger.Time[i] != e {
				t.Fatalf("entry %d: %v, then %v", i, e, again.Steps[0].Ledger.Time[i])
			}
		}
	}
}

func TestGates(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*evidence.Run)
		gate   string // that must not hold; empty: all hold
	}{
		{"sound", func(*evidence.Run) {}, ""},
		{"short", func(r *evidence.Run) { r.Windows[0].Length = 5 }, "duration"},
		{"dropped", func(r *evidence.Run) {
			r.Plan.Objectives[0].Limit = 5 // of a miss, fewer sessions are no excuse
			r.Windows[0].Generator = evidence.Generator{Offered: 100, Sessions: 90, Dropped: 10}
		}, "workload"},
		{"generator takes the machine", func(r *evidence.Run) { r.Windows[0].Processes[2].Run = 25 }, "generator"},
		{"neighbour", func(r *evidence.Run) { r.Windows[0].Host.Foreign = 8 }, "host"},
		{"refused", func(r *evidence.Run) {
			r.Windows[0].Endpoints[0].Statuses, r.Windows[0].Endpoints[0].Failed = map[int]int64{429: 500}, 500
		}, "workload"},
		{"all failed", func(r *evidence.Run) {
			for i := range r.Windows[0].Endpoints {
				r.Windows[0].Endpoints[i].Failed = 1000
			}
		}, "workload"},
		{"samples missed", func(r *evidence.Run) { r.Windows[0].Sessions.Samples = 100 }, "statistics"},
		{"reset", func(r *evidence.Run) { r.Windows[0].Caveats = []string{evidence.StatisticsBroken + "reset"} }, "statistics"},
	} {
		r := busy()
		tt.change(r)
		m, err := Fit(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range m.Gates {
			if g.OK == (g.Name == tt.gate) {
				t.Errorf("%s: gate %s holds: %v (%s)", tt.name, g.Name, g.OK, g.Reason)
			}
		}
	}
}

// The lightest step is dear: what runs anyway is shared by few requests. Its
// demand would put the ceiling at 50 requests a second, of which 80 were answered.
func TestCeilingIsAboveWhatWasAnswered(t *testing.T) {
	r := &evidence.Run{Plan: scenarios.Plan{Kind: scenarios.Journeys}}
	for i, requests := range []int64{200, 1600} {
		r.Windows = append(r.Windows, evidence.Window{
			Phase: evidence.Measure, Step: i, Length: 20, Users: float64(10 * (i + 1)),
			Endpoints: []evidence.Endpoint{{Name: "GET /", Requests: requests, Latency: latencies(requests, 0)}},
			Processes: []evidence.Process{{Role: evidence.App, Run: []float64{8, 24}[i]}},
			Host:      &evidence.Host{Cores: 2},
		})
	}
	m, err := Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 / (24.0 / 1600); math.Abs(m.Knee.Ceiling-want) > 0.1 {
		t.Errorf("ceiling %.1f/s, want %.1f/s", m.Knee.Ceiling, want)
	}
}

// Counters that were reset say nothing, and so does a verdict about them.
func TestBrokenStatistics(t *testing.T) {
	r := busy()
	r.Windows[0].Caveats = []string{evidence.StatisticsBroken + "statements: somebody reset pg_stat_statements"}
	m, err := Fit(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range m.Gates {
		if g.Name == "statistics" && (g.OK || !strings.Contains(g.Reason, "somebody reset")) {
			t.Errorf("%+v", g)
		}
	}
}

func TestBlocking(t *testing.T) {
	call := func(name string, seconds float64, every bool) evidence.FootprintCall {
		return evidence.FootprintCall{Dependency: name, Calls: 1, Seconds: seconds, Every: every}
	}
	for _, tt := range []struct {
		name    string
		seconds float64
		calls   []evidence.FootprintCall
		want    []string
	}{
		{"one that fits", 0.47, []evidence.FootprintCall{call("smtp", 0.45, true)}, []string{"smtp"}},
		{"one after the other", 0.75, []evidence.FootprintCall{call("crm", 0.25, true), call("smtp", 0.45, true)}, []string{"crm", "smtp"}},
		{"the job behind the request calls the other", 0.47, []evidence.FootprintCall{call("crm", 0.25, true), call("smtp", 0.45, true)}, []string{"smtp"}},
		{"a job longer than the request", 0.02, []evidence.FootprintCall{call("smtp", 0.45, true)}, nil},
		{"a job now and then", 0.47, []evidence.FootprintCall{call("smtp", 0.45, false), call("crm", 0.25, true)}, []string{"crm"}},
	} {
		var got []string
		for _, c := range tt.calls {
			if Blocking(evidence.Footprint{Seconds: tt.seconds, Calls: tt.calls}, c.Dependency) > 0 {
				got = append(got, c.Dependency)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: waits for %v, want %v", tt.name, got, tt.want)
		}
	}
}
