// Command overhead measures what observing costs: make bench-overhead.
//
// The bundled app, healthy, gets a moderate load, twice. Each run measures its
// own cost from the kernel's clocks of the processes, as every run does; what the
// sessions cost on the server is told apart by the statements that they sent.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/commit"
)

// A Result is what docs/results/overhead.json holds.
type Result struct {
	Commit string  `json:"commit"`
	Limit  float64 `json:"limit"` // share of the machine
	Runs   []Run   `json:"runs"`
}

// A Run is one run's cost while the load was on.
type Run struct {
	Cores    int     `json:"cores"`
	Seconds  float64 `json:"seconds"`  // of load
	Requests int64   `json:"requests"` // answered
	Share    float64 `json:"share"`    // of the machine: (Recorder + Server) ÷ (Cores · Seconds)
	Recorder float64 `json:"recorder"` // CPU seconds: scraping, /proc, ticks, encoding
	Server   float64 `json:"server"`   // CPU seconds of our sessions' processes
	// Statements is how the execution time of our statements divides, in seconds.
	Statements map[string]float64 `json:"statements"`
	Foreign    float64            `json:"foreign"`         // share of the machine in other hands: above 0.1 the figures are too high
	Interval   float64            `json:"sample_interval"` // seconds between samples of sessions at the end
}

// limit is internal/collect's maxShare.
const limit = 0.01

func main() {
	bin := flag.String("bin", "bin/scalecheck", "the binary to run")
	out := flag.String("out", "docs/results", "directory of overhead.json")
	runs := flag.Int("runs", 2, "runs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx, *bin, *out, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench overhead:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, bin, out string, runs int) error {
	r := Result{Commit: commit.Name(ctx), Limit: limit}
	for range runs {
		one, err := measure(ctx, bin)
		if err != nil {
			return err
		}
		fmt.Printf("%.2f %% of %d cores over %.0f s and %d requests: recorder %.2f s, its sessions %.2f s; %.0f %% in other hands\n",
			one.Share*100, one.Cores, one.Seconds, one.Requests, one.Recorder, one.Server, one.Foreign*100)
		r.Runs = append(r.Runs, one)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "overhead.json"), append(text, '\n'), 0o666)
}

// measure runs the bundled app under load for half a minute, and a little to settle.
func measure(ctx context.Context, bin string) (Run, error) {
	dir, err := os.MkdirTemp("", "scalecheck-overhead-")
	if err != nil {
		return Run{}, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, bin, "run", "--fault", "none", "--size", "S", "--no-probe",
		"--users", "600", "--steps", "1", "--duration", "40s", "--format", "json", "--output", dir)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it has servers to stop
	text, err := cmd.CombinedOutput()
	// How the app did is none of our business: only 0, 1 and 3 are verdicts.
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && (exit.ExitCode() == 1 || exit.ExitCode() == 3) {
		err = nil
	}
	if err != nil {
		return Run{}, fmt.Errorf("%s run: %w\n%s", bin, err, text)
	}
	run, err := evidence.Read(filepath.Join(dir, "scalecheck.run"))
	if err != nil {
		return Run{}, err
	}
	return cost(run)
}

func cost(run *evidence.Run) (Run, error) {
	r := Run{
		Share: run.Overhead.Share, Recorder: run.Overhead.Recorder, Server: run.Overhead.Server,
		Statements: map[string]float64{}, Interval: float64(run.Overhead.SampleInterval),
	}
	foreign := 0.0
	for _, w := range run.Windows {
		if w.Phase != evidence.Settle && w.Phase != evidence.Measure {
			continue
		}
		r.Seconds += float64(w.Length)
		if w.Host != nil {
			r.Cores = w.Host.Cores
			foreign += w.Host.Foreign
		}
		for _, e := range w.Endpoints {
			r.Requests += e.Requests - e.Failed
		}
		for _, s := range w.Statements {
			if s.Own {
				r.Statements[part(run.Texts[s.ID].SQL)] += s.Seconds
			}
		}
	}
	if r.Cores == 0 || r.Seconds == 0 {
		return r, errors.New("the run says nothing about processor time: is this Linux?")
	}
	r.Foreign = foreign / r.Seconds / float64(r.Cores)
	return r, nil
}

// part names what a statement of ours is for.
func part(sql string) string {
	for _, p := range []struct{ view, name string }{
		{"pg_stat_statements", "statements"}, {"river_job", "jobs"}, {"pg_stat_user", "tables"}, {"pg_stat_database", "tables"},
		{"pg_locks", "locks"}, {"pg_blocking_pids", "locks"}, {"pg_prepared_xacts", "holders"},
		{"jsonb_build_object", "server"}, {"pg_settings", "server"}, {"pg_stat_activity", "sessions"},
	} {
		if strings.Contains(sql, p.view) {
			return p.name
		}
	}
	return "other"
}
