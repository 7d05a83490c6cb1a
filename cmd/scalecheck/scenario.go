package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

func newScenario(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "scenario",
		Short: "write, check, draw and mine scenarios",
		Long: `Write, check, draw and mine scenarios: files that say who the users are and what
they do. The language: scenarios/README.md. Built in are
` + strings.Join(scenarios.Builtins(), ", ") + ".",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newScenarioInit(g), newScenarioCheck(g), newScenarioShow(g), newScenarioMine(g))
	return c
}

// readScenario reads a scenario by the name of a built-in one or its file.
func readScenario(name string) (*scenarios.Scenario, error) {
	s, err := scenarios.Builtin(name)
	if err == nil || filepath.Ext(name) == "" && !strings.ContainsRune(name, os.PathSeparator) {
		return s, hint.Exit(err, hint.NotStarted)
	}
	if s, err = scenarios.Read(name); err != nil && hint.Of(err) == "" {
		err = hint.Wrap(err, "correct the file; scalecheck scenario init writes one to start with, scalecheck schema scenario helps an editor")
	}
	return s, hint.Exit(err, hint.NotStarted)
}

// oneOf complains about a word that a flag does not take.
func oneOf(what, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return usage(fmt.Errorf("unknown %s %q", what, value), "there are "+strings.Join(known, ", "))
}
