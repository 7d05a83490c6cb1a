package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/scalecheck/scalecheck/internal/bundled"
	"github.com/scalecheck/scalecheck/internal/hint"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
)

// appFlags are what scalecheck app takes.
type appFlags struct {
	listen, db, pgBin, size string
	accessLog               string
	seed                    int64
	faults                  []string
	child                   bool
}

func newApp(g *global) *cobra.Command {
	f := &appFlags{}
	c := &cobra.Command{
		Use:   "app",
		Short: "serve the bundled app, to look at or to measure by hand",
		Long: `Serve the bundled learning platform until it is interrupted: web, job workers, a
mail sink and a third-party service, all on the loopback interface. Its database
is made on a private PostgreSQL, or on the server of --db, and dropped at the end.

Faults: ` + faultNames() + `; naive means the five of a first version.`,
		Example: `  scalecheck app --fault n-plus-one --listen 127.0.0.1:8080
  scalecheck run lms --target http://127.0.0.1:8080 --db "host=… dbname=…"    # from another terminal
  scalecheck app --access-log access.jsonl    # for scalecheck scenario mine`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.child {
				return serveChild(c.Context(), g, f)
			}
			return serveApp(c.Context(), g, f)
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback address to serve at; port 0: any")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "fault to switch on, repeatable (default none)")
	c.Flags().StringVar(&f.size, "size", "S", "size of the data: XS, S, M, L")
	c.Flags().Int64Var(&f.seed, "data-seed", 1, "seed of the data")
	c.Flags().StringVar(&f.db, "db", "", "server for its database, without a password (default: a private one)")
	c.Flags().StringVar(&f.pgBin, "pg-bin", "", "directory of initdb and postgres for the private server (default: looked for)")
	c.Flags().StringVar(&f.accessLog, "access-log", "", accessLogUsage)
	c.Flags().BoolVar(&f.child, "child", false, "serve an existing database until stdin ends")
	_ = c.Flags().MarkHidden("child") // how scalecheck run starts it
	return c
}

// serveApp makes a database and serves it.
func serveApp(ctx context.Context, g *global, f *appFlags) (err error) {
	size, err := referenceapp.ParseSize(f.size)
	if err != nil {
		return usage(err, "for example: --size S")
	}
	names, err := bundled.Faults(f.faults)
	if err != nil {
		return err
	}
	if !loopback(f.listen) {
		return usage(fmt.Errorf("--listen %s is no loopback address", f.listen), "everybody knows the app's passwords; for example: --listen 127.0.0.1:8080")
	}
	config := referenceapp.Config{Listen: f.listen, Faults: names, Logger: g.logger()}
	closeLog, err := logAccess(&config, f.accessLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	tell := func(s string) { g.say("%s", s) }
	server, stop, err := openServer(ctx, f.db, f.pgBin, names, tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	db, err := bundled.NewDatabase(ctx, bundled.Options{Server: server, Size: size, Seed: f.seed, Faults: names, Tell: tell})
	if err != nil {
		return hint.Exit(err, startStatus(ctx))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, db.Drop(ctx))
	}()
	config.DatabaseURL = db.DSN
	app, err := referenceapp.Start(ctx, config)
	if err != nil {
		return hint.Exit(err, startStatus(ctx))
	}
	g.say("faults: %s", list(names))
	if server.Private() {
		g.say("database: %s", db.DSN)
	} else {
		g.say("database: %s", db.Name)
	}
	g.say("users: user1@example.test, user2@example.test, … with the password scalecheck")
	fmt.Fprintln(g.out, app.URL())
	return serve(ctx, app)
}

const accessLogUsage = "file that the bundled app's access log is appended to: a JSON object a line if it ends in .json or .jsonl, else the combined format"

// logAccess has the app log to the file at path, unless path is empty. The
// caller closes the file after the app.
func logAccess(c *referenceapp.Config, path string) (closeLog func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	w, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, usage(fmt.Errorf("access log: %w", err), "give --access-log a file that can be written")
	}
	ext := filepath.Ext(path)
	c.AccessLog, c.AccessLogJSON = w, ext == ".json" || ext == ".jsonl"
	return w.Close, nil
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	addr, _ := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || addr.IsLoopback())
}

// serve waits for the end of the app or of ctx.
func serve(ctx context.Context, app *referenceapp.App) error {
	failed := make(chan error, 1)
	go func() { failed <- app.Wait() }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, app.Close(closing))
}

// serveChild serves the database that the parent has made, until the parent
// closes our stdin or dies.
func serveChild(ctx context.Context, g *global, f *appFlags) (err error) {
	dsn := os.Getenv(bundled.DatabaseEnv)
	if dsn == "" {
		return usage(errors.New("no database to serve"), "scalecheck app without --child makes one")
	}
	config := referenceapp.Config{DatabaseURL: dsn, Listen: f.listen, Faults: f.faults, Logger: g.logger()}
	closeLog, err := logAccess(&config, f.accessLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	app, err := referenceapp.Start(ctx, config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := json.NewEncoder(g.out).Encode(bundled.Ready{URL: app.URL()}); err != nil {
		return errors.Join(err, app.Close(ctx))
	}
	return serve(ctx, app)
}
