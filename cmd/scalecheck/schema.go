package main

import (
	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/reports"
	"github.com/scalecheck/scalecheck/scenarios"
)

func newSchema(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [report|growth|scenario]",
		Short: "print the JSON Schema of report.json, of grow -f json, or of scenario files",
		Long: `Print the JSON Schema (draft 2020-12) of report.json, of what scalecheck grow -f
json writes, or of scenario files for an editor. Fields are added, never renamed;
"format" is raised when an old reader could go wrong.

An editor with a YAML language server uses the scenarios' after a first line

    # yaml-language-server: $schema=scenario.schema.json`,
		Example:   "  scalecheck schema > report.schema.json\n  scalecheck schema scenario > scenario.schema.json",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"report", "growth", "scenario"},
		RunE: func(_ *cobra.Command, args []string) error {
			text := reports.Schema()
			if len(args) > 0 {
				if err := oneOf("schema", args[0], []string{"report", "growth", "scenario"}); err != nil {
					return err
				}
				switch args[0] {
				case "growth":
					text = reports.GrowthSchema()
				case "scenario":
					text = scenarios.Schema()
				}
			}
			_, err := g.out.Write(text)
			return err
		},
	}
}
