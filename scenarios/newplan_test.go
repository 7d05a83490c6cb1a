package scenarios

import (
	"slices"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/internal/hint"
)

func TestNewPlan(t *testing.T) {
	s, err := Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(s, "http://127.0.0.1:8080/app/", Load{Users: 40, Duration: 80, Steps: 4}, 7, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{10, 20, 30, 40} {
		if g := p.Stages[i]; g.Users != want || g.Rate != 0 || g.Settle != 6 || g.Measure != 14 {
			t.Errorf("stage %d is %+v, want %g users, 6 s + 14 s", i, g, want)
		}
	}
	if p.Target != "http://127.0.0.1:8080/app" || !slices.Equal(p.Limits.Hosts, []string{"127.0.0.1:8080"}) {
		t.Errorf("target %q, hosts %q", p.Target, p.Limits.Hosts)
	}
	if p.Limits.Rate != 100 || p.Limits.BodyBytes != 64000 || p.Limits.Users != DefaultLimits().Users {
		t.Errorf("limits %+v, want those of the scenario where they are lower", p.Limits)
	}

	p, err = NewPlan(s, "https://staging.example.com", Load{}, 7, Limits{Hosts: []string{"auth.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Stages) != 3 || p.Stages[2].Rate != 5 || p.Stages[0].Settle != 3 || p.Stages[0].Measure != 7 {
		t.Errorf("stages %+v, want the scenario's three up to 5/s", p.Stages)
	}
	if want := []string{"auth.example.com", "staging.example.com:443"}; !slices.Equal(p.Limits.Hosts, want) {
		t.Errorf("hosts %q, want %q", p.Limits.Hosts, want)
	}

	// Short runs get fewer steps, unless the steps were asked for.
	p, err = NewPlan(s, "http://x", Load{Duration: 13}, 7, Limits{})
	if err != nil || len(p.Stages) != 2 {
		t.Errorf("13 s: %d stages, %v, want 2", len(p.Stages), err)
	}
}

func TestNewPlanRefuses(t *testing.T) {
	s, err := Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		target string
		load   Load
		want   string
	}{
		{"too many users", "http://x", Load{Users: 30000}, "plan shop: 30000 users exceed the limit of 20000"},
		{"the scenario's own limit", "http://x", Load{Rate: 200}, "plan shop: 200 sessions/s exceed the limit of 100 requests/s"},
		{"too long", "http://x", Load{Duration: 7200}, "plan shop: 2h0m0s of load exceed the limit of 30m0s"},
		{"users and rate", "http://x", Load{Users: 1, Rate: 1}, "plan shop: both users and a rate are given"},
		{"too many steps", "http://x", Load{Duration: 10, Steps: 4}, "plan shop: 4 steps do not fit into 10s with 5 sessions/s"},
		{"more users than values", "http://x", Load{Users: 51}, "plan shop: 51 users need a value of n each, and there are 50"},
		{"credentials", "http://me:secret@x", Load{}, "plan shop: target has credentials in its URL"},
		{"no URL", "x:80", Load{}, "plan shop: target is no base URL"},
	} {
		_, err := NewPlan(s, tt.target, tt.load, 1, DefaultLimits())
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			continue
		}
		if hint.Of(err) == "" || hint.Status(err) != hint.NotStarted {
			t.Errorf("%s: hint %q, status %d", tt.name, hint.Of(err), hint.Status(err))
		}
		if strings.Contains(err.Error()+hint.Of(err), "secret") {
			t.Errorf("%s: the error shows the password", tt.name)
		}
	}
}
