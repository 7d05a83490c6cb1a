// Command accuracy measures how faithful mined models are: users of a known
// truth leave an access log, half of its sessions become a model, and the model
// is held against the other half. Most logs are drawn, with a clock of their own;
// one is written by the bundled app while scalecheck's users use it, and the users
// that are mined from it are sent to the app again.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	_ "embed"

	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
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

// results are what mining.json holds.
type results struct {
	Drawn []result `json:"drawn"`
	Real  *real    `json:"real,omitempty"`
}

// flags say what to measure.
type flags struct {
	sessions int
	seed     uint64
	out      string

	truth, size string
	users       int
	rate        float64
}

func main() {
	var f flags
	flag.IntVar(&f.sessions, "sessions", 10_000, "of each drawn log; 0: draw none")
	flag.Uint64Var(&f.seed, "seed", 1, "of the truths and of the models")
	flag.StringVar(&f.out, "out", "", "directory for mining.md and mining.json; empty: print only")
	flag.StringVar(&f.truth, "real", "portal", "built-in scenario whose users use the bundled app")
	flag.IntVar(&f.users, "users", 10_300, "sessions that they begin, about; 0: none")
	flag.Float64Var(&f.rate, "rate", 33, "of these, per second")
	flag.StringVar(&f.size, "size", "S", "of the bundled app's data: XS, S, M, L")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := f.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func (f *flags) run(ctx context.Context) error {
	var all results
	if f.sessions > 0 {
		for _, l := range logs {
			r, err := measure(l, f.sessions, f.seed)
			if err != nil {
				return fmt.Errorf("%s: %w", l.Truth, err)
			}
			all.Drawn = append(all.Drawn, r)
		}
	}
	if f.users > 0 {
		var err error
		if all.Real, err = f.real(ctx); err != nil {
			return fmt.Errorf("the log of the app: %w", err)
		}
	}
	text := all.table(f.seed)
	fmt.Print(text)
	if f.out == "" {
		return nil
	}
	figures, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.out, "mining.json"), append(figures, '\n'), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.out, "mining.md"), []byte(text), 0o666)
}

// real measures with the bundled app on a private server.
func (f *flags) real(ctx context.Context) (r *real, err error) {
	s, err := scenarios.Builtin(f.truth)
	if err != nil {
		return nil, err
	}
	size, err := referenceapp.ParseSize(f.size)
	if err != nil {
		return nil, err
	}
	if err := bundled.FollowSize(s, size); err != nil {
		return nil, err
	}
	c, err := pg.Start(ctx, pg.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Stop(context.WithoutCancel(ctx))) }()
	length := scenarios.Seconds(float64(f.users) / f.rate)
	return measureReal(ctx, &site{c.Server, size}, s, load{f.rate, length, int64(f.seed)})
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
	if r.Verdicts, err = judge(got, seed, append(whole.Rules(), translate(s, got)...)); err != nil {
		return r, err
	}
	r.Same, err = same(whole, read, seed)
	return r, err
}

// judge returns a verdict for each mode.
func judge(l *mine.Log, seed uint64, rules []scenarios.Invariant) ([]*mine.Verdict, error) {
	var all []*mine.Verdict
	for _, mode := range modes {
		v, err := mine.Judge(l, mine.FitOptions{Mode: mode, Seed: seed}, rules)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
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

func (all *results) table(seed uint64) string {
	var b strings.Builder
	b.WriteString("# How faithful mined models are\n\nWritten by `make accuracy-mining`; every figure is in mining.json.\n\n" +
		"Users of a scenario that is known, the truth, leave an access log. A model is fitted to one half of the sessions and\n" +
		"held against the other; all figures are means over eight random partings. **floor** is what the two halves differ by:\n" +
		"no model can be expected to stay below. **limit** is the goal, or 1.5 times the floor where that is more. *markov* is a\n" +
		"chain without loops, what most tools do. 0 is the same.\n\n" +
		"Most logs are drawn by scenarios.Walk, with a clock of its own: ten thousand sessions take hours in real time.\n")
	for _, r := range all.Drawn {
		clock := "combined log, times in seconds"
		if r.JSON {
			clock = "JSON log, times in milliseconds"
		}
		fmt.Fprintf(&b, "\n## %s: %s\n\n%d sessions, %d requests, seed %d.\n\n", r.Truth, clock, r.Sessions, r.Requests, seed)
		verdictTable(&b, r.Verdicts)
		fmt.Fprintf(&b, "\nRead and fitted again with the same seed, the model draws %s.\n",
			map[bool]string{true: "exactly the same sessions", false: "**other sessions**"}[r.Same])
	}
	if all.Real != nil {
		all.Real.table(&b, runtime.NumCPU())
	}
	return b.String()
}

// verdictTable writes the verdicts of the modes side by side.
func verdictTable(b *strings.Builder, verdicts []*mine.Verdict) {
	b.WriteString("| distance | skeleton | graph | markov | floor | limit | skeleton holds |\n|---|---|---|---|---|---|---|\n")
	for i, x := range verdicts[0].Measures {
		if x.Missing != "" {
			fmt.Fprintf(b, "| %s | – | – | – | – | – | not measured: %s |\n", x.Name, x.Missing)
			continue
		}
		fmt.Fprintf(b, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %s |\n", x.Name, x.Value, verdicts[1].Measures[i].Value,
			verdicts[2].Measures[i].Value, x.Floor, x.Limit, map[bool]string{true: "yes", false: "**no**"}[x.Pass])
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
