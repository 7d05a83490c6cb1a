package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/analyzers/growth"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/reports"
	"github.com/scalecheck/scalecheck/scenarios"
)

// bundledOnly are the flags of grow that say how the bundled app is measured.
var bundledOnly = []string{"sizes", "fault", "data-seed", "users", "duration", "steps", "seed", "pg-bin", "output"}

func newGrow(g *global) *cobra.Command {
	f := &runFlags{limits: defaultLimits()}
	var sizes []string
	var format string
	c := &cobra.Command{
		Use:   "grow [SMALL.run LARGE.run [LARGER.run]]",
		Short: "what each statement will cost with ten times the data",
		Long: `Hold runs at two or three sizes of data against each other: with which exponent does
the cost of each statement grow, what will a call cost at ten times the data of
the largest, and what does that do to the requests that send it?

Cost is shared blocks touched by a call, which neither the machine nor its load
changes; rows and execution time stand behind it. Size is the rows of the tables
that a statement names, or the database's where they can't be told. Exponents: 0
costs the same whatever there is, 1 grows with the data, above 1 faster. Flagged are

  superlinear     above 1, the interval included
  linear lookup   it compares a column with a value, and reads the more the larger
                  the table is
  longer result   it returns the more rows the more there are

The runs are those that scalecheck run writes: the same application, the same
scenario, other data, the factor as large as can be had (at least two). A light load
is enough. Intervals are from the windows and slices of the runs, which hold what
varies within a run. Where sizes are too close, calls too few, or the plan is another
at one of them, the statement is listed as inconclusive, with the reason.

Without files the bundled app is measured at each of --sizes, which takes some
minutes for M.

The exit status is 0, and 3 where no statement has an answer.`,
		Example: `  scalecheck grow small.run large.run
  scalecheck grow -f json small.run large.run | jq '.statements[] | select(.flag != "")'
  scalecheck grow --fault none --sizes XS,S`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) > 3 {
				return usage(fmt.Errorf("growth takes two or three run files, this is %d", len(args)), "scalecheck grow SMALL.run LARGE.run; without any the bundled app is measured")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("format", format, []string{"text", "json", "markdown"}); err != nil {
				return err
			}
			if len(args) == 0 {
				if len(sizes) < 2 || len(sizes) > 3 {
					return usage(errors.New("--sizes takes two or three"), "for example: --sizes XS,S,M")
				}
				return growBundled(c.Context(), g, f, sizes, format)
			}
			for _, name := range bundledOnly {
				if c.Flags().Changed(name) {
					return usage(fmt.Errorf("--%s is for the bundled app and can't be used with run files", name), "leave one of them out")
				}
			}
			var runs []*evidence.Run
			for _, path := range args {
				r, err := readRun(path)
				if err != nil {
					return err
				}
				runs = append(runs, r)
			}
			return printGrowth(g, runs, format)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringSliceVar(&sizes, "sizes", []string{"XS", "S", "M"}, "sizes of the bundled app's data to measure: two or three of XS, S, M, L")
	fs.StringArrayVar(&f.faults, "fault", []string{"naive"}, "fault of the bundled app, repeatable; naive: the five of a first version, none: the healthy app")
	fs.Int64Var(&f.dataSeed, "data-seed", 1, "seed of the bundled app's data")
	fs.StringVar(&f.users, "users", "20", "users active at once in the highest step: few, so that nothing is slow for another reason")
	fs.DurationVar(&f.duration, "duration", time.Minute, "of the load at each size")
	fs.IntVar(&f.steps, "steps", 3, "steps in which it rises")
	fs.Int64Var(&f.seed, "seed", 1, "seed of the users")
	fs.StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	fs.StringVarP(&f.output.dir, "output", "o", "", "directory for the run files (default scalecheck-out/TIME)")
	fs.StringVarP(&format, "format", "f", "text", "what is printed: text, json, markdown")
	return c
}

// growBundled measures the bundled app at each size.
func growBundled(ctx context.Context, g *global, f *runFlags, sizes []string, format string) error {
	var jobs []*job
	for _, size := range sizes {
		sized := *f
		sized.size = strings.ToUpper(size)
		j, err := sized.job(scenarios.Default)
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
	}
	out, err := f.output.open(time.Now())
	if err != nil {
		return err
	}
	watch := newWatch(g.streams)
	defer watch.close()
	var runs []*evidence.Run
	for _, j := range jobs {
		j.tell = watch.say
		watch.say("data of size " + j.size)
		path := filepath.Join(out.dir, j.size+".run")
		r, err := j.record(ctx, path, watch.progress)
		if err != nil {
			if r == nil && len(runs) == 0 {
				out.discard()
			}
			return err
		}
		runs = append(runs, r)
		out.written = append(out.written, path)
	}
	watch.close()
	err = printGrowth(g, runs, format)
	g.say("")
	for _, path := range out.written {
		g.say("  %s", path)
	}
	return err
}

func printGrowth(g *global, runs []*evidence.Run, format string) error {
	grown, err := growth.New(runs)
	if err != nil {
		return usage(err, "give runs of scalecheck run with a database (--db), of the same application with other amounts of data")
	}
	switch format {
	case "json":
		err = reports.GrowthJSON(g.out, grown)
	case "markdown":
		err = reports.GrowthMarkdown(g.out, grown)
	default:
		err = reports.GrowthText(g.out, grown, g.color)
	}
	if err != nil {
		return hint.Exit(fmt.Errorf("write growth: %w", err), hint.BrokenOff)
	}
	if !grown.Conclusive() {
		return verdictError(hint.Inconclusive)
	}
	return nil
}
