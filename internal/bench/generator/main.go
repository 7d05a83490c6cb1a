// Generator measures the processor time that a request costs the process that
// sends it: scalecheck, plain k6 and vegeta, 50 users as fast as they can.
//
// The time is the scheduler's account of the generator's threads over a steady
// window, divided by the requests that the target counted in it. Whoever else
// uses the machine makes both slower; so the variants of a round are shuffled,
// and ratios are taken within rounds.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/internal/bench"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/scenarios"
)

var (
	//go:embed bare.js
	bareScript string
	//go:embed full.js
	fullScript string
)

const users = 50

const bare = `
version: 1
name: bare
think: { default: { const: 0s } }
endpoints:
  page: { get: / }
personas:
  user: { share: 1, journey: { page: { to: { page: 0.99, end: 0.01 } } } }
`

// full does what full.js does.
const full = `
version: 1
name: full
think: { default: { const: 0s } }
data: { n: { range: [1, 1000] } }
endpoints:
  login: { post: /login, form: { user: "user-${n}", password: loadtest }, expect: { status: 200, json: { ok: true } } }
  list: { get: /items, extract: { item.id: "items[].id" }, expect: { status: 200, json: { ok: true } } }
  item: { post: "/items/${item.id}", json: { id: "${item.id}", text: "some words" }, expect: { status: 200, json: { ok: true } } }
personas:
  user:
    share: 1
    start: [login]
    journey:
      list: { to: { item: 1 } }
      item: { to: { list: 0.9, end: 0.1 } }
`

// A variant starts a generator; stop ends it.
type variant struct {
	name  string
	start func(target string) (pid int, stop func(), err error)
}

type result struct {
	Rounds   int     `json:"rounds"`
	Pinned   bool    `json:"pinned"` // generator and target have a processor each
	Window   float64 `json:"window_s"`
	Ours     float64 `json:"ours_us"`
	K6       float64 `json:"k6_us"`
	Vegeta   float64 `json:"vegeta_us"`
	OursFull float64 `json:"ours_full_us"`
	K6Full   float64 `json:"k6_full_us"`
	// Ranges are the same, from the cheapest round to the dearest.
	Ranges map[string][2]float64 `json:"ranges_us"`
	// Ratios are medians over the rounds.
	Ratios map[string]float64 `json:"ratios"`
}

func main() {
	bench.Role()
	bin := flag.String("bin", "bin/scalecheck", "the binary")
	rounds := flag.Int("rounds", 7, "how often each variant is measured")
	window := flag.Duration("window", 5*time.Second, "of each measurement, after two seconds of warming up")
	out := flag.String("out", "", "file of the result; empty: none")
	flag.Parse()
	pinned := bench.Pin()
	r, err := measure(*bin, *rounds, *window)
	if err == nil {
		r.Pinned = pinned
	}
	if err == nil && *out != "" {
		err = bench.Write(*out, r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench generator:", err)
		os.Exit(1)
	}
}

func measure(bin string, rounds int, window time.Duration) (*result, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	veg := filepath.Join(dir, "vegeta")
	if b, err := exec.Command("go", "build", "-o", veg, "./internal/bench/vegeta").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build vegeta: %w\n%s", err, b)
	}
	variants := []variant{
		{"ours", ours(bin, bare)}, {"k6", plain(bin, bareScript)}, {"vegeta", func(target string) (int, func(), error) {
			return run(exec.Command(veg, target+"/"))
		}},
		{"ours_full", ours(bin, full)}, {"k6_full", plain(bin, fullScript)},
	}
	costs := map[string][]float64{}
	for round := range rounds {
		for _, i := range rand.Perm(len(variants)) {
			v := variants[i]
			us, err := cost(v, window)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d of %d: %-9s %6.1f µs\n", round+1, rounds, v.name, us)
			costs[v.name] = append(costs[v.name], us)
		}
	}
	r := &result{Rounds: rounds, Window: window.Seconds(), Ranges: map[string][2]float64{}, Ratios: map[string]float64{}}
	for name, to := range map[string]*float64{"ours": &r.Ours, "k6": &r.K6, "vegeta": &r.Vegeta, "ours_full": &r.OursFull, "k6_full": &r.K6Full} {
		*to = median(costs[name])
		r.Ranges[name] = [2]float64{slices.Min(costs[name]), slices.Max(costs[name])}
	}
	ratio := func(a, b string) {
		var all []float64
		for i := range costs[a] {
			all = append(all, costs[a][i]/costs[b][i])
		}
		r.Ratios[a+"/"+b] = median(all)
	}
	ratio("ours", "k6")
	ratio("ours", "vegeta")
	ratio("ours_full", "k6_full")
	fmt.Printf("processor time for a request, %d rounds of %s, µs: median [min–max]\n", rounds, window)
	for _, v := range variants {
		fmt.Printf("%-10s %6.1f [%.1f–%.1f]\n", v.name, median(costs[v.name]), r.Ranges[v.name][0], r.Ranges[v.name][1])
	}
	fmt.Printf("ours ÷ k6 %.2f, ours ÷ vegeta %.2f, full: ours ÷ k6 %.2f\n", r.Ratios["ours/k6"], r.Ratios["ours/vegeta"], r.Ratios["ours_full/k6_full"])
	return r, nil
}

// cost returns microseconds a request.
func cost(v variant, window time.Duration) (float64, error) {
	target, err := bench.Serve()
	if err != nil {
		return 0, err
	}
	defer target.Close()
	pid, stop, err := v.start(target.URL)
	if err != nil {
		return 0, err
	}
	defer stop()
	// Steady when requests have flowed for two seconds.
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		n, err := target.Requests()
		if err != nil {
			return 0, err
		}
		if n > 100 {
			break
		}
		if time.Since(begin) > 30*time.Second {
			return 0, fmt.Errorf("no requests within %s", time.Since(begin))
		}
	}
	time.Sleep(2 * time.Second)
	look := func() (cpu time.Duration, n int64, err error) {
		if cpu, err = bench.CPU(pid); err != nil {
			return 0, 0, err
		}
		n, err = target.Requests()
		return cpu, n, err
	}
	cpu1, n1, err := look()
	if err != nil {
		return 0, err
	}
	time.Sleep(window)
	cpu2, n2, err := look()
	if err != nil {
		return 0, err
	}
	if n2-n1 < 1000 {
		return 0, fmt.Errorf("only %d requests in %s", n2-n1, window)
	}
	return float64((cpu2 - cpu1).Nanoseconds()) / 1e3 / float64(n2-n1), nil
}

func ours(bin, scenario string) func(string) (int, func(), error) {
	return func(target string) (int, func(), error) {
		s, err := scenarios.Parse("bench.yaml", []byte(scenario))
		if err != nil {
			return 0, nil, err
		}
		limits := scenarios.DefaultLimits()
		limits.Rate = 0
		p, err := scenarios.NewPlan(s, target, scenarios.Load{Users: users, Duration: 12, Steps: 1}, 1, limits)
		if err != nil {
			return 0, nil, err
		}
		p.Stages = []scenarios.Stage{{Users: users, Settle: 0.1, Measure: 600}}
		l, err := k6.Start(context.Background(), k6.Options{Plan: p, Scenario: s, Exe: bin, Log: os.Stderr})
		if err != nil {
			return 0, nil, err
		}
		go func() {
			for range l.Ticks() { // somebody reads them, as in a run
			}
		}()
		return l.PID(), func() { l.Kill(); l.Outcome() }, nil
	}
}

func plain(bin, script string) func(string) (int, func(), error) {
	return func(target string) (int, func(), error) {
		cmd, err := bench.K6(bin, script, []string{"BASE_URL=" + target}, "--vus", fmt.Sprint(users), "--duration", "10m")
		if err != nil {
			return 0, nil, err
		}
		return stopper(cmd)
	}
}

func run(cmd *exec.Cmd) (int, func(), error) {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	return stopper(cmd)
}

func stopper(cmd *exec.Cmd) (int, func(), error) {
	return cmd.Process.Pid, func() { _ = cmd.Process.Signal(syscall.SIGKILL); _ = cmd.Wait() }, nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
