// Command analysis measures what it takes to analyze a long run: make
// bench-analysis.
//
// The run is made, not recorded: an hour of load in twelve steps on an
// application with 200 endpoints and 5,000 statements, which is what
// pg_stat_statements keeps. Making it, writing it and reading it go through the
// same code as a real one's. It is analyzed in a process of its own, so that its
// peak memory is the analysis alone.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/commit"
	"github.com/scalecheck/scalecheck/reports"
)

// A Result is what docs/results/analysis.json holds.
type Result struct {
	Commit     string  `json:"commit"`
	Cores      int     `json:"cores"`
	Hours      float64 `json:"hours"`
	Windows    int     `json:"windows"`
	Statements int     `json:"statements"` // in each window
	Endpoints  int     `json:"endpoints"`
	Findings   int     `json:"findings"`
	FileBytes  int64   `json:"file_bytes"`
	ReadS      float64 `json:"read_seconds"`    // file → evidence.Run
	AnalyzeS   float64 `json:"analyze_seconds"` // evidence.Run → reports.Report
	PrintS     float64 `json:"print_seconds"`   // reports.Report → report.json
	CPUS       float64 `json:"cpu_seconds"`     // of the three, whatever else the machine was doing
	PeakBytes  int64   `json:"peak_bytes"`      // resident, of the whole process
	Same       bool    `json:"same"`            // a second analysis gave the same bytes
}

func main() {
	out := flag.String("out", "docs/results", "directory of analysis.json")
	analyze := flag.String("analyze", "", "analyze this run and print the result (what the command starts itself for)")
	flag.Parse()
	var err error
	if *analyze != "" {
		err = analyzeRun(*analyze)
	} else {
		err = bench(*out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench analysis:", err)
		os.Exit(1)
	}
}

func bench(out string) error {
	dir, err := os.MkdirTemp("", "scalecheck-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "hour.run")
	if err := write(path); err != nil {
		return fmt.Errorf("write the run: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, "-analyze", path)
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return err
	}
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	r.Commit, r.Cores = commit.Name(context.Background()), runtime.NumCPU()
	b, err = json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", b)
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "analysis.json"), append(b, '\n'), 0o644)
}

func analyzeRun(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	begun := time.Now()
	run, err := evidence.Read(path)
	if err != nil {
		return err
	}
	r := Result{FileBytes: info.Size(), ReadS: time.Since(begun).Seconds(), Windows: len(run.Windows)}
	for _, w := range run.Windows {
		r.Hours += float64(w.Length) / 3600
		r.Statements, r.Endpoints = max(r.Statements, len(w.Statements)), max(r.Endpoints, len(w.Endpoints))
	}
	begun = time.Now()
	rep, err := reports.New(run, reports.Options{})
	if err != nil {
		return err
	}
	r.AnalyzeS, r.Findings = time.Since(begun).Seconds(), len(rep.Findings)
	begun = time.Now()
	var first bytes.Buffer
	if err := reports.JSON.Write(&first, rep); err != nil {
		return err
	}
	r.PrintS = time.Since(begun).Seconds()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	r.CPUS = time.Duration(used.Utime.Nano() + used.Stime.Nano()).Seconds()
	if r.PeakBytes, err = peak(); err != nil {
		return err
	}
	again, err := reports.New(run, reports.Options{})
	if err != nil {
		return err
	}
	var second bytes.Buffer
	if err := reports.JSON.Write(&second, again); err != nil {
		return err
	}
	r.Same = sha256.Sum256(first.Bytes()) == sha256.Sum256(second.Bytes())
	return json.NewEncoder(os.Stdout).Encode(r)
}

// peak returns the largest resident memory that this process has had.
func peak() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		var kB int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kB); err == nil {
			return kB << 10, nil
		}
	}
	return 0, errors.New("no VmHWM in /proc/self/status")
}
