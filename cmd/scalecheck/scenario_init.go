package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

func newScenarioInit(g *global) *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "init [NAME]",
		Short: "write a scenario to start with",
		Long:  "Write NAME.yaml (scenario.yaml without a name): a commented scenario to start\nwith, or a copy of a built-in one. A file that is there already is left alone.",
		Example: `  scalecheck scenario init shop
  scalecheck scenario init campus --from lms`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "scenario.yaml"
			if len(args) > 0 {
				path = strings.TrimSuffix(args[0], ".yaml") + ".yaml"
			}
			text := scenarios.Start(strings.TrimSuffix(filepath.Base(path), ".yaml"))
			if from != "" {
				var err error
				if text, err = scenarios.BuiltinText(from); err != nil {
					return err
				}
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return usage(fmt.Errorf("%s is there already", path), "give another name: scalecheck scenario init NAME")
			}
			if err == nil {
				_, err = f.Write(text)
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				return hint.Exit(fmt.Errorf("write a scenario: %w", err), hint.NotStarted)
			}
			g.say("wrote %s; next: scalecheck scenario check %s", path, path)
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "copy this built-in scenario: "+strings.Join(scenarios.Builtins(), ", "))
	return c
}
