// Command cmd runs the accuracy matrix: make accuracy.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/commit"
	"github.com/scalecheck/scalecheck/internal/matrix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

// tries of a case: a second and a third one only for a noisy host.
const tries = 3

func run() error {
	bin := flag.String("bin", "bin/scalecheck", "the binary to hold against the answers")
	out := flag.String("out", "docs/results", "directory of accuracy.json and accuracy.md")
	names := flag.String("fault", "", "these cases only, separated by commas")
	seeds := flag.Int("seeds", 3, "seeds for each case")
	keep := flag.String("keep", "", "directory for the run files, to look at an answer again with scalecheck report")
	fresh := flag.Bool("fresh", false, "forget attempts of this commit that are already there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	plan := matrix.Plan{Commit: commit.Name(ctx), Seeds: *seeds}
	cases := slices.Clone(matrix.Cases)
	if *names != "" {
		cases, plan.Asked = nil, strings.Split(*names, ",")
		for _, name := range plan.Asked {
			c := matrix.Lookup(name)
			if c == nil {
				return fmt.Errorf("there is no case %q", name)
			}
			cases = append(cases, *c)
		}
	}
	path := filepath.Join(*out, "accuracy.json")
	var attempts []matrix.Attempt
	if !*fresh {
		attempts = load(path, plan.Commit)
	}
	if err := os.MkdirAll(*out, 0o777); err != nil {
		return err
	}
	runner := matrix.Runner{Bin: *bin, Keep: *keep}
	plan.Cannot = map[string]string{}
	cases = slices.DeleteFunc(cases, func(c matrix.Case) bool {
		if c.Cannot == nil {
			return false
		}
		reason := c.Cannot()
		if reason == "" {
			return false
		}
		plan.Cannot[c.Name] = reason
		fmt.Fprintf(os.Stderr, "%-20s skipped: %s\n", c.Name, reason)
		return true
	})
	// Seed by seed: what is interrupted has seen every case.
	for seed := int64(1); seed <= int64(*seeds); seed++ {
		for _, c := range cases {
			for try := 1; try <= tries; try++ {
				if find(attempts, c.Name, seed, try) != nil {
					continue
				}
				if before := find(attempts, c.Name, seed, try-1); before != nil && !before.Again() {
					break
				}
				a := runner.Run(ctx, c, seed, try)
				if ctx.Err() != nil {
					return errors.New("interrupted; the attempts so far are in " + path)
				}
				a.Commit = plan.Commit
				fmt.Fprintf(os.Stderr, "%-20s seed %d try %d: %-5v %s%s (%.0f s, noise %.0f %%)\n",
					c.Name, seed, try, a.Right, a.Given, a.Error, a.Seconds, 100*a.Noise)
				attempts = append(attempts, a)
				if err := save(*out, matrix.Summarize(plan, attempts)); err != nil {
					return err
				}
			}
		}
	}
	return matrix.Summarize(plan, attempts).Markdown(os.Stdout)
}

// find returns the attempt, and nil where there is none.
func find(as []matrix.Attempt, name string, seed int64, try int) *matrix.Attempt {
	for i := range as {
		if a := &as[i]; a.Case == name && a.Seed == seed && a.Try == try {
			return a
		}
	}
	return nil
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
