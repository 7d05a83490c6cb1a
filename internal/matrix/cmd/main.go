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
	again := flag.Bool("again", false, "measure nothing: judge the run files in -keep again, with this commit's analyzers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := os.MkdirAll(*out, 0o777); err != nil {
		return err
	}
	m := measurement{
		out: *out, runner: matrix.Runner{Bin: *bin, Keep: *keep}, cases: slices.Clone(matrix.Cases),
		plan: matrix.Plan{Seeds: *seeds, Cannot: map[string]string{}},
	}
	if *names != "" {
		m.cases, m.plan.Asked = nil, strings.Split(*names, ",")
		for _, name := range m.plan.Asked {
			c := matrix.Lookup(name)
			if c == nil {
				return fmt.Errorf("there is no case %q", name)
			}
			m.cases = append(m.cases, *c)
		}
	}
	head := commit.Name(ctx)
	before := load(*out)
	switch {
	case *again && *keep == "":
		return errors.New("-again needs -keep, the directory of the run files")
	case *again:
		m.plan.Commit, m.plan.Analyzers, m.attempts = before.Commit, head, before.Cases
		for _, s := range before.Skipped {
			m.plan.Cannot[s.Case] = s.Reason
		}
		return m.again(ctx)
	case !*fresh && before.Commit == head:
		m.attempts = before.Cases
	}
	m.can()
	m.plan.Commit, m.plan.Analyzers = head, head
	return m.run(ctx)
}

// A measurement is the attempts that there are and those to be made.
type measurement struct {
	out      string
	runner   matrix.Runner
	plan     matrix.Plan
	cases    []matrix.Case
	attempts []matrix.Attempt
}

// can leaves out the cases that this machine can't do.
func (m *measurement) can() {
	m.cases = slices.DeleteFunc(m.cases, func(c matrix.Case) bool {
		if c.Cannot == nil {
			return false
		}
		reason := c.Cannot()
		if reason == "" {
			return false
		}
		m.plan.Cannot[c.Name] = reason
		fmt.Fprintf(os.Stderr, "%-20s skipped: %s\n", c.Name, reason)
		return true
	})
}

// run makes the attempts that are missing, seed by seed: what is interrupted has seen
// every case.
func (m *measurement) run(ctx context.Context) error {
	for seed := int64(1); seed <= int64(m.plan.Seeds); seed++ {
		for _, c := range m.cases {
			for try := 1; try <= tries; try++ {
				if m.find(c.Name, seed, try) != nil {
					continue
				}
				if before := m.find(c.Name, seed, try-1); before != nil && !before.Again() {
					break
				}
				a := m.runner.Run(ctx, c, seed, try)
				if ctx.Err() != nil {
					return errors.New("interrupted; the attempts so far are in " + m.out)
				}
				a.Commit = m.plan.Commit
				say(a)
				m.attempts = append(m.attempts, a)
				if err := save(m.out, m.result()); err != nil {
					return err
				}
			}
		}
	}
	return m.result().Markdown(os.Stdout)
}

// again judges the attempts that there are.
func (m *measurement) again(ctx context.Context) error {
	if len(m.attempts) == 0 {
		return fmt.Errorf("there is nothing in %s to judge again", m.out)
	}
	for i, before := range m.attempts {
		if before.Error != "" {
			continue // left no run file
		}
		a, err := m.runner.Again(ctx, before)
		if err != nil {
			return err
		}
		m.attempts[i] = a
		if a.Right != before.Right || a.Given != before.Given {
			say(a)
		}
	}
	if err := save(m.out, m.result()); err != nil {
		return err
	}
	return m.result().Markdown(os.Stdout)
}

func (m *measurement) result() matrix.Result { return matrix.Summarize(m.plan, m.attempts) }

// find returns the attempt, and nil where there is none.
func (m *measurement) find(name string, seed int64, try int) *matrix.Attempt {
	for i := range m.attempts {
		if a := &m.attempts[i]; a.Case == name && a.Seed == seed && a.Try == try {
			return a
		}
	}
	return nil
}

func say(a matrix.Attempt) {
	fmt.Fprintf(os.Stderr, "%-20s seed %d try %d: %-5v %s%s (%.0f s, noise %.0f %%)\n",
		a.Case, a.Seed, a.Try, a.Right, a.Given, a.Error, a.Seconds, 100*a.Noise)
}

// load returns what was measured before, and nothing where nothing can be read.
func load(dir string) (r matrix.Result) {
	b, err := os.ReadFile(filepath.Join(dir, "accuracy.json"))
	if err != nil || json.Unmarshal(b, &r) != nil {
		return matrix.Result{}
	}
	return r
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
