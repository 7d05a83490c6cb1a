// Command accuracy measures how faithful mined models are: users of a known
// truth leave an access log, half of its sessions become a model, and the model
// is held against the other half.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "embed"

	"github.com/scalecheck/scalecheck/scenarios"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

//go:embed term.yaml
var term []byte

// A log is a truth and how it is written down.
type log struct {
	Truth string `json:"truth"`
	JSON  bool   `json:"json"` // with milliseconds; else combined, with seconds
}

var logs = []log{{"term", true}, {"term", false}, {"lms", true}}

var modes = []mine.Mode{mine.Skeletons, mine.Graph, mine.Markov}

// A result is of one log.
type result struct {
	log
	Sessions int             `json:"sessions"`
	Requests int             `json:"requests"`
	Verdicts []*mine.Verdict `json:"verdicts"` // one a mode
	Same     bool            `json:"same"`     // a model made again, with the same seed, draws the same sessions
}

func main() {
	sessions := flag.Int("sessions", 10_000, "of each log")
	seed := flag.Uint64("seed", 1, "of the truth and of the models")
	out := flag.String("out", "", "directory for mining.md and mining.json; empty: print only")
	flag.Parse()
	if err := run(*sessions, *seed, *out); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(sessions int, seed uint64, out string) error {
	var all []result
	for _, l := range logs {
		r, err := measure(l, sessions, seed)
		if err != nil {
			return fmt.Errorf("%s: %w", l.Truth, err)
		}
		all = append(all, r)
	}
	text := table(all, seed)
	fmt.Print(text)
	if out == "" {
		return nil
	}
	figures, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "mining.json"), append(figures, '\n'), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "mining.md"), []byte(text), 0o666)
}

func truth(name string) (*scenarios.Scenario, error) {
	if name == "term" {
		return scenarios.Parse("term.yaml", term)
	}
	return scenarios.Builtin(name)
}

func measure(l log, sessions int, seed uint64) (result, error) {
	r := result{log: l}
	s, err := truth(l.Truth)
	if err != nil {
		return r, err
	}
	var text bytes.Buffer
	if err := mine.Record(&text, s, mine.RecordOptions{Sessions: sessions, Rate: 2, Seed: seed, JSON: l.JSON}); err != nil {
		return r, err
	}
	read := func() (*mine.Log, error) {
		m, err := mine.New(mine.Options{Seed: seed})
		if err != nil {
			return nil, err
		}
		if err := m.Read("access.log", bytes.NewReader(text.Bytes())); err != nil {
			return nil, err
		}
		return m.Log()
	}
	got, err := read()
	if err != nil {
		return r, err
	}
	r.Sessions, r.Requests = got.Report.Sessions, got.Report.Kept
	whole, err := mine.Fit(got, mine.FitOptions{Seed: seed})
	if err != nil {
		return r, err
	}
	rules := append(whole.Rules(), translate(s, got)...)
	for _, mode := range modes {
		v, err := mine.Judge(got, mine.FitOptions{Mode: mode, Seed: seed}, rules)
		if err != nil {
			return r, err
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	r.Same, err = same(whole, read, seed)
	return r, err
}

// translate returns the truth's invariants with the names that the log's
// operations have got.
func translate(s *scenarios.Scenario, l *mine.Log) []scenarios.Invariant {
	names := map[string]string{}
	for i := range s.Endpoints {
		for _, op := range l.Ops {
			e := scenarios.Endpoint{Method: op.Method, Path: op.Path}
			if e.Route() == s.Endpoints[i].Route() {
				names[s.Endpoints[i].Name] = op.Name
			}
		}
	}
	var out []scenarios.Invariant
	for _, i := range s.Invariants {
		if names[i.Left] == "" || names[i.Right] == "" {
			continue // nobody requested it
		}
		i.Left, i.Right = names[i.Left], names[i.Right]
		out = append(out, i)
	}
	return out
}

// same reports whether the log, read and fitted again, gives the same sessions.
func same(whole *mine.Model, read func() (*mine.Log, error), seed uint64) (bool, error) {
	l, err := read()
	if err != nil {
		return false, err
	}
	again, err := mine.Fit(l, mine.FitOptions{Seed: seed})
	if err != nil {
		return false, err
	}
	var drawn [2][]mine.Session
	for i, m := range []*mine.Model{whole, again} {
		if drawn[i], err = m.Draw(1000, seed); err != nil {
			return false, err
		}
	}
	return slices.EqualFunc(drawn[0], drawn[1], func(a, b mine.Session) bool {
		return slices.EqualFunc(a.Calls, b.Calls, func(x, y mine.Call) bool {
			return x.Op == y.Op && x.Think == y.Think && slices.Equal(x.Values, y.Values)
		})
	}), nil
}

func table(all []result, seed uint64) string {
	var b strings.Builder
	b.WriteString("# How faithful mined models are\n\nWritten by `make accuracy-mining`; every figure is in mining.json.\n\n" +
		"Users of a scenario that is known, the truth, leave an access log (drawn by scenarios.Walk, with a clock of its own:\n" +
		"ten thousand sessions take hours in real time). A model is fitted to one half of the sessions and held against the\n" +
		"other; all figures are means over eight random partings. **floor** is what the two halves differ by: no model can be\n" +
		"expected to stay below. **limit** is the goal, or 1.5 times the floor where that is more. *markov* is a chain without\n" +
		"loops, what most tools do. 0 is the same.\n")
	for _, r := range all {
		clock := "combined log, times in seconds"
		if r.JSON {
			clock = "JSON log, times in milliseconds"
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n%d sessions, %d requests, seed %d.\n\n| distance | skeleton | graph | markov | floor | limit | skeleton holds |\n|---|---|---|---|---|---|---|\n",
			r.Truth, clock, r.Sessions, r.Requests, seed)
		for i, x := range r.Verdicts[0].Measures {
			if x.Missing != "" {
				fmt.Fprintf(&b, "| %s | – | – | – | – | – | not measured: %s |\n", x.Name, x.Missing)
				continue
			}
			fmt.Fprintf(&b, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %s |\n", x.Name, x.Value, r.Verdicts[1].Measures[i].Value,
				r.Verdicts[2].Measures[i].Value, x.Floor, x.Limit, map[bool]string{true: "yes", false: "**no**"}[x.Pass])
		}
		fmt.Fprintf(&b, "\nRead and fitted again with the same seed, the model draws %s.\n",
			map[bool]string{true: "exactly the same sessions", false: "**other sessions**"}[r.Same])
	}
	b.WriteString("\nNot measured here: what the database does. Statement counts need the application itself.\n")
	return b.String()
}
