package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/scenarios/mine"
)

// mineFlags are what scalecheck scenario mine takes.
type mineFlags struct {
	out, mode, name, routes, format string
	fields                          map[string]string
	idle                            time.Duration
	seed                            uint64
	force                           bool
}

func newScenarioMine(g *global) *cobra.Command {
	f := &mineFlags{}
	c := &cobra.Command{
		Use:   "mine LOG...",
		Short: "make a scenario of access logs and recordings",
		Long: `Make a scenario of what really happened: access logs (the common and combined
formats of Apache and nginx, or a JSON object a line as nginx, Caddy, Traefik and
load balancers write it) and HAR recordings, compressed by gzip or not; - is
standard input.

Logs say who does what, in which order, how fast, on what, and how sessions come.
A recording of the same application adds what no log has: bodies, and from which
answer an identifier was taken. What is still missing, credentials above all, is
marked fill_in in the file, and nothing runs before it is filled in.

It prints how faithful the model is: fitted to one half of the sessions, held
against the other, beside the floor, which is what two halves differ by anyway.

--mode skeleton keeps the recorded sequences of requests and draws the values
anew; --mode graph makes journeys that can be read and changed, with counted
loops, and loses what lies more than one page back.

No cookie, credential, address, user or text of a user is in the file. Paths and
the names of parameters are: look at them before you pass it on.`,
		Example: `  scalecheck scenario mine access.log -o shop.yaml
  scalecheck scenario mine access.log.2.gz access.log.1 access.log -o shop.yaml --mode graph
  scalecheck scenario mine access.log clicks.har -o shop.yaml   # bodies from a recording
  scalecheck scenario mine app.jsonl --field time=ts --field session=sid -o shop.yaml
  zcat *.gz | scalecheck scenario mine - --routes routes.txt -o shop.yaml --format json | jq .verdict`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return f.mine(g, args) },
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&f.out, "output", "o", "mined.yaml", "the scenario file; skeletons are written beside it")
	fs.BoolVar(&f.force, "force", false, "overwrite files that are there")
	fs.StringVar(&f.mode, "mode", string(mine.Skeletons), "skeleton, graph, or markov (to compare with: a chain without loops)")
	fs.StringVar(&f.name, "name", "", "of the scenario (default: the file's)")
	fs.StringVar(&f.routes, "routes", "", "file with the application's routes, one a line: GET /courses/{id}; others are dropped")
	fs.StringToStringVar(&f.fields, "field", nil, "name of a JSON log's field, repeatable: time=ts; there are "+strings.Join(mine.FieldNames(), ", "))
	fs.DurationVar(&f.idle, "idle", mine.DefaultIdle, "without a request for so long, a session is over")
	fs.Uint64Var(&f.seed, "seed", 1, "same log and seed, same model and figures")
	fs.StringVarP(&f.format, "format", "f", "text", "of what is printed: text or json")
	return c
}

func (f *mineFlags) mine(g *global, args []string) error {
	if err := oneOf("format", f.format, []string{"text", "json"}); err != nil {
		return err
	}
	if ext := filepath.Ext(f.out); ext != ".yaml" && ext != ".yml" {
		return usage(fmt.Errorf("-o %s is no scenario file", f.out), "give a name that ends in .yaml")
	}
	if f.idle <= 0 {
		return usage(fmt.Errorf("--idle %v ends no session", f.idle), "for example: --idle 30m")
	}
	if _, err := os.Stat(f.out); err == nil && !f.force {
		return usage(fmt.Errorf("%s is there already", f.out), "what was filled in there would be lost; choose another name with -o, or --force")
	}
	l, err := f.read(args)
	if err != nil {
		return err
	}
	o := mine.FitOptions{Mode: mine.Mode(f.mode), Name: f.name, Seed: f.seed}
	if o.Name == "" {
		o.Name = strings.TrimSuffix(filepath.Base(f.out), filepath.Ext(f.out))
	}
	m, err := mine.Fit(l, o)
	if err != nil {
		return err
	}
	files := m.Files(f.out)
	for _, name := range slices.Backward(sortedNames(files)) { // the scenario after what it names
		if err := os.WriteFile(filepath.Join(filepath.Dir(f.out), name), files[name], 0o666); err != nil {
			return usage(err, "choose a place that you may write to with -o")
		}
	}
	v, judgeErr := mine.Judge(l, o, m.Rules())
	if f.format == "json" {
		err = json.NewEncoder(g.out).Encode(minedJSON(f.out, l, m, v))
	} else {
		err = minedText(g.out, l, v, judgeErr)
	}
	if err != nil {
		return err
	}
	g.say("wrote %s and %d files of skeletons", f.out, len(files)-1)
	if n := len(m.Blanks); n > 0 {
		g.say("%d things to fill in: scalecheck scenario check %s names the lines", n, f.out)
	}
	return nil
}

func sortedNames(files map[string][]byte) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// read reads the inputs, logs in the order of their first lines.
func (f *mineFlags) read(args []string) (*mine.Log, error) {
	o := mine.Options{Fields: f.fields, Idle: f.idle, Seed: f.seed}
	if f.routes != "" {
		r, err := os.Open(f.routes)
		if err != nil {
			return nil, unreadable(f.routes, err)
		}
		o.Routes, err = mine.ReadRoutes(f.routes, r)
		_ = r.Close() // only read
		if err != nil {
			return nil, usage(err, "one route a line, such as GET /courses/{id}")
		}
		if len(o.Routes) == 0 {
			return nil, usage(fmt.Errorf("%s: no route in it", f.routes), "one route a line, such as GET /courses/{id}")
		}
	}
	m, err := mine.New(o)
	if err != nil {
		return nil, err
	}
	first := map[string]float64{}
	for _, name := range args {
		if name == "-" {
			continue
		}
		r, err := os.Open(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		first[name] = mine.FirstTime(r, f.fields)
		_ = r.Close() // only read
	}
	slices.SortStableFunc(args, func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	for _, name := range args {
		if name == "-" {
			if err := m.Read("standard input", os.Stdin); err != nil {
				return nil, err
			}
			continue
		}
		r, err := os.Open(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		err = m.Read(name, r)
		_ = r.Close() // only read
		if err != nil {
			return nil, err
		}
	}
	return m.Log()
}

func unreadable(name string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // the name is in the line already
	}
	return usage(fmt.Errorf("read %s: %w", name, err), "give access logs or HAR recordings")
}

// minedText prints what was read and how faithful the model is.
func minedText(w io.Writer, l *mine.Log, v *mine.Verdict, why error) error {
	var b strings.Builder
	r := &l.Report
	for _, in := range r.Inputs {
		fmt.Fprintf(&b, "%s: %s, %d lines, %s\n", in.Name, in.Format, in.Lines, cmp.Or(in.Timing, "no request times: think times hold the answers' too"))
		if in.Broken > 0 {
			fmt.Fprintf(&b, "  %d lines can't be read, the first are %s\n", in.Broken, strings.Trim(fmt.Sprint(in.BrokenAt), "[]"))
		}
	}
	fmt.Fprintf(&b, "%d requests read, %d kept in %d sessions\n", r.Requests, r.Kept, r.Sessions)
	if r.Sampled < r.Sessions {
		fmt.Fprintf(&b, "  of which a random %d are in the model\n", r.Sampled)
	}
	for _, what := range r.Why() {
		fmt.Fprintf(&b, "  dropped: %s\n", what)
	}
	for _, k := range r.Keys() {
		fmt.Fprintf(&b, "  told apart by %s\n", k)
	}
	if v == nil {
		fmt.Fprintf(&b, "\nnot judged: %v\n", why)
		_, err := io.WriteString(w, b.String())
		return err
	}
	fmt.Fprintf(&b, "\nfitted to %d sessions, held against %d others (mode %s)\n\n", v.Fitted, v.Judged, v.Mode)
	fmt.Fprintf(&b, "  %-60s %7s %7s %7s\n", "distance", "model", "floor", "limit")
	for _, x := range v.Measures {
		if x.Missing != "" {
			fmt.Fprintf(&b, "  %-60s not measured: %s\n", x.Name, x.Missing)
			continue
		}
		word := "ok"
		if !x.Pass {
			word = "MISSED"
		}
		fmt.Fprintf(&b, "  %-60s %7.3f %7.3f %7.3f  %s\n", x.Name, x.Value, x.Floor, x.Limit, word)
	}
	b.WriteString("\nlimit: the goal, or 1.5 times the floor (what two halves of the log differ by) where that is more\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// mined is the JSON output.
type mined struct {
	Format   string            `json:"format"`
	Scenario string            `json:"scenario"` // the file
	Report   mine.Report       `json:"report"`
	Personas []minedPersona    `json:"personas"`
	Arrivals mine.Dispersion   `json:"arrivals"`
	FillIn   map[string]string `json:"fill_in,omitempty"`
	Held     []string          `json:"held,omitempty"` // invariants that no session broke
	Verdict  *mine.Verdict     `json:"verdict,omitempty"`
}

type minedPersona struct {
	Name      string   `json:"name"`
	Share     float64  `json:"share"`
	Start     []string `json:"start,omitempty"`
	Skeletons int      `json:"skeletons,omitempty"` // different ones
}

func minedJSON(file string, l *mine.Log, m *mine.Model, v *mine.Verdict) mined {
	out := mined{Format: "scalecheck.mined/1", Scenario: file, Report: l.Report, Arrivals: l.Dispersion(), FillIn: m.Blanks, Verdict: v}
	for _, p := range m.Scenario.Personas {
		out.Personas = append(out.Personas, minedPersona{p.Name, p.Share, p.Start, len(p.Skeletons)})
	}
	for _, r := range m.Rules() {
		out.Held = append(out.Held, r.Text)
	}
	return out
}
