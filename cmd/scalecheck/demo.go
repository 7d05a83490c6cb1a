package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/matrix"
	"github.com/scalecheck/scalecheck/reports"
)

func newDemo(g *global) *cobra.Command {
	f := &runFlags{}
	var once bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "watch an application break, and hold the verdict to its word",
		Long: `Start a private PostgreSQL and the bundled learning platform, built the way that
works on a laptop, let a growing number of students in for about a minute, and
say what breaks first and why.

Then the disease that the verdict names is switched off, and the same students
come again, with the same choices: if it was the cause, it shows.

The exit status is 0 when it got to a verdict, whatever the verdict.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := demo(c.Context(), g, f, once); err != nil {
				return err
			}
			g.say(`
what to type next:
  scalecheck run --fault none            the same application, mended
  scalecheck run --fault missing-index   one disease at a time: %s
  scalecheck explain                     the manual of each finding
  scalecheck run SCENARIO --target URL --db "host=… dbname=…"     yours`, faultNames())
			return nil
		},
	}
	f.size, f.dataSeed, f.seed, f.limits = "S", 1, 1, defaultLimits()
	c.Flags().StringArrayVar(&f.faults, "fault", []string{"naive"}, "fault of the bundled app, repeatable")
	c.Flags().StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	c.Flags().StringVar(&f.size, "size", "S", "size of the data: XS, S, M, L")
	c.Flags().BoolVar(&once, "once", false, "end with the verdict, don't put it to the test")
	f.output.add(c, "text,html,json")
	return c
}

// demo measures the ill application and, unless once, measures it again without
// the fault that the verdict names.
func demo(ctx context.Context, g *global, f *runFlags, once bool) error {
	f.output.dir = f.output.place(time.Now())
	before, err := verdict(measure(ctx, g, f, ""))
	if err != nil || once {
		return err
	}
	fault, err := named(before, f.faults)
	if err != nil || fault == "" {
		return err
	}
	g.say("\nIf it is %s, the same users must fare better without it. They come again:\n", fault)
	cured := *f
	cured.faults = slices.DeleteFunc(slices.Clone(before.Run.Bundled.Faults), func(s string) bool { return s == fault })
	if len(cured.faults) == 0 {
		cured.faults = []string{"none"}
	}
	cured.output.dir = filepath.Join(f.output.dir, "without-"+fault)
	cured.output.formats = slices.DeleteFunc(slices.Clone(f.output.formats), func(s string) bool { return s == "text" })
	after, err := verdict(measure(ctx, g, &cured, ""))
	if err != nil {
		return err
	}
	fmt.Fprintf(g.out, "\nTHE SAME USERS, WITHOUT %s\n", fault)
	return reports.Beside(g.out, before, after)
}

// verdict makes a verdict, whichever, of the error that carries its status.
func verdict(r *reports.Report, err error) (*reports.Report, error) {
	if v, ok := errors.AsType[verdictError](err); ok && v <= 3 {
		err = nil
	}
	return r, err
}

// named returns the fault that the report's bottleneck means, and "" where it
// means none of them: where the run is inconclusive, for one.
func named(r *reports.Report, words []string) (string, error) {
	faults, err := bundled.Faults(words)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := reports.JSON.Write(&b, r); err != nil {
		return "", err
	}
	var have matrix.Report
	if err := json.Unmarshal(b.Bytes(), &have); err != nil {
		return "", fmt.Errorf("read the report back: %w", err)
	}
	return matrix.FaultOf(&have, faults), nil
}
