package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func newDoctor(g *global) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "say what can be measured here, what not, and the line that changes it",
		Long: `Look whether a run would work here and what it could measure: start every collector
once and stop it again. No load is sent; the target gets one GET.

Without --target and --db it looks at what the bundled app needs.

The exit status is 0 when a run is possible, 2 when not.`,
		Example: `  scalecheck doctor
  scalecheck doctor --target http://127.0.0.1:8080 --db "host=127.0.0.1 dbname=shop user=scalecheck"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doctor(c.Context(), g, f) },
	}
	c.Flags().StringVar(&f.target, "target", "", "base URL of the application")
	c.Flags().StringVar(&f.db, "db", "", "its database, without a password")
	c.Flags().StringVar(&f.metrics, "metrics", "", "URL of its Prometheus metrics (default: /metrics of the target)")
	c.Flags().IntSliceVar(&f.pid, "pid", nil, "process of the application (default: who listens at the target)")
	c.Flags().StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server")
	return c
}

// notes collects what the collectors say is missing.
type notes map[evidence.Kind][]string

func (notes) Texts(map[string]evidence.Text) error { return nil }
func (notes) Catalog([]evidence.Table) error       { return nil }
func (n notes) Missing(k evidence.Kind, reason string) error {
	n[k] = append(n[k], reason)
	return nil
}

func doctor(ctx context.Context, g *global, f *runFlags) error {
	if f.target == "" && f.db == "" {
		return doctorHere(g, f)
	}
	bad := 0
	line := func(ok bool, what, found string) {
		mark := "ok  "
		if !ok {
			mark = "MISS"
			bad++
		}
		fmt.Fprintf(g.out, "%s  %-12s %s\n", mark, what, found)
	}
	t := &collect.Target{MetricsURL: f.metrics, AppPIDs: f.pid}
	if f.target != "" {
		var err error
		if t, err = (&job{runFlags: f}).foreignTarget(); err != nil {
			return err
		}
		status, err := get(ctx, f.target)
		if err != nil {
			if ue, ok := errors.AsType[*url.Error](err); ok {
				err = ue.Err // the address is in the line already
			}
			return usage(fmt.Errorf("target %s: %w", f.target, err), "start the application, or check --target")
		}
		line(true, "target", "answered "+status)
	} else {
		cfg, err := collect.ParseDatabase(f.db)
		if err != nil {
			return hint.Exit(err, hint.NotStarted)
		}
		t.Database = cfg
	}
	env, err := collect.Environment(ctx, t)
	if err != nil {
		return hint.Exit(err, hint.NotStarted)
	}
	line(true, "machine", fmt.Sprintf("%d cores, %.1f GB memory", env.Cores, float64(env.MemoryBytes)/1e9))
	if env.Postgres != "" {
		line(true, "database", "PostgreSQL "+env.Postgres)
	}
	n := notes{}
	set := collect.Open(ctx, t, n)
	defer set.Close()
	running := set.Running()
	for _, c := range collect.All {
		title, _, _ := strings.Cut(c.Doc, "\n")
		ok := false
		for _, name := range running {
			ok = ok || name == c.Name
		}
		if ok {
			line(true, c.Name, title)
		}
	}
	for _, k := range []evidence.Kind{evidence.Statements, evidence.Sessions, evidence.Tables, evidence.Server, evidence.Processes, evidence.Jobs, evidence.Pool, evidence.Calls} {
		for _, reason := range n[k] {
			line(false, string(k), reason)
		}
	}
	if bad == 0 {
		fmt.Fprintln(g.out, "\nall evidence can be had")
	} else {
		fmt.Fprintln(g.out, "\na run is possible; what is marked MISS will be missing from its report")
	}
	return nil
}

func doctorHere(g *global, f *runFlags) error {
	bin, version, err := pg.Find(f.pgBin)
	if err != nil {
		fmt.Fprintln(g.out, "MISS  postgres     no server binaries found; scalecheck run downloads them once")
		return nil
	}
	fmt.Fprintf(g.out, "ok    postgres     %s in %s\n\nscalecheck demo will work\n", version, bin)
	return nil
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	return resp.Status, resp.Body.Close()
}
