// Users measures what ten thousand users who think take: scalecheck's, then
// those of plain k6, against a target that answers at once.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/bench"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/scenarios"
)

// script is the smallest that k6 users write: a request, and a pause as long.
//
//go:embed users.js
var script string

const scenario = `
version: 1
name: users
endpoints:
  page: { get: /, think: { exponential: 10s } }
personas:
  user: { share: 1, journey: { page: { to: { page: 0.95, end: 0.05 } } } }
`

type result struct {
	Users        int     `json:"users"`
	Seconds      float64 `json:"seconds"`
	Requests     int64   `json:"requests"`
	Failed       int64   `json:"failed"`
	PeakRSS      float64 `json:"peak_rss_mb"`
	K6PeakRSS    float64 `json:"k6_peak_rss_mb"`
	Dropped      int64   `json:"dropped"`
	StartLagP99  float64 `json:"start_lag_p99_ms"` // over the part in which all users are there
	TimerLagP99  float64 `json:"timer_lag_p99_ms"` // of a process that only naps, at the same time
	CPU          float64 `json:"cpu_cores"`
	RequestsPerS float64 `json:"requests_per_s"`
	Active       float64 `json:"active_users"`
}

func main() {
	bench.Role()
	bin := flag.String("bin", "bin/scalecheck", "the binary")
	users := flag.Int("users", 10_000, "at once")
	length := flag.Duration("for", 2*time.Minute, "of each of the two runs")
	out := flag.String("out", "", "file of the result; empty: none")
	flag.Parse()
	r, err := measure(*bin, *users, *length)
	if err == nil && *out != "" {
		err = bench.Write(*out, r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench users:", err)
		os.Exit(1)
	}
}

func measure(bin string, users int, length time.Duration) (*result, error) {
	target, err := bench.Serve()
	if err != nil {
		return nil, err
	}
	defer target.Close()
	r := &result{Users: users, Seconds: length.Seconds()}
	if err := r.ours(bin, target.URL, length); err != nil {
		return nil, err
	}
	if err := r.k6(bin, target.URL, length); err != nil {
		return nil, err
	}
	fmt.Printf("%d users who think 10 s, %s each       scalecheck    stock k6\n", users, length)
	fmt.Printf("peak memory, MB                          %10.0f  %10.0f\n", r.PeakRSS, r.K6PeakRSS)
	fmt.Printf("dropped sessions                         %10d\n", r.Dropped)
	fmt.Printf("start lag, p99, ms                       %10.2f   (a bare timer at the same time: %.2f)\n", r.StartLagP99, r.TimerLagP99)
	fmt.Printf("requests a second                        %10.0f   (%d of %d failed; %.2f cores)\n", r.RequestsPerS, r.Failed, r.Requests, r.CPU)
	return r, nil
}

func (r *result) ours(bin, target string, length time.Duration) error {
	s, err := scenarios.Parse("users.yaml", []byte(scenario))
	if err != nil {
		return err
	}
	limits := scenarios.DefaultLimits()
	limits.Rate = 0
	p, err := scenarios.NewPlan(s, target, scenarios.Load{Users: 1, Duration: 12, Steps: 1}, 1, limits)
	if err != nil {
		return err
	}
	third := scenarios.Seconds(length.Seconds() / 3)
	p.Stages = []scenarios.Stage{{Users: float64(r.Users), Settle: third, Measure: 2 * third}}
	timer, err := bench.Timer()
	if err != nil {
		return err
	}
	load, err := k6.Start(context.Background(), k6.Options{Plan: p, Scenario: s, Exe: bin, Log: os.Stderr})
	if err != nil {
		return err
	}
	whole, settled := evidence.Window{}, evidence.Window{}
	var cpu time.Duration
	for tick := range load.Ticks() {
		if err := whole.Add(tick); err != nil {
			return err
		}
		if begin, _ := load.Started(); tick.Start.Sub(begin) >= third.Duration() {
			if err := settled.Add(tick); err != nil {
				return err
			}
			r.Active = max(r.Active, tick.Generator.ActiveUsers)
		}
		if rss, err := bench.PeakRSS(load.PID()); err == nil {
			r.PeakRSS = rss
		}
		if c, err := bench.CPU(load.PID()); err == nil {
			cpu = c
		}
	}
	late, err := timer.Close()
	if err != nil {
		return err
	}
	if _, err := load.Wait(); err != nil {
		return err
	}
	total, err := whole.Total()
	if err != nil {
		return err
	}
	r.Requests, r.Failed, r.Dropped = total.Requests, total.Failed, whole.Generator.Dropped
	r.StartLagP99 = settled.Generator.Lag.Quantile(0.99) * 1e3
	r.RequestsPerS = float64(settled.Generator.Started) / (2 * float64(third))
	r.CPU = cpu.Seconds() / length.Seconds()
	r.TimerLagP99, err = strconv.ParseFloat(late, 64)
	return err
}

func (r *result) k6(bin, target string, length time.Duration) error {
	cmd, err := bench.K6(bin, script, []string{"BASE_URL=" + target}, "--vus", strconv.Itoa(r.Users), "--duration", length.String())
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(time.Second):
			if rss, err := bench.PeakRSS(cmd.Process.Pid); err == nil {
				r.K6PeakRSS = rss
			}
		}
	}
}
