package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newDemo(g *global) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "watch an application break: the bundled one, about a minute of users",
		Long: `Start a private PostgreSQL and the bundled learning platform, built the way that
works on a laptop, let a growing number of students in for about a minute, and
say what breaks first and why. It is scalecheck run with nothing to choose.

The exit status is 0 when it got to a verdict, whatever the verdict.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(f.faults) == 0 {
				f.faults = []string{"naive"}
			}
			err := run(c.Context(), g, f, "")
			if v, ok := errors.AsType[verdictError](err); ok && v <= 3 {
				err = nil
			}
			if err == nil {
				g.say(`
what to type next:
  scalecheck run --fault none            the same application, mended
  scalecheck run --fault missing-index   one disease at a time: %s
  scalecheck explain                     the manual of each finding
  scalecheck run SCENARIO --target URL --db "host=… dbname=…"     yours`, faultNames())
			}
			return err
		},
	}
	f.size, f.dataSeed, f.seed, f.limits = "S", 1, 1, defaultLimits()
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "fault of the bundled app, repeatable (default naive)")
	c.Flags().StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	c.Flags().StringVar(&f.size, "size", "S", "size of the data: XS, S, M, L")
	f.output.add(c, "text,html,json")
	return c
}
