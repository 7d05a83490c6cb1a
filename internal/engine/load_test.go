package engine

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

func TestDrawIsStratified(t *testing.T) {
	for _, shares := range [][]float64{
		{1}, {0.5, 0.5}, {0.46, 0.14, 0.06, 0.34}, {0.9, 0.05, 0.03, 0.02}, {1. / 3, 1. / 3, 1. / 3}, {0.999, 0.001},
		{0.11, 0.13, 0.17, 0.19, 0.05, 0.35},
	} {
		var personas []scenarios.Persona
		for _, s := range shares {
			personas = append(personas, scenarios.Persona{Share: s})
		}
		d := newDraw(personas, [2]float64{})
		had := make([]float64, len(shares))
		for n := 1; n <= 5000; n++ {
			number, p := d.next()
			if number != n {
				t.Fatalf("number %d, want %d", number, n)
			}
			had[p]++
			for i, s := range shares {
				if off := had[i] - s*float64(n); math.Abs(off) >= 1 {
					t.Fatalf("shares %v: after %d sessions persona %d has %v, want %v ± 1", shares, n, i, had[i], s*float64(n))
				}
			}
		}
	}
}

// Every session is of exactly one segment, and each segment has its share.
func TestSegments(t *testing.T) {
	personas := []scenarios.Persona{{Share: 0.7}, {Share: 0.3}}
	all := newDraw(personas, [2]float64{})
	want := map[int]int{}
	for range 3000 {
		n, p := all.next()
		want[n] = p
	}
	for _, cuts := range [][]float64{{0, 1}, {0, 0.5, 1}, {0, 1. / 3, 2. / 3, 1}, {0, 0.1, 0.15, 0.9, 1}} {
		owner := map[int]int{}
		for i := range len(cuts) - 1 {
			d := newDraw(personas, [2]float64{cuts[i], cuts[i+1]})
			had := 0.0
			for {
				n, p := d.nextOwn(0)
				if n > 3000 {
					break
				}
				had++
				if _, ok := owner[n]; ok {
					t.Errorf("cuts %v: session %d has two owners", cuts, n)
				}
				owner[n] = i
				if p != want[n] {
					t.Errorf("cuts %v: session %d is of persona %d, and %d in one process", cuts, n, p, want[n])
				}
			}
			if share := had / 3000; math.Abs(share-d.share()) > 0.002 {
				t.Errorf("cuts %v: segment %d has %.4f of the sessions, want %.4f", cuts, i, share, d.share())
			}
		}
		if len(owner) != 3000 {
			t.Errorf("cuts %v: %d of 3000 sessions have an owner", cuts, len(owner))
		}
	}
}

// Two processes make the load of one: the same arrivals, the same requests.
func TestSegmentsRun(t *testing.T) {
	target := serve(t, ok)
	s := one(t, "get: /")
	users := func(segments ...[2]float64) []int {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var all []int
		for _, g := range segments {
			wg.Go(func() {
				r := &recorder{}
				p := plan(target, scenarios.Stage{Rate: 150, Settle: 0.1, Measure: 0.9})
				if err := Run(t.Context(), Options{Scenario: s, Plan: p, Segment: g}, r); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, x := range r.results {
					all = append(all, x.User)
				}
			})
		}
		wg.Wait()
		slices.Sort(all)
		return all
	}
	alone := users([2]float64{})
	for _, segments := range [][][2]float64{{{0, 0.5}, {0.5, 1}}, {{0, 1. / 3}, {1. / 3, 2. / 3}, {2. / 3, 1}}} {
		if got := users(segments...); !slices.Equal(got, alone) {
			t.Errorf("%v: %d users, alone %d", segments, len(got), len(alone))
		}
	}
}

func TestClosedLoadHoldsUsers(t *testing.T) {
	target := serve(t, ok)
	s := parse(t, "endpoints:\n  x: { get: /, think: { exponential: 100ms } }\npersonas:\n  p: { share: 1, journey: { x: { to: { x: .5, end: .5 } } } }\n")
	attempts(t, func() error {
		begin := time.Now()
		r := drive(t, s, plan(target,
			scenarios.Stage{Users: 10, Settle: 0.4, Measure: 0.8},
			scenarios.Stage{Users: 25, Settle: 0.4, Measure: 0.8}))
		sessions := map[int]bool{}
		for _, x := range r.results {
			sessions[x.User] = true
		}
		if news := r.count(func(x Result) bool { return x.New }); news != len(sessions) || news < 40 {
			t.Errorf("%d first requests, %d sessions", news, len(sessions))
		}
		if most := slices.Max(r.active); most != 25 {
			t.Errorf("at most %d users were active, want 25", most)
		}
		// A successor takes over without a gap: until all leave, the number only
		// grows.
		top := slices.Index(r.active, 25)
		for i, n := range r.active[:top+1] {
			if n != i+1 {
				t.Errorf("active users went %v", r.active[:top+1])
				break
			}
		}
		perSecond := func(from, to time.Duration) float64 {
			n := r.count(func(x Result) bool { d := x.Intended.Sub(begin); return d >= from && d < to })
			return float64(n) / (to - from).Seconds()
		}
		low, high := perSecond(400*time.Millisecond, 1200*time.Millisecond), perSecond(1600*time.Millisecond, 2400*time.Millisecond)
		if low < 65 || low > 125 || high < 170 || high > 300 {
			return fmt.Errorf("%.0f and %.0f requests/s, want about 100 and 250", low, high)
		}
		return nil
	})
}

// Arrivals are random: as many as the rate says, and gaps as of a Poisson
// process (a metronome's have a squared coefficient of variation of 0).
func TestOpenLoadIsPoisson(t *testing.T) {
	target := serve(t, ok)
	r := drive(t, one(t, "get: /"), plan(target, scenarios.Stage{Rate: 400, Settle: 1, Measure: 2}))
	n := len(r.results)
	if want := 1200.0; math.Abs(float64(n)-want) > 3*math.Sqrt(want) {
		t.Errorf("%d sessions, want 1200 ± 104", n)
	}
	var at []float64
	for _, x := range r.results {
		at = append(at, float64(x.Intended.UnixNano()))
	}
	slices.Sort(at)
	var sum, squares float64
	for i := 1; i < len(at); i++ {
		gap := at[i] - at[i-1]
		sum += gap
		squares += gap * gap
	}
	mean := sum / float64(n-1)
	if cv2 := squares/float64(n-1)/(mean*mean) - 1; cv2 < 0.8 || cv2 > 1.25 {
		t.Errorf("squared coefficient of variation of the gaps is %.2f, want about 1", cv2)
	}
}

func TestCeilingOnUsersDrops(t *testing.T) {
	target := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(500 * time.Millisecond) })
	p := plan(target, scenarios.Stage{Rate: 100, Settle: 0.1, Measure: 0.9})
	p.Limits.Users = 10
	r := drive(t, one(t, "get: /"), p)
	if most := slices.Max(r.active); most != 10 {
		t.Errorf("%d users at once, the ceiling is 10", most)
	}
	// Twenty a second get through; the others wait, until the load is over.
	if total := r.dropped + len(r.results); r.dropped < 50 || total < 70 || total > 135 || total != r.offered {
		t.Errorf("%d dropped, %d sent of %d offered, want about 100 in all", r.dropped, len(r.results), r.offered)
	}
	late := 0
	for _, s := range r.starts {
		if s.At.Sub(s.Intended) > 100*time.Millisecond {
			late++
		}
	}
	if late == 0 {
		t.Error("nobody who had to wait was late")
	}
}

func quantile(seconds []float64, q float64) float64 {
	slices.Sort(seconds)
	return seconds[int(q*float64(len(seconds)))]
}

// The server answers nothing for two seconds of ten, and there are no more than
// fifty users (and connections) to ask it. Whoever wanted something then waited
// until its end: percentiles from the intended start must say so. (A generator
// that waits for answers before it sends again would hardly notice: k6's
// constant-arrival-rate gives a p95 of 0.5 ms here, vegeta with 50 workers 3 ms.)
//
// The truth is computed, not measured by us: the schedule is known in advance,
// and the server knows when it was frozen. Who was due before the thaw is
// answered after it, one after the other as fast as they come; those of after
// it, at once.
func TestFreezeShows(t *testing.T) {
	const users = 50
	stage := scenarios.Stage{Rate: 200, Settle: 1, Measure: 9}
	s := one(t, "get: /")
	attempts(t, func() error {
		var gate sync.RWMutex
		var connections atomic.Int64
		target := listen(t, func(http.ResponseWriter, *http.Request) {
			gate.RLock()
			gate.RUnlock() //lint:ignore SA2001 a gate that stops who comes; nothing is guarded
		}, &connections)
		p := plan(target, stage)
		p.Limits.Users = users
		lag := timerLag()
		begin := time.Now()
		var frozen, thawed time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(4 * time.Second)
			gate.Lock()
			frozen = time.Since(begin)
			time.Sleep(2 * time.Second)
			thawed = time.Since(begin)
			gate.Unlock()
		}()
		r := drive(t, s, p)
		<-done
		slack := lag().Seconds()
		var got, truth []float64
		for _, x := range r.results {
			if x.Err != "" {
				t.Fatalf("%+v", x)
			}
			got = append(got, x.End.Sub(x.Intended).Seconds())
		}
		for _, a := range arrive(p.Seed, scenarios.Arrivals{}, stage) {
			wait := 0.0
			if a.at > frozen && a.at < thawed {
				wait = (thawed - a.at).Seconds()
			}
			truth = append(truth, wait)
		}
		if len(got) != len(truth) || r.offered != len(truth) || r.dropped != 0 {
			t.Errorf("%d sessions were due; %d offered, %d answered, %d dropped", len(truth), r.offered, len(got), r.dropped)
		}
		if n := connections.Load(); n > users {
			t.Errorf("%d connections were opened, there are %d users", n, users)
		}
		if most := slices.Max(r.active); most != users {
			t.Errorf("%d users at once, want %d", most, users)
		}
		for _, q := range []float64{0.95, 0.99} {
			g, w := quantile(got, q), quantile(truth, q)
			if w < 1 {
				t.Errorf("p%g would be %.3f s: the freeze does not show", 100*q, w)
			}
			if math.Abs(g-w) > 0.05*w+slack {
				return fmt.Errorf("p%g of %d is %.3f s, the truth is %.3f s; a bare timer was late by %.3f s", 100*q, len(got), g, w, slack)
			}
		}
		return nil
	})
}

// A server that drips its answers: latency is that of the last byte, and who
// comes while all users wait for one waits as well.
func TestDripShows(t *testing.T) {
	const users, drops = 10, 10
	const drop = 20 * time.Millisecond
	attempts(t, func() error {
		var mu sync.Mutex
		var truth []float64 // of the server: from the request to its last byte
		target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			begin := time.Now()
			for range drops {
				fmt.Fprint(w, "drop")
				w.(http.Flusher).Flush()
				time.Sleep(drop)
			}
			mu.Lock()
			defer mu.Unlock()
			truth = append(truth, time.Since(begin).Seconds())
		})
		// Ten users who take 200 ms each answer 50 a second; 60 are due.
		p := plan(target, scenarios.Stage{Rate: 60, Settle: 0.5, Measure: 2.5})
		p.Limits.Users, p.Drain = users, 10
		lag := timerLag()
		r := drive(t, one(t, "get: /"), p)
		slack := lag().Seconds()
		var served, waited []float64
		for _, x := range r.results {
			if x.Err != "" || x.Bytes != 4*drops {
				t.Fatalf("%+v", x)
			}
			served = append(served, x.End.Sub(x.Start).Seconds())
			waited = append(waited, x.End.Sub(x.Intended).Seconds())
		}
		if len(served) != len(truth) || r.dropped > 0 || r.offered != len(served) {
			t.Errorf("%d answered, the server counted %d; %d offered, %d dropped", len(served), len(truth), r.offered, r.dropped)
		}
		if g, w := quantile(served, 0.95), quantile(truth, 0.95); math.Abs(g-w) > 0.05*w+slack {
			return fmt.Errorf("p95 is %.3f s, the server took %.3f s; a bare timer was late by %.3f s", g, w, slack)
		}
		// A queue before ten servers, as the schedule wants it.
		free := make([]float64, users)
		var queue []float64
		mean := 0.0
		for _, s := range truth {
			mean += s / float64(len(truth))
		}
		for _, a := range arrive(p.Seed, scenarios.Arrivals{}, p.Stages[0]) {
			i := slices.Index(free, slices.Min(free))
			free[i] = max(free[i], a.at.Seconds()) + mean
			queue = append(queue, free[i]-a.at.Seconds())
		}
		if g, w := quantile(waited, 0.95), quantile(queue, 0.95); w < 0.25 || math.Abs(g-w) > 0.1*w+slack {
			return fmt.Errorf("p95 from the intended start is %.3f s, that of the queue %.3f s; a bare timer was late by %.3f s", g, w, slack)
		}
		return nil
	})
}

// Users open no more connections than there are users, even where they all ask
// at once, and close those that nobody needs.
func TestConnectionsAreBounded(t *testing.T) {
	const users = 20
	var opened atomic.Int64
	target := listen(t, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) }, &opened)
	s := parse(t, "endpoints:\n  x: { get: /, think: { exponential: 5ms } }\npersonas:\n  p: { share: 1, journey: { x: { to: { x: .5, end: .5 } } } }\n")
	driveUntil(t, s, plan(target, scenarios.Stage{Users: users, Settle: 0.01, Measure: 60}), 2000)
	if n := opened.Load(); n > users {
		t.Errorf("%d connections for %d users", n, users)
	}
}

// listen is serve with a count of the connections.
func listen(t *testing.T, h http.HandlerFunc, opened *atomic.Int64) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func TestBacklogIsBounded(t *testing.T) {
	b := backlog{most: 3}
	for i := 1; i <= 5; i++ {
		if got := b.push(due{number: i}); got != (i <= 3) {
			t.Errorf("push %d: %v", i, got)
		}
	}
	for i := 1; i <= 3; i++ {
		if d, ok := b.pop(); !ok || d.number != i {
			t.Errorf("pop: %d, want %d", d.number, i)
		}
	}
	if _, ok := b.pop(); ok {
		t.Error("an empty backlog had one more")
	}
}

// timerLag watches how late a bare timer is, which is the machine's lateness and
// not ours. The returned function ends that and returns the worst.
func timerLag() func() time.Duration {
	done, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		const nap = 5 * time.Millisecond
		var most time.Duration
		for {
			begin := time.Now()
			select {
			case <-time.After(nap):
				most = max(most, time.Since(begin)-nap)
			case <-done:
				worst <- most
				return
			}
		}
	}()
	return func() time.Duration { close(done); return <-worst }
}

// attempts calls f until it is content, three times at most: on a busy machine
// we are late now and then, and being right once shows that we can be.
func attempts(t *testing.T, f func() error) {
	t.Helper()
	for i := 1; ; i++ {
		err := f()
		if err == nil {
			return
		}
		if t.Logf("attempt %d: %v", i, err); i == 3 {
			t.Fatal(err)
		}
	}
}
