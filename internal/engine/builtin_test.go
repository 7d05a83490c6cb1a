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

// The built-in scenarios and the bundled app fit: every request of every
// persona is answered as expected, in about the mix that the scenario promises.
func TestBuiltins(t *testing.T) {
	t.Parallel()
	target := campus(t)
	for _, name := range scenarios.Builtins() {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Builtin(name)
			if err != nil {
				t.Fatal(err)
			}
			probeAll(t, s, target)
			holdMix(t, s, target)
		})
	}
}

// probeAll sends every endpoint of the scenario by itself.
func probeAll(t *testing.T, s *scenarios.Scenario, target string) {
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
		choice := false // some users have one conversation only
		for _, list := range p.lists {
			choice = choice || len(list) > 1
		}
		if p.Method(endpoint) == "GET" && choice && len(urls) < 2 {
			t.Errorf("%s: three requests for the same: %v", endpoint, urls)
		}
	}
}

// holdMix lets users of the scenario, who think a fiftieth as long, send enough
// requests: the mix must not depend on how busy the machine is.
func holdMix(t *testing.T, s *scenarios.Scenario, target string) {
	const hurry = 50
	done := map[*scenarios.Think]bool{} // think times are shared between places
	quick := func(th *scenarios.Think) {
		if th == nil || done[th] {
			return
		}
		done[th] = true
		for _, d := range []*scenarios.Seconds{&th.Const, &th.Mean, &th.Median, &th.Max} {
			*d /= hurry
		}
		th.Quantiles = slices.Clone(th.Quantiles)
		for i := range th.Quantiles {
			th.Quantiles[i] /= hurry
		}
	}
	for i := range s.Endpoints {
		quick(s.Endpoints[i].Think)
	}
	for i := range s.Between {
		quick(&s.Between[i].Think)
	}
	for _, persona := range s.Personas {
		for i := range persona.Journey {
			quick(persona.Journey[i].Think)
		}
	}
	const enough, users = 900, 20
	begin := time.Now()
	r := driveUntil(t, s, plan(target, scenarios.Stage{Users: users, Settle: 0.5, Measure: 100}), enough)
	had, n := map[string]float64{}, 0.0
	for _, x := range r.results {
		if x.Err != "" && x.Err != unfinished {
			t.Errorf("%s %s: %s", x.Method, x.URL, x.Err)
		}
		// Those who join log in all at once.
		if x.User > users || x.Start.Sub(begin) > 700*time.Millisecond {
			had[x.Endpoint]++
			n++
		}
	}
	if n < enough/2 {
		t.Fatalf("only %v requests", n)
	}
	missing := 0
	for _, m := range s.Mix().Endpoints {
		got := had[m.Endpoint] / n
		t.Logf("%5.1f %% (%5.1f %%) %s", 100*got, 100*m.Share, m.Endpoint)
		// Requests come in sessions, with loops above all, which makes shares vary
		// several times as much as independent draws would, and some edges are
		// closed to some users.
		if slack := 0.03 + 6*math.Sqrt(m.Share/n); math.Abs(got-m.Share) > slack {
			t.Errorf("%s has %.3f of the requests, want %.3f ± %.3f", m.Endpoint, got, m.Share, slack)
		}
		if got == 0 {
			missing++
		}
	}
	if missing > 4 { // the rare ones may not come by
		t.Errorf("%d endpoints were never requested", missing)
	}
}
