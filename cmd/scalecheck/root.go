package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/record"
	"github.com/scalecheck/scalecheck/scenarios"
)

// version is set by the linker for releases.
var version = "0.1.0"

const statuses = `Exit status:
    0  pass: the objectives were met
    1  fail: the system fell short
    2  not started: usage, configuration, preflight, or a guard said no
    3  inconclusive: too little evidence to say either
    4  broken off: target or database lost, results not saved, internal error
  130  interrupted (143 by SIGTERM)`

// streams are where a command reads and writes.
type streams struct {
	out, err io.Writer
	// terminal says that err is one: progress is redrawn in place.
	terminal bool
	// color says that out is a terminal that wants colour.
	color bool
}

// global holds what every command takes.
type global struct {
	streams
	verbose bool
}

func (g *global) logger() *slog.Logger {
	level := slog.LevelWarn
	if g.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(g.err, &slog.HandlerOptions{Level: level}))
}

// say prints a message for the person who waits.
func (g *global) say(format string, args ...any) { fmt.Fprintf(g.err, format+"\n", args...) }

func newRoot(s streams) *cobra.Command {
	g := &global{streams: s}
	root := &cobra.Command{
		Use:   "scalecheck",
		Short: "measure before you scale: what breaks first, and why",
		Long: `scalecheck puts realistic users on an application, watches it and its PostgreSQL
while they work, and says which query, job, request or dependency holds it up,
what that is bound by, and how many users fit today.

Start with:  scalecheck demo

` + statuses,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().BoolVarP(&g.verbose, "verbose", "v", false, "log what happens")
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err, c.CommandPath()+" --help lists the flags")
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newRun(g), newDemo(g), newCompareLoad(g), newReport(g), newGrow(g), newScenario(g), newExplain(g), newDoctor(g), newApp(g), newSchema(g), newK6(),
	)
	root.InitDefaultCompletionCmd()
	if c, _, err := root.Find([]string{"completion"}); err == nil {
		// Cobra's own prints its help for a shell that it does not know, with status 0.
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return usage(fmt.Errorf("unknown shell %q", args[0]), "they are bash, zsh, fish, powershell")
		}
		c.Args = cobra.ArbitraryArgs
	}
	return root
}

// newHelp is cobra's, except that an unknown command is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "explain a command",
		RunE: func(c *cobra.Command, args []string) error {
			cmd, rest, err := c.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return usage(fmt.Errorf("unknown command %q", strings.Join(args, " ")), "scalecheck --help lists the commands")
			}
			return cmd.Help()
		},
	}
}

// usage marks an error of how the command was called.
func usage(err error, what string) error {
	return hint.Exit(hint.Wrap(err, what), hint.NotStarted)
}

// verdictError carries a verdict's exit status; its report has been printed.
type verdictError int

func (v verdictError) Error() string { return fmt.Sprintf("verdict with exit status %d", int(v)) }

// scalecheck runs the command line and returns the exit status.
func scalecheck(args []string, s streams) int {
	// The first signal ends the run in order: load stopped, results saved. The
	// second one is the shell's own, and kills.
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			stop(signalled{s})
		case <-done:
		}
	}()
	root := newRoot(s)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	signal.Stop(signals)
	close(done)
	by, caught := errors.AsType[signalled](context.Cause(ctx))
	if _, judged := errors.AsType[verdictError](err); caught && err != nil && !judged && !errors.Is(err, record.ErrBroken) {
		// Whatever it was that could not be finished, this is why.
		err = hint.Exit(hint.Wrap(fmt.Errorf("interrupted: %w", by), "nothing was put under load"), hint.Interrupted)
	}
	status := report(err, s.err)
	if status == hint.Interrupted && by.Signal == syscall.SIGTERM {
		status = hint.Terminated
	}
	return status
}

// signalled is the cause of a context that a signal has ended.
type signalled struct{ os.Signal }

func (s signalled) Error() string {
	if s.Signal == syscall.SIGTERM {
		return "SIGTERM"
	}
	return "SIGINT"
}

// report prints an error as its reader needs it and returns the exit status.
func report(err error, w io.Writer) int {
	if err == nil {
		return hint.Pass
	}
	if v, ok := errors.AsType[verdictError](err); ok {
		return int(v)
	}
	text := err.Error()
	status := hint.Status(err)
	what := hint.Of(err)
	// Cobra's own usage errors have no type.
	for _, start := range []string{"unknown command", "accepts ", "requires ", "required flag"} {
		if strings.HasPrefix(text, start) {
			status = hint.NotStarted
			if what == "" {
				what = "scalecheck --help lists the commands"
			}
		}
	}
	if first, rest, _ := strings.Cut(text, "\n"); strings.Contains(rest, "Did you mean") {
		fields := strings.Fields(rest)
		text, what = first, "did you mean: scalecheck "+fields[len(fields)-1]
	}
	if _, many := errors.AsType[*scenarios.Problems](err); !many {
		text = oneLine(text)
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok && pe.Path == os.Stdout.Name() && what == "" {
		what = "stdout takes no more: make room where it goes, or write elsewhere"
	}
	fmt.Fprintf(w, "scalecheck: %s\n", text)
	if what != "" {
		fmt.Fprintf(w, "hint: %s\n", what)
	}
	return status
}

// oneLine makes a line of errors that were joined; what is said twice, by two
// who stumbled over the same thing, is said once.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
