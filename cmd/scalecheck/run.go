package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/hint"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/reports"
	"github.com/scalecheck/scalecheck/scenarios"
)

// runFlags are what scalecheck run takes.
type runFlags struct {
	target, db, metrics string
	pid                 []int
	faults              []string
	size                string
	dataSeed            int64
	pgBin, accessLog    string

	users, rate   string
	scale         string
	duration      time.Duration
	steps         int
	slo           []string
	seed          int64
	limits        limitFlags
	writes, noPro bool
	k6Out         []string

	output outputFlags
}

// limitFlags are the ceilings.
type limitFlags struct {
	rate, users float64
	duration    time.Duration
	body        int64
	hosts       []string
}

func newRun(g *global) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "run [SCENARIO]",
		Short: "put users on an application and say what holds it up",
		Long: `Put users on an application, step by step, and say how many it carries within its
objectives and what holds it up beyond.

SCENARIO is a built-in name (` + strings.Join(scenarios.Builtins(), ", ") + `;
` + scenarios.Default + ` if none is given), a scenario file (.yaml) or a plain k6 script (.js, .ts), whose
own scenarios and thresholds then rule.

Without --target the bundled app is measured, with the faults of --fault, on a
private PostgreSQL, or on the server of --db in a database of its own.

With --target, --db is the application's database. scalecheck's own sessions only
read; a role with CONNECT and pg_read_all_stats is enough. The scenario writes
what its requests write. Passwords come from PGPASSWORD, ~/.pgpass or a service
file, never from the command line.

` + statuses,
		Example: `  scalecheck run                                   # the bundled app, ill all over
  scalecheck run --fault n-plus-one --users 200
  scalecheck run lms --target http://127.0.0.1:8080 --db service=staging
  scalecheck run load.js --target http://127.0.0.1:8080 --db "host=127.0.0.1 dbname=shop user=scalecheck"
  scalecheck run --slo 'p95<300ms' --slo 'POST /api/v1/register p99<1s' --format junit,html -o out`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			scenario := ""
			if len(args) > 0 {
				scenario = args[0]
			}
			if err := f.set(c); err != nil {
				return err
			}
			return run(c.Context(), g, f, scenario)
		},
	}
	f.add(c)
	return c
}

func (f *runFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.target, "target", "", "base URL of the application to measure; empty: the bundled app")
	fs.StringVar(&f.db, "db", "", "its database: a URL or keywords as libpq takes them, without a password")
	fs.StringVar(&f.metrics, "metrics", "", "URL of its Prometheus metrics (default: /metrics of the target)")
	fs.IntSliceVar(&f.pid, "pid", nil, "process of the application, where it is on this machine (default: who listens at the target)")
	fs.StringArrayVar(&f.faults, "fault", nil, "fault of the bundled app, repeatable; naive: the five of a first version, none: the healthy app (default naive)")
	fs.StringVar(&f.size, "size", "S", "size of the bundled app's data: XS, S, M (the first ten thousand users), L")
	fs.Int64Var(&f.dataSeed, "data-seed", 1, "seed of the bundled app's data")
	fs.StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	fs.StringVar(&f.accessLog, "access-log", "", accessLogUsage)
	fs.StringVar(&f.users, "users", "", "users active at once in the highest step, thinking included (default: the scenario's)")
	fs.StringVar(&f.rate, "rate", "", "instead of users: sessions that start in the highest step, such as 5/s")
	fs.StringVar(&f.scale, "scale", "", "so many times the rate of sessions, such as 3x; who comes and what they do stays (with --rate, or a scenario that gives one)")
	fs.DurationVar(&f.duration, "duration", 0, "of all load together (default: the scenario's)")
	fs.IntVar(&f.steps, "steps", 0, "steps in which the load rises (default: the scenario's)")
	fs.StringArrayVar(&f.slo, "slo", nil, "objective, repeatable: 'p95<300ms', 'errors<1%', 'GET /path p99<1s' (default: the scenario's)")
	fs.Int64Var(&f.seed, "seed", 1, "seed of the users: same seed, same users, same choices")
	fs.BoolVar(&f.writes, "probe-writes", false, "let the isolation probe of a foreign target send other requests than GET")
	fs.BoolVar(&f.noPro, "no-probe", false, "leave the isolation probe out; statements are then not known by endpoint")
	fs.StringArrayVar(&f.k6Out, "k6-out", nil, "more of k6's own outputs, as k6 run --out takes them, repeatable")
	fs.StringArrayVar(&f.limits.hosts, "allow-host", nil, "host or host:port that redirects may lead to, repeatable")
	d := defaultLimits()
	fs.Float64Var(&f.limits.rate, "max-rate", d.rate, "ceiling: requests per second")
	fs.Float64Var(&f.limits.users, "max-users", d.users, "ceiling: users at once")
	fs.DurationVar(&f.limits.duration, "max-duration", d.duration, "ceiling: load altogether")
	fs.Int64Var(&f.limits.body, "max-body", d.body, "ceiling: bytes read of one answer")
	f.output.add(c, "text,html,json")
}

// set derives what the flags leave open. A flag that would be without effect is
// a mistake: who gives it believes in something else than what will happen.
func (f *runFlags) set(c *cobra.Command) error {
	changed := c.Flags().Changed
	for _, name := range []string{"fault", "size", "data-seed", "pg-bin", "access-log"} {
		if f.target != "" && changed(name) {
			return usage(fmt.Errorf("--%s is for the bundled app and can't be used with --target", name), "leave one of them out")
		}
	}
	for _, name := range []string{"pid", "metrics", "probe-writes"} {
		if f.target == "" && changed(name) {
			return usage(fmt.Errorf("--%s is for an application of your own", name), "name it with --target URL, or leave --"+name+" out")
		}
	}
	if f.target == "" && !changed("fault") {
		f.faults = []string{"naive"}
	}
	return nil
}

func defaultLimits() limitFlags {
	d := scenarios.DefaultLimits()
	return limitFlags{rate: d.Rate, users: d.Users, duration: d.Duration.Duration(), body: d.BodyBytes}
}

// check makes sure that a ceiling stays one: zero would be none at all.
func (l limitFlags) check() error {
	for _, c := range []struct {
		flag  string
		value any
		ok    bool
	}{
		{"rate", l.rate, positive(l.rate)}, {"users", l.users, positive(l.users)},
		{"duration", l.duration, l.duration > 0}, {"body", l.body, l.body > 0},
	} {
		if !c.ok {
			return usage(fmt.Errorf("--max-%s %v is no ceiling", c.flag, c.value), "give what may not be exceeded, or leave it out")
		}
	}
	return nil
}

// positive is false for infinity and what is not a number.
func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func (l limitFlags) limits() scenarios.Limits {
	return scenarios.Limits{
		Rate: l.rate, Users: l.users, Duration: scenarios.Seconds(l.duration.Seconds()), BodyBytes: l.body, Hosts: l.hosts,
	}
}

// run measures, judges, writes and prints.
func run(ctx context.Context, g *global, f *runFlags, scenario string) error {
	_, err := measure(ctx, g, f, scenario)
	return err
}

// measure is run for who wants to do more with the report. It is there whenever
// one was written, beside the error that carries the verdict's exit status.
func measure(ctx context.Context, g *global, f *runFlags, scenario string) (*reports.Report, error) {
	job, err := f.job(scenario)
	if err != nil {
		return nil, err
	}
	out, err := f.output.open(time.Now())
	if err != nil {
		return nil, err
	}
	watch := newWatch(g.streams)
	defer watch.close()
	job.tell = watch.say

	ev, recErr := job.record(ctx, out.runFile(), watch.progress)
	watch.close()
	if ev == nil || hint.Status(recErr) == hint.NotStarted {
		if ev != nil { // else the file is an earlier run's, if there is one
			_ = os.Remove(out.runFile())
		}
		out.discard()
		return nil, recErr
	}
	rep, err := reports.New(ev, f.output.options(out.runFile(), ev))
	if err != nil {
		return nil, errors.Join(err, recErr)
	}
	if err := out.write(g.streams, rep); err != nil {
		// What went wrong first says what to do.
		return nil, hint.Exit(errors.Join(recErr, err), hint.BrokenOff)
	}
	g.say("")
	out.list(g)
	if recErr != nil {
		return rep, recErr
	}
	if rep.Verdict.Exit != hint.Pass {
		return rep, verdictError(rep.Verdict.Exit)
	}
	return rep, nil
}

// job reads the flags and the scenario, and complains about all that can be
// known before anything is started.
func (f *runFlags) job(name string) (*job, error) {
	j := &job{runFlags: f}
	if err := f.output.check(); err != nil {
		return nil, err
	}
	if err := f.limits.check(); err != nil {
		return nil, err
	}
	if f.target == "" {
		names, err := bundled.Faults(f.faults)
		if err != nil {
			return nil, err
		}
		j.faultNames = names
		if j.data, err = referenceapp.ParseSize(f.size); err != nil {
			return nil, usage(err, "for example: --size S")
		}
		if f.db != "" {
			if _, err := collect.ParseDatabase(f.db); err != nil {
				return nil, hint.Exit(err, hint.NotStarted)
			}
		}
		closeLog, err := logAccess(&referenceapp.Config{}, f.accessLog) // the app's process opens it again
		if err != nil {
			return nil, err
		}
		if err := closeLog(); err != nil {
			return nil, err
		}
	} else if _, err := j.foreignTarget(); err != nil {
		return nil, err
	}
	var objectives []scenarios.Objective
	for _, s := range f.slo {
		o, err := scenarios.ParseObjective(s)
		if err != nil {
			return nil, usage(err, "for example: --slo 'p95<300ms' --slo 'errors<1%'")
		}
		objectives = append(objectives, o)
	}
	j.objectives = objectives
	switch {
	case isScript(name):
		return j, j.readScript(name)
	case name == "" && f.target != "":
		return nil, usage(errors.New("a scenario is needed with --target: what would the users do there?"),
			"give a scenario file, a k6 script, or a built-in name: scalecheck run SCENARIO --target "+f.target)
	case name == "":
		name = scenarios.Default
	}
	return j, j.readScenario(name)
}

// isScript reports whether the name is that of a k6 script.
func isScript(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".js", ".ts", ".mjs":
		return true
	}
	return false
}

func (j *job) readScript(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err // the path is in the line already
		}
		return usage(fmt.Errorf("read script %s: %w", path, err), "give a k6 script, a scenario file or a built-in scenario ("+strings.Join(scenarios.Builtins(), ", ")+")")
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"--users", j.users != ""}, {"--rate", j.rate != ""}, {"--scale", j.scale != ""}, {"--duration", j.duration != 0}, {"--steps", j.steps != 0},
	} {
		if f.set {
			return usage(fmt.Errorf("%s can't be used with a k6 script: its own scenarios rule", f.name), "change the script's options instead")
		}
	}
	if j.target == "" {
		return usage(errors.New("a k6 script needs --target: it says which host may be sent load"),
			"scalecheck run "+path+" --target http://127.0.0.1:8080")
	}
	j.script = path
	j.plan, err = scriptPlan(path, text, j.target, j.seed, j.limits.limits())
	if err != nil {
		return hint.Exit(err, hint.NotStarted)
	}
	j.plan.Objectives = j.objectives
	return nil
}

func (j *job) readScenario(name string) error {
	s, err := readScenario(name)
	if err != nil {
		return err
	}
	if j.target == "" && strings.HasPrefix(s.Source, "builtin:") {
		if err := bundled.FollowSize(s, j.data); err != nil {
			return err
		}
	}
	j.scenario = s
	if j.duration < 0 || j.steps < 0 {
		return usage(errors.New("--duration and --steps can't be negative"), "for example: --duration 2m --steps 4")
	}
	j.load = scenarios.Load{Duration: scenarios.Seconds(j.duration.Seconds()), Steps: j.steps}
	if j.users != "" {
		if j.load.Users, err = strconv.ParseFloat(j.users, 64); err != nil || !positive(j.load.Users) {
			return usage(fmt.Errorf("--users %q is no positive number", j.users), "for example: --users 300")
		}
	}
	if j.rate != "" {
		if j.users != "" {
			return usage(errors.New("--users and --rate can't be used together"),
				"--users N keeps N users active, --rate X/s starts X sessions a second whatever becomes of them")
		}
		if j.load.Rate, err = strconv.ParseFloat(strings.TrimSuffix(j.rate, "/s"), 64); err != nil || !positive(j.load.Rate) {
			return usage(fmt.Errorf("--rate %q is no rate of sessions per second", j.rate), "for example: --rate 5/s")
		}
	}
	if j.scale != "" {
		if err := j.multiply(); err != nil {
			return err
		}
	}
	// Planned once before the bundled app has an address, so that mistakes come
	// out before a database is filled.
	target := j.target
	if target == "" {
		target = "http://127.0.0.1:1"
	}
	_, err = scenarios.NewPlan(s, target, j.load, j.seed, j.limits.limits())
	return err
}

// multiply applies --scale. Three times the users of a system are three times
// the sessions that start, each as long and as hasty as before: of users who are
// active at once there is no telling how many that makes.
func (j *job) multiply() error {
	factor, err := strconv.ParseFloat(strings.TrimSuffix(j.scale, "x"), 64)
	if err != nil || !positive(factor) {
		return usage(fmt.Errorf("--scale %q is no factor", j.scale), "for example: --scale 3x")
	}
	if j.load.Users == 0 && j.load.Rate == 0 {
		j.load.Users, j.load.Rate = j.scenario.Load.Users, j.scenario.Load.Rate
	}
	if j.load.Rate == 0 {
		return usage(errors.New("--scale multiplies the sessions that start, and the load is given in users at once"),
			"give the rate that is to be multiplied, such as --rate 5/s --scale "+j.scale+", or more --users")
	}
	j.load.Rate *= factor
	return nil
}
