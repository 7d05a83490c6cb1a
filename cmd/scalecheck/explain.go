package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/reference-app/faults"
)

func newExplain(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [NAME]",
		Short: "print the manual of a finding, or list them",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return analyzerNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, a := range analyzers.All {
					if _, err := fmt.Fprintf(g.out, "%-22s %s\n", a.Name, a.Title()); err != nil {
						return err
					}
				}
				return nil
			}
			a := analyzers.Lookup(args[0])
			if a == nil {
				return usage(fmt.Errorf("no analyzer is called %q", args[0]), "they are "+strings.Join(analyzerNames(), ", "))
			}
			_, err := fmt.Fprintf(g.out, "%s: %s\n", a.Name, strings.TrimSpace(a.Doc))
			return err
		},
	}
}

func analyzerNames() []string {
	var names []string
	for _, a := range analyzers.All {
		names = append(names, a.Name)
	}
	return names
}

func faultNames() string {
	var names []string
	for _, f := range faults.All {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
