package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/reports"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A compared is one of the two loads and what came of it.
type compared struct {
	Load     string  `json:"load"` // artificial or realistic
	Scenario string  `json:"scenario"`
	Size     string  `json:"size"`  // of the data
	Users    float64 `json:"users"` // at once, in the highest step
	Status   string  `json:"status"`
	Headline string  `json:"headline"`

	// The throughput within the objectives lies between these, in requests per
	// second; Above is 0 where no step missed one.
	RPS   float64 `json:"rps"`
	Above float64 `json:"above,omitempty"`
	// UsersFit are the users of the highest step within the objectives.
	UsersFit float64 `json:"users_fit"`
	RunFile  string  `json:"run_file"`

	why string // no factor comes of it; empty: one does
}

// A comparison is what compare-load finds.
type comparison struct {
	Format     int      `json:"format"`
	Artificial compared `json:"artificial"`
	Realistic  compared `json:"realistic"`

	// Factor is the artificial throughput over the realistic one, both those of the
	// highest step within the objectives. It lies between Least and Most; Most is 0
	// where the artificial load never missed an objective. All are 0 when Why says
	// that there is no factor.
	Factor float64 `json:"factor"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most,omitempty"`
	Why    string  `json:"why,omitempty"`
}

func newCompareLoad(g *global) *cobra.Command {
	f := &runFlags{seed: 1, dataSeed: 1, limits: ownLimits(), noPro: true}
	var artificialUsers float64
	var format string
	c := &cobra.Command{
		Use:   "compare-load [SCENARIO]",
		Short: "how wrong is artificial load? the same app, with and without real users",
		Long: `Measure the bundled app twice, in the same steps and against the same objectives,
and say by what factor the two capacities differ:

  artificial  the requests of the scenario without its users: one account type that
              asks for any page, each as often as the others, without thinking, in a
              closed loop, on a database as small as on a laptop (XS)
  realistic   the scenario as it is, on the data of --size

Both capacities are requests per second in the highest step within the objectives.
When one of the two is inconclusive, or ran into a ceiling of the scenario's own
limits, there is no factor, and the status is 3. There are no other ceilings: the
load stays on this machine.

By default the app lacks an index that nobody misses on a small database; the
healthy one carries more users on a small machine than the default sends.

SCENARIO is a built-in name or a scenario file for the bundled app (default ` + scenarios.Default + `).
It takes twice --duration, and a minute or two for the data.`,
		Example: `  scalecheck compare-load
  scalecheck compare-load lms --fault none --size M --users 3000`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("format", format, []string{"text", "json", "markdown"}); err != nil {
				return err
			}
			f.limits.duration = max(f.limits.duration, f.duration)
			if !positive(artificialUsers) {
				return usage(errors.New("--artificial-users is no positive number"), "for example: --artificial-users 64")
			}
			name := scenarios.Default
			if len(args) > 0 {
				name = args[0]
			}
			return compareLoad(c.Context(), g, f, name, artificialUsers, format)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringArrayVar(&f.faults, "fault", []string{"missing-index"}, "fault of the bundled app, repeatable; none: the healthy app")
	fs.StringVar(&f.size, "size", "S", "size of the data for the realistic load: XS, S, M, L")
	fs.StringVar(&f.users, "users", "", "realistic users in the highest step (default: the scenario's)")
	fs.Float64Var(&artificialUsers, "artificial-users", 64, "artificial users in the highest step; none of them thinks")
	fs.DurationVar(&f.duration, "duration", 96*time.Second, "of each of the two loads")
	fs.IntVar(&f.steps, "steps", 8, "steps in which each rises")
	fs.StringArrayVar(&f.slo, "slo", nil, "objective, repeatable (default: the scenario's)")
	fs.Int64Var(&f.seed, "seed", 1, "seed of the users")
	fs.StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	fs.StringVarP(&f.output.dir, "output", "o", "", "directory for the two run files and comparison.json (default scalecheck-out/TIME)")
	fs.StringVarP(&format, "format", "f", "text", "what is printed: text, json, markdown")
	return c
}

// ownLimits are far above what any machine answers. Ceilings protect targets that
// are somebody's; this one is the bundled app, on the loopback interface.
func ownLimits() limitFlags {
	l := defaultLimits()
	l.rate, l.users = 1e6, 1e6
	return l
}

func compareLoad(ctx context.Context, g *global, f *runFlags, name string, artificialUsers float64, format string) error {
	if isScript(name) {
		return usage(fmt.Errorf("%s is a script: there are no users in it to leave out", name), "give a scenario file or a built-in scenario")
	}
	realistic, err := f.job(name)
	if err != nil {
		return err
	}
	if f.users == "" {
		realistic.load.Users, realistic.load.Rate = realistic.scenario.Load.Users, 0
	}
	if realistic.load.Users == 0 {
		return usage(fmt.Errorf("%s says how many sessions start, not how many users are active", name), "give --users")
	}
	small := *f
	small.size, small.users = "XS", strconv.FormatFloat(artificialUsers, 'f', -1, 64)
	artificial, err := small.job(name)
	if err != nil {
		return err
	}
	artificial.scenario = artificial.scenario.Artificial()

	out, err := f.output.open(time.Now())
	if err != nil {
		return err
	}
	watch := newWatch(g.streams)
	defer watch.close()
	r := comparison{Format: 1}
	for _, one := range []struct {
		what string
		job  *job
		into *compared
	}{{"artificial", artificial, &r.Artificial}, {"realistic", realistic, &r.Realistic}} {
		one.job.tell = watch.say
		watch.say(fmt.Sprintf("%s load: up to %g users, data of size %s", one.what, one.job.load.Users, one.job.size))
		path := filepath.Join(out.dir, one.what+".run")
		ev, err := one.job.record(ctx, path, watch.progress)
		if err != nil {
			if ev == nil {
				out.discard()
			}
			return err
		}
		rep, err := reports.New(ev, reports.Options{File: path})
		if err != nil {
			return err
		}
		*one.into = newCompared(one.what, one.job, rep, path)
	}
	watch.close()
	r.compare()
	if err := saveJSON(filepath.Join(out.dir, "comparison.json"), r); err != nil {
		return hint.Exit(err, hint.BrokenOff)
	}
	switch format {
	case "json":
		err = printJSON(g.out, r)
	case "markdown":
		_, err = fmt.Fprint(g.out, r.markdown())
	default:
		_, err = fmt.Fprint(g.out, r.text())
	}
	if err == nil && r.Why != "" {
		err = verdictError(hint.Inconclusive)
	}
	return err
}

func newCompared(what string, j *job, rep *reports.Report, path string) compared {
	have := rep.Model.Capacity
	c := compared{
		Load: what, Scenario: j.scenario.Name, Size: j.size, Users: j.load.Users,
		Status: string(rep.Verdict.Status), Headline: rep.Verdict.Headline,
		RPS: have.RPS, Above: have.NextRPS, UsersFit: have.Users, RunFile: path,
	}
	switch { // at a ceiling requests are late, which is inconclusive as well
	case capped(rep.Run.Plan.Limits.Rate, rep.Model):
		c.why = fmt.Sprintf("it ran into the ceiling of %g requests/s that the scenario's limits set, so that the app was not asked for more: raise it there", rep.Run.Plan.Limits.Rate)
	case rep.Verdict.Status == reports.Inconclusive:
		c.why = "it is inconclusive: " + rep.Verdict.Headline
	case have.RPS == 0:
		c.why = "it missed an objective in its first step already: give it fewer users"
	case what == "realistic" && have.NextRPS == 0:
		c.why = "it missed no objective, so that the app carries more than was tried: give it more --users"
	}
	return c
}

// atCeiling: what is sent at a ceiling comes close to it and never above.
const atCeiling = 0.95

// capped reports whether the load ran into its ceiling, in requests per second,
// in a step that the capacity comes from; 0 is none.
func capped(ceiling float64, m *capacity.Model) bool {
	if ceiling <= 0 {
		return false
	}
	for _, s := range m.Steps[:m.Judged+1] {
		if s.Seconds > 0 && float64(s.Requests) >= atCeiling*ceiling*float64(s.Seconds) {
			return true
		}
	}
	return false
}

// compare divides. Each throughput is known to lie between two steps.
func (r *comparison) compare() {
	a, b := r.Artificial, r.Realistic
	for _, c := range []compared{a, b} {
		if c.why != "" {
			r.Why = "no factor from the " + c.Load + " load: " + c.why
			return
		}
	}
	r.Factor, r.Least = a.RPS/b.RPS, a.RPS/b.Above
	if a.Above > 0 {
		r.Most = a.Above / b.RPS
	}
}

func (r *comparison) rows() [][]string {
	rows := [][]string{{"load", "data", "users tried", "users that fit", "requests/s within the objectives"}}
	for _, c := range []compared{r.Artificial, r.Realistic} {
		rps := fmt.Sprintf("%.0f", c.RPS)
		switch {
		case c.RPS > 0 && c.Above > 0:
			rps += fmt.Sprintf(" (missed at %.0f)", c.Above)
		case c.RPS > 0:
			rps += " or more"
		}
		rows = append(rows, []string{c.Load, c.Size, fmt.Sprintf("%g", c.Users), fmt.Sprintf("%g", c.UsersFit), rps})
	}
	return rows
}

func (r *comparison) sentence() string {
	switch {
	case r.Why != "":
		return r.Why
	case r.Most == 0:
		return fmt.Sprintf("Artificial load promises at least %.1f times what the app carries with its users.", r.Factor)
	}
	return fmt.Sprintf("Artificial load promises %.1f times what the app carries with its users (between %.1f and %.1f).", r.Factor, r.Least, r.Most)
}

func (r *comparison) text() string {
	var b strings.Builder
	rows := r.rows()
	for _, row := range rows {
		fmt.Fprintf(&b, "%-11s %-5s %-12s %-15s %s\n", row[0], row[1], row[2], row[3], row[4])
	}
	fmt.Fprintf(&b, "\n%s\n\n  scalecheck report %s    why, for each of them\n", r.sentence(), r.Realistic.RunFile)
	return b.String()
}

func (r *comparison) markdown() string {
	var b strings.Builder
	for i, row := range r.rows() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.sentence())
	return b.String()
}

func saveJSON(path string, v any) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return printJSON(f, v)
}
