package main

import (
	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/reports"
)

func newSchema(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of report.json",
		Long: `Print the JSON Schema (draft 2020-12) of report.json. Fields are added, never
renamed; "format" is raised when an old reader could go wrong.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := g.out.Write(reports.Schema())
			return err
		},
	}
}
