package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/reports"
)

func newReport(g *global) *cobra.Command {
	var f outputFlags
	c := &cobra.Command{
		Use:   "report FILE.run",
		Short: "render a stored run again, without any server",
		Long: `Read a run file, analyze it with this scalecheck's analyzers and write reports.
One format goes to stdout; several, or -o, go to files.

The exit status is the verdict's, as of scalecheck run.`,
		Example: `  scalecheck report scalecheck.run
  scalecheck report scalecheck.run -f json | jq .bottleneck
  scalecheck report scalecheck.run -f html,junit -o out`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(errors.New("one run file is needed"), "scalecheck report scalecheck-out/TIME/scalecheck.run")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return rerender(g, &f, args[0]) },
	}
	c.Flags().StringVarP(&f.dir, "output", "o", "", "directory for the reports (default: stdout)")
	c.Flags().StringSliceVarP(&f.formats, "format", "f", []string{"text"}, "reports to write: "+reports.Names())
	f.addFailOn(c)
	return c
}

func rerender(g *global, f *outputFlags, path string) error {
	if err := f.check(); err != nil {
		return err
	}
	if len(f.formats) > 1 && f.dir == "" {
		return usage(errors.New("several formats need a directory"), "add -o DIR")
	}
	r, err := readRun(path)
	if err != nil {
		return err
	}
	rep, err := reports.New(r, f.options(path, r))
	if err != nil {
		return err
	}
	if err := f.print(g, rep); err != nil {
		return hint.Exit(err, hint.BrokenOff)
	}
	if rep.Verdict.Exit != hint.Pass {
		return verdictError(rep.Verdict.Exit)
	}
	return nil
}

func readRun(path string) (*evidence.Run, error) {
	r, err := evidence.Read(path)
	if err == nil {
		return r, nil
	}
	what := "give the scalecheck.run that a run wrote"
	if errors.Is(err, os.ErrNotExist) {
		what = "check the path"
	}
	return nil, usage(err, what)
}

func (f *outputFlags) print(g *global, rep *reports.Report) error {
	if f.dir == "" {
		format := reports.Lookup(f.formats[0])
		if format.File == "" {
			return reports.TextTo(g.out, rep, g.color)
		}
		if err := format.Write(g.out, rep); err != nil {
			return fmt.Errorf("write %s report: %w", format.Name, err)
		}
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return hint.Wrap(fmt.Errorf("output directory: %w", err), "choose a directory that you may write to with -o")
	}
	o := &output{dir: f.dir}
	for _, name := range f.formats {
		o.formats = append(o.formats, reports.Lookup(name))
	}
	if err := o.write(g.streams, rep); err != nil {
		return err
	}
	for _, path := range o.written {
		g.say("%s", path)
	}
	return nil
}
