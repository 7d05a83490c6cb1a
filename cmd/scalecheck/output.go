package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/reports"
)

// outputFlags say what comes out, and what counts as a failure.
type outputFlags struct {
	dir     string
	formats []string
	failOn  []string
}

func (f *outputFlags) add(c *cobra.Command, formats string) {
	c.Flags().StringVarP(&f.dir, "output", "o", "", "directory for the run file and the reports (default scalecheck-out/TIME)")
	c.Flags().StringSliceVarP(&f.formats, "format", "f", strings.Split(formats, ","), "reports to write: "+reports.Names())
	f.addFailOn(c)
}

func (f *outputFlags) addFailOn(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.failOn, "fail-on", []string{string(reports.OnObjective), string(reports.OnBacklog)},
		"what makes exit status 1: objective, backlog (jobs that pile up, a pool that leaks), finding, inconclusive")
}

// check complains about unknown words.
func (f *outputFlags) check() error {
	for _, name := range f.formats {
		if reports.Lookup(name) == nil {
			return usage(fmt.Errorf("unknown format %q", name), "formats are "+reports.Names())
		}
	}
	for _, on := range f.failOn {
		if !slices.Contains(reports.FailOns, reports.FailOn(on)) {
			return usage(fmt.Errorf("unknown --fail-on %q", on), "it takes objective, backlog, finding, inconclusive")
		}
	}
	return nil
}

// options are those of the report on a run file.
func (f *outputFlags) options(file string, r *evidence.Run) reports.Options {
	o := reports.Options{File: file, FailOn: []reports.FailOn{}}
	if r.Bundled != nil {
		o.Modules = referenceapp.Modules() // it has one schema for all of them
	}
	for _, on := range f.failOn {
		o.FailOn = append(o.FailOn, reports.FailOn(on))
	}
	return o
}

// output is a directory that a run's files go to.
type output struct {
	dir     string
	formats []*reports.Format
	made    []string // directories that were not there before, deepest first
	written []string
}

// place is the directory: the user's, or one of this moment.
func (f *outputFlags) place(now time.Time) string {
	if f.dir != "" {
		return f.dir
	}
	return filepath.Join("scalecheck-out", now.Format("20060102-150405"))
}

// open makes the directory and makes sure that files can be written there: a
// run of several minutes must not end with "permission denied". The flags have
// been checked.
func (f *outputFlags) open(now time.Time) (*output, error) {
	o := &output{dir: f.place(now)}
	for _, name := range f.formats {
		o.formats = append(o.formats, reports.Lookup(name))
	}
	const elsewhere = "choose a directory that you may write to with -o"
	for dir := o.dir; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
		o.made = append(o.made, dir)
	}
	if err := os.MkdirAll(o.dir, 0o777); err != nil {
		o.discard()
		return nil, usage(fmt.Errorf("output directory: %w", err), elsewhere)
	}
	probe, err := os.CreateTemp(o.dir, ".scalecheck-*")
	if err != nil {
		o.discard()
		return nil, usage(fmt.Errorf("output directory: %w", err), elsewhere)
	}
	return o, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (o *output) runFile() string { return filepath.Join(o.dir, "scalecheck.run") }

// discard removes the directories again when nothing came of the run.
func (o *output) discard() {
	for _, dir := range o.made {
		_ = os.Remove(dir) // fails when something is in it, as it should
	}
}

// write writes the reports, the text one to stdout, and last: who reads it may
// have seen enough (| head), which ends the process.
func (o *output) write(s streams, r *reports.Report) error {
	var errs []error
	text := false
	for _, f := range o.formats {
		if f.File == "" {
			text = true
			continue
		}
		path := filepath.Join(o.dir, f.File)
		if err := writeFile(path, f, r); err != nil {
			errs = append(errs, err)
			continue
		}
		o.written = append(o.written, path)
	}
	if path := os.Getenv("GITHUB_STEP_SUMMARY"); path != "" {
		if err := reports.AppendSummary(path, r); err != nil {
			errs = append(errs, fmt.Errorf("append to the job summary: %w", err))
		}
	}
	if text {
		errs = append(errs, reports.TextTo(s.out, r, s.color))
	}
	return errors.Join(errs...)
}

// writeFile writes beside the file and renames, so that a full disk leaves the
// old report or none, never half of one.
func writeFile(path string, f *reports.Format, r *reports.Report) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".scalecheck-*")
	if err != nil {
		return fmt.Errorf("write %s report: %w", f.Name, err)
	}
	defer func() {
		if err != nil {
			err = hint.Wrap(fmt.Errorf("write %s report: %w", f.Name, err), "the run file is kept: scalecheck report "+filepath.Join(filepath.Dir(path), "scalecheck.run")+" writes it again")
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if err := f.Write(tmp, r); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// list says what was written and what to do with it.
func (o *output) list(g *global) {
	for _, path := range o.written {
		g.say("  %s", path)
	}
	g.say("  %s   (scalecheck report %s -f html -o DIR reads it again)", o.runFile(), o.runFile())
}
