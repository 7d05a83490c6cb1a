package engine

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestMain(m *testing.M) { pg.Main(m) }

// campus starts the bundled app with its smallest data.
func campus(t *testing.T) (url string) {
	t.Helper()
	build := func(ctx context.Context, dsn string) error {
		return referenceapp.Seed(ctx, dsn, referenceapp.XS, 1, nil)
	}
	db, err := pg.ForTest(t).NewDatabase(t.Context(), "reference-app-XS-"+referenceapp.SeedVersion(), build)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	app, err := referenceapp.Start(t.Context(), referenceapp.Config{DatabaseURL: db.DSN, Listen: "127.0.0.1:0", Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // t's context has ended by now
		if err := app.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := db.Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return app.URL()
}

// The built-in scenario and the bundled app fit: every request of every
// persona is answered as expected, in about the mix that the scenario promises.
func TestLMS(t *testing.T) {
	t.Parallel()
	target := campus(t)
	s, err := scenarios.Builtin("lms")
	if err != nil {
		t.Fatal(err)
	}

	p, err := NewProber(Options{Scenario: s, Plan: plan(target)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, endpoint := range p.Endpoints() {
		if err := p.Prepare(t.Context(), endpoint); err != nil {
			t.Error(err)
			continue
		}
		urls := map[string]bool{}
		for range 3 {
			r, err := p.Send(t.Context())
			if err != nil || r.Err != "" || r.Endpoint != endpoint {
				t.Errorf("%s: %+v, %v", endpoint, r, err)
			}
			urls[r.URL] = true
		}
		t.Logf("%s: %d requests before, %d URLs", endpoint, len(p.way.before), len(urls))
		if p.Method(endpoint) == "GET" && len(p.way.before) > 1 && len(urls) < 2 {
			t.Errorf("%s: three requests for the same: %v", endpoint, urls)
		}
	}

	// The same users, who think a twentieth as long, until they have sent enough:
	// the mix must not depend on how busy the machine is.
	quick := func(th *scenarios.Think) {
		if th != nil && th.Max > 10 { // think times are shared between places
			th.Median, th.Max = th.Median/20, th.Max/20
		}
	}
	for i := range s.Endpoints {
		quick(s.Endpoints[i].Think)
	}
	for _, persona := range s.Personas {
		for i := range persona.Journey {
			quick(persona.Journey[i].Think)
		}
	}
	const enough = 600
	begin := time.Now()
	r := driveUntil(t, s, plan(target, scenarios.Stage{Users: 20, Settle: 0.5, Measure: 100}), enough)
	had, n := map[string]float64{}, 0.0
	for _, x := range r.results {
		if x.Err != "" && x.Err != unfinished {
			t.Errorf("%s %s: %s", x.Method, x.URL, x.Err)
		}
		// Those who join log in all at once.
		if x.User > 20 || x.Start.Sub(begin) > 700*time.Millisecond {
			had[x.Endpoint]++
			n++
		}
	}
	if n < enough/2 {
		t.Fatalf("only %v requests", n)
	}
	for _, m := range s.Mix().Endpoints {
		got := had[m.Endpoint] / n
		t.Logf("%5.1f %% (%5.1f %%) %s", 100*got, 100*m.Share, m.Endpoint)
		// Requests come in sessions, which makes shares vary about twice as much
		// as independent draws would, and some edges are closed to some users.
		if slack := 0.03 + 5*math.Sqrt(m.Share/n); math.Abs(got-m.Share) > slack {
			t.Errorf("%s has %.3f of the requests, want %.3f ± %.3f", m.Endpoint, got, m.Share, slack)
		}
	}
	missing := slices.DeleteFunc(p.Endpoints(), func(e string) bool { return had[e] > 0 })
	if len(missing) > 4 { // the rare ones may not come by
		t.Errorf("never requested: %v", missing)
	}
}
