package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

func newScenarioShow(g *global) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "show FILE|NAME",
		Short: "draw the journeys of a scenario",
		Long: `Draw what each persona of a scenario does: places with the shares of the ways
on, loops and think times; then the mix of requests that comes of it.`,
		Example: `  scalecheck scenario show lms
  scalecheck scenario show shop.yaml --format dot | dot -Tsvg > shop.svg
  scalecheck scenario show shop.yaml --format mermaid`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, scenarios.Drawings); err != nil {
				return err
			}
			s, err := readScenario(args[0])
			if err != nil {
				return err
			}
			m, err := scenarios.NewModel(s)
			if err != nil {
				return hint.Exit(err, hint.NotStarted)
			}
			return m.Draw(g.out, format)
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "text", "form of the drawing: "+strings.Join(scenarios.Drawings, ", "))
	return c
}
