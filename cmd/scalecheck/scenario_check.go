package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// checkedSessions give a share of 10 % to about ± 1 %.
const checkedSessions = 1000

// checked is the JSON that check prints.
type checked struct {
	Scenario   string                `json:"scenario"`
	SHA256     string                `json:"sha256,omitempty"`
	Problems   []problem             `json:"problems"`
	Simulation *scenarios.Simulation `json:"simulation,omitempty"`
}

type problem struct {
	File string `json:"file,omitempty"` // beside the scenario
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

func newScenarioCheck(g *global) *cobra.Command {
	var format string
	var seed int64
	c := &cobra.Command{
		Use:   "check FILE|NAME",
		Short: "find what is wrong in a scenario, and say what its users would do",
		Long: `Find everything that is wrong in a scenario file. If nothing is, draw 1,000
sessions from it without sending a request, on a target that has everything, and
say how long they are, what they request and which invariants do not hold.

The exit status is 2 if anything is wrong, broken invariants included.`,
		Example: `  scalecheck scenario check shop.yaml
  scalecheck scenario check shop.yaml --format json | jq .simulation.mix`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, []string{"text", "json"}); err != nil {
				return err
			}
			out := checked{Scenario: args[0], Problems: []problem{}}
			s, err := readScenario(args[0])
			if err != nil {
				wrong, ok := errors.AsType[*scenarios.Problems](err)
				if format == "text" || !ok {
					return err
				}
				for _, p := range wrong.List {
					out.Problems = append(out.Problems, problem(p))
				}
				return errors.Join(printJSON(g.out, out), verdictError(hint.NotStarted))
			}
			m, err := scenarios.NewModel(s)
			if err != nil {
				return hint.Exit(err, hint.NotStarted)
			}
			sim := m.Simulate(checkedSessions, seed)
			out.Scenario, out.SHA256, out.Simulation = s.Name, s.SHA256, &sim
			if format == "json" {
				err = printJSON(g.out, out)
			} else {
				err = printSimulation(g.out, s, &sim)
			}
			if err == nil && len(sim.Broken) > 0 {
				err = verdictError(hint.NotStarted)
			}
			return err
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "text", "text or json")
	c.Flags().Int64Var(&seed, "seed", 1, "same seed, same sessions")
	return c
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printSimulation(w io.Writer, s *scenarios.Scenario, sim *scenarios.Simulation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // Flush has the error
	line("%s (%s) is in order: personas %d, endpoints %d", s.Name, s.Source, len(s.Personas), len(s.Endpoints))
	line("\n%d sessions drawn with seed %d, on a target that has everything:\n", sim.Sessions, sim.Seed)
	line("\tmean\tmedian\tp90\tlongest")
	number := func(v float64) string { return fmt.Sprintf("%.3g", v) }
	seconds := func(v float64) string { return scenarios.Pretty(scenarios.Seconds(v)) }
	for _, row := range []struct {
		what   string
		spread scenarios.Spread
		format func(float64) string
	}{
		{"requests of a session", sim.Requests, number},
		{"length of a session, without answers", sim.Length, seconds},
		{"think time", sim.Think, seconds},
	} {
		v := row.spread
		line("%s\t%s\t%s\t%s\t%s", row.what, row.format(v.Mean), row.format(v.P50), row.format(v.P90), row.format(v.Max))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	line("\nMix")
	for _, p := range sim.Mix {
		line("%.1f %%\t%s", 100*p.Share, p.Endpoint)
	}
	if len(s.Invariants) > 0 {
		line("\nInvariants")
	}
	for _, i := range s.Invariants {
		state := "holds"
		for _, b := range sim.Broken {
			if b.Invariant == i.Text {
				state = fmt.Sprintf("BROKEN in %d sessions, such as: %s", b.Sessions, strings.Join(b.Example, " "))
			}
		}
		line("%s\t%s", i.Text, state)
	}
	return t.Flush()
}
