// Command cmd runs the accuracy matrix: make accuracy.
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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/internal/matrix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

// noisy share of the machine in other hands: then a case may be tried again.
const noisy = 0.1

// tries of a case, and only for a noisy host.
const tries = 3

func run() error {
	bin := flag.String("bin", "bin/scalecheck", "the binary to hold against the answers")
	out := flag.String("out", "docs/results", "directory of accuracy.json and accuracy.md")
	fault := flag.String("fault", "", "these cases only, separated by commas")
	seeds := flag.Int("seeds", 3, "seeds for each case")
	keep := flag.String("keep", "", "directory for the run files, to look at an answer again with scalecheck report")
	fresh := flag.Bool("fresh", false, "forget attempts of this commit that are already there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cases, err := chosen(*fault)
	if err != nil {
		return err
	}
	commit := head(ctx)
	path := filepath.Join(*out, "accuracy.json")
	var attempts []matrix.Attempt
	if !*fresh {
		attempts = load(path, commit)
	}
	if err := os.MkdirAll(*out, 0o777); err != nil {
		return err
	}
	// Seed by seed: what is interrupted has seen every case.
	for seed := int64(1); seed <= int64(*seeds); seed++ {
		for _, c := range cases {
			for try := 1; try <= tries; try++ {
				if known(attempts, c.Name, seed, try) {
					continue
				}
				if try > 1 && !again(attempts, c.Name, seed, try-1) {
					break
				}
				a := attempt(ctx, *bin, *keep, c, seed, try)
				if ctx.Err() != nil {
					return errors.New("interrupted; the attempts so far are in " + path)
				}
				a.Commit = commit
				fmt.Fprintf(os.Stderr, "%-14s seed %d try %d: %-5v %s %s, %s, %s (%.0f s, noise %.0f %%)\n",
					c.Name, seed, try, a.Right, a.Status, a.Cause, a.Bound, a.Subject, a.Seconds, 100*a.Noise)
				attempts = append(attempts, a)
				if err := save(*out, matrix.Summarize(commit, attempts)); err != nil {
					return err
				}
			}
		}
	}
	return matrix.Summarize(commit, attempts).Markdown(os.Stdout)
}

// chosen returns the cases of the list; all of them for an empty one.
func chosen(list string) ([]matrix.Case, error) {
	if list == "" {
		return matrix.Cases, nil
	}
	var cases []matrix.Case
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(matrix.Cases, func(c matrix.Case) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no case %q", name)
		}
		cases = append(cases, matrix.Cases[i])
	}
	return cases, nil
}

func known(as []matrix.Attempt, name string, seed int64, try int) bool {
	for _, a := range as {
		if a.Case == name && a.Seed == seed && a.Try == try {
			return true
		}
	}
	return false
}

// again reports whether the try was wrong on a host that was noisy.
func again(as []matrix.Attempt, name string, seed int64, try int) bool {
	for _, a := range as {
		if a.Case == name && a.Seed == seed && a.Try == try {
			return !a.Right && a.Noise > noisy
		}
	}
	return false
}

// attempt runs the case once. Its run file goes to keep, unless that is empty.
func attempt(ctx context.Context, bin, keep string, c matrix.Case, seed int64, try int) matrix.Attempt {
	a := matrix.Attempt{Case: c.Name, Seed: seed, Try: try}
	dir, err := os.MkdirTemp("", "scalecheck-accuracy-*")
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer os.RemoveAll(dir)
	if keep != "" {
		defer func() {
			err := keepRun(dir, filepath.Join(keep, fmt.Sprintf("%s-%d-%d.run", c.Name, seed, try)))
			if err != nil && a.Error == "" {
				fmt.Fprintln(os.Stderr, "accuracy:", err)
			}
		}()
	}
	begun := time.Now()
	args := append([]string{"run", "--seed", strconv.FormatInt(seed, 10), "-f", "json", "-o", dir}, c.Args...)
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	output, runErr := cmd.CombinedOutput()
	a.Seconds = time.Since(begun).Seconds()
	b, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		a.Error = strings.TrimSpace(fmt.Sprintf("no report (%v): %s", runErr, output))
		return a
	}
	var r matrix.Report
	if err := json.Unmarshal(b, &r); err != nil {
		a.Error = err.Error()
		return a
	}
	s := matrix.Judge(c.Want, &r)
	a.Status, a.Headline, a.Noise, a.Overhead = r.Verdict.Status, r.Verdict.Headline, r.Noise(), r.Overhead.Share
	a.Right, a.Entity, a.Class, a.Answered = s.Right(), s.Entity, s.Class, s.Answers
	if r.Bottleneck != nil {
		a.Cause, a.Bound, a.Share, a.Sure = r.Bottleneck.Cause, r.Bottleneck.Bound, r.Bottleneck.Share, r.Bottleneck.Confidence
		a.Subject = strings.TrimSpace(r.Bottleneck.Subject.Name + " " + r.Bottleneck.Subject.Endpoint)
	}
	a.Baseline, a.BaseOK = matrix.Baseline(c.Want, &r)
	return a
}

// keepRun copies the run file of dir.
func keepRun(dir, to string) error {
	runs, err := filepath.Glob(filepath.Join(dir, "*.run"))
	if err != nil || len(runs) == 0 {
		return errors.Join(err, errors.New("there is no run file to keep"))
	}
	b, err := os.ReadFile(runs[0])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// head names the commit that is measured. What earlier attempts have written into
// the tree does not make it another one.
func head(ctx context.Context) string {
	commit, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results").Output()
	name := strings.TrimSpace(string(commit))
	if err != nil || len(changed) > 0 {
		name += "-dirty"
	}
	return name
}

func load(path, commit string) []matrix.Attempt {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var r matrix.Result
	if json.Unmarshal(b, &r) != nil || r.Commit != commit {
		return nil
	}
	return r.Cases
}

func save(dir string, r matrix.Result) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "accuracy.json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "accuracy.md"))
	if err != nil {
		return err
	}
	return errors.Join(r.Markdown(f), f.Close())
}
