package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/internal/pg"
	"github.com/scalecheck/scalecheck/internal/record"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/reference-app/faults"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A job is one run, understood but not begun.
type job struct {
	*runFlags
	scenario   *scenarios.Scenario // nil for a script
	load       scenarios.Load
	script     string
	plan       *scenarios.Plan // of a script; a scenario's needs the target's URL
	objectives []scenarios.Objective
	faultNames []string
	data       referenceapp.Size // of the bundled app's data
	tell       func(string)
}

func scriptPlan(path string, text []byte, target string, seed int64, limits scenarios.Limits) (*scenarios.Plan, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, hint.Wrap(fmt.Errorf("--target %q is no URL", target), "for example: --target http://127.0.0.1:8080")
	}
	if u.User != nil {
		return nil, hint.Wrap(errors.New("the target has credentials in its URL"), "leave them out; the script logs its users in")
	}
	limits.Hosts = append([]string{scenarios.HostPort(u)}, limits.Hosts...)
	name := filepath.Base(path)
	return &scenarios.Plan{
		Name: strings.TrimSuffix(name, filepath.Ext(name)), Kind: scenarios.Script, Source: name,
		SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), Target: u.String(), Seed: seed, Limits: limits,
	}, nil
}

// record sets up what there is to measure, measures it, and clears away.
func (j *job) record(ctx context.Context, path string, progress func(record.Progress)) (ev *evidence.Run, err error) {
	o := record.Options{
		Run:  evidence.Run{Tool: "scalecheck " + version},
		Path: path, Progress: progress, Writes: j.writes,
	}
	target := j.target
	if target == "" {
		app, close, err := j.startApp(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, close()) }()
		target = app.URL
		o.Writes = true
		o.Run.Bundled = &evidence.Bundled{Faults: j.faultNames, Size: j.size, Seed: j.dataSeed}
		o.Target, err = ownTarget(app)
		if err != nil {
			return nil, err
		}
	} else if o.Target, err = j.foreignTarget(); err != nil {
		return nil, err
	}
	if err := j.finishPlan(target); err != nil {
		return nil, err
	}
	o.Run.Plan = *j.plan
	if j.script != "" {
		o.NoProbe = "the requests of a k6 script can't be sent alone, so which endpoint sends which statement is not known"
	} else if !j.noPro {
		if o.Prober, err = engine.NewProber(engine.Options{Scenario: j.scenario, Plan: j.plan}); err != nil {
			return nil, hint.Exit(err, hint.NotStarted)
		}
	} else {
		o.NoProbe = "left out by --no-probe"
	}
	o.Start = func(ctx context.Context) (record.Load, error) {
		return k6.Start(ctx, k6.Options{Plan: j.plan, Scenario: j.scenario, Script: j.script, Outputs: j.k6Out})
	}
	return record.Record(ctx, o)
}

func (j *job) finishPlan(target string) error {
	if j.plan != nil {
		return nil
	}
	p, err := scenarios.NewPlan(j.scenario, target, j.load, j.seed, j.limits.limits())
	if err != nil {
		return err
	}
	if len(j.objectives) > 0 {
		p.Objectives = j.objectives
	}
	j.plan = p
	return nil
}

// startApp starts the bundled app, and a private server for it unless --db
// names one.
func (j *job) startApp(ctx context.Context) (*bundled.App, func() error, error) {
	server, stop, err := openServer(ctx, j.db, j.pgBin, j.faultNames, j.tell)
	if err != nil {
		return nil, nil, err
	}
	j.tell("setting up the bundled app, size " + j.size + ", faults: " + list(j.faultNames))
	app, err := bundled.Start(ctx, bundled.Options{
		Server: server, Size: j.data, Seed: j.dataSeed, Faults: j.faultNames, AccessLog: j.accessLog, Tell: j.tell,
	})
	if err != nil {
		return nil, nil, hint.Exit(errors.Join(err, stop()), startStatus(ctx))
	}
	return app, func() error {
		err := errors.Join(app.Close(ctx), stop())
		if err != nil {
			return hint.Exit(fmt.Errorf("clear away: %w", err), hint.BrokenOff)
		}
		return nil
	}, nil
}

func startStatus(ctx context.Context) int {
	if ctx.Err() != nil {
		return hint.Interrupted
	}
	return hint.NotStarted
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// openServer opens the server that the bundled app's database is made on. Faults that
// change the whole server are for a private one only.
func openServer(ctx context.Context, db, bin string, faultNames []string, tell func(string)) (*pg.Server, func() error, error) {
	fs, err := faults.Lookup(faultNames)
	if err != nil {
		return nil, nil, hint.Exit(err, hint.NotStarted)
	}
	settings := faults.Settings(fs)
	if db != "" {
		if len(settings) > 0 {
			return nil, nil, usage(fmt.Errorf("these faults change settings of the whole server: %s", strings.Join(slices.Sorted(maps.Keys(settings)), ", ")),
				"leave --db out: a private server is started for them")
		}
		if _, err := collect.ParseDatabase(db); err != nil {
			return nil, nil, hint.Exit(err, hint.NotStarted)
		}
		s, err := pg.OpenServer(ctx, db)
		return s, func() error { return nil }, err
	}
	tell("starting a private PostgreSQL")
	c, err := pg.Start(ctx, pg.Options{BinDir: bin, Settings: settings})
	if err != nil {
		return nil, nil, hint.Exit(err, startStatus(ctx))
	}
	return c.Server, func() error { return c.Stop(context.WithoutCancel(ctx)) }, nil
}

func ownTarget(app *bundled.App) (*collect.Target, error) {
	u, err := url.Parse(app.URL)
	if err != nil {
		return nil, fmt.Errorf("the app's address: %w", err)
	}
	cfg, err := collect.ParseDatabase(app.DSN)
	if err != nil {
		return nil, err
	}
	return &collect.Target{
		Database: cfg, MetricsURL: app.URL + "/metrics", AppPIDs: []int{app.PID()}, Listener: u.Host,
	}, nil
}

func (j *job) foreignTarget() (*collect.Target, error) {
	t := &collect.Target{AppPIDs: j.pid, MetricsURL: j.metrics}
	u, err := url.Parse(j.target)
	if err != nil || u.Host == "" {
		return nil, usage(fmt.Errorf("--target %q is no URL", j.target), "for example: --target http://127.0.0.1:8080")
	}
	t.Listener = scenarios.HostPort(u)
	if t.MetricsURL == "" {
		t.MetricsURL = strings.TrimSuffix(j.target, "/") + "/metrics"
	}
	if j.db == "" {
		return t, nil
	}
	t.Database, err = collect.ParseDatabase(j.db)
	if err != nil {
		return nil, hint.Exit(err, hint.NotStarted)
	}
	return t, nil
}
