package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		artificial, realistic compared
		says                  string
	}{
		{"both bracketed", compared{RPS: 400, Above: 440}, compared{RPS: 100, Above: 125},
			"Artificial load promises 4.0 times what the app carries with its users (between 3.2 and 4.4)."},
		{"the artificial load never missed", compared{RPS: 400}, compared{RPS: 100, Above: 125},
			"Artificial load promises at least 4.0 times what the app carries with its users."},
		{"one can't tell", compared{RPS: 400}, compared{Load: "realistic", why: "it is inconclusive: too short"},
			"no factor from the realistic load: it is inconclusive: too short"},
	} {
		r := comparison{Artificial: tt.artificial, Realistic: tt.realistic}
		r.compare()
		if got := r.sentence(); got != tt.says {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.says)
		}
		if (r.Why != "") != (r.Factor == 0) {
			t.Errorf("%s: factor %v, why %q", tt.name, r.Factor, r.Why)
		}
	}
}

func TestCapped(t *testing.T) {
	m := &capacity.Model{Judged: 1, Steps: []capacity.Step{
		{Seconds: 10, Requests: 500}, {Seconds: 10, Requests: 980}, {Seconds: 10, Requests: 2000},
	}}
	for _, tt := range []struct {
		ceiling float64
		want    bool
	}{{0, false}, {100, true}, {103, true}, {110, false}, {200, false}} {
		if got := capped(tt.ceiling, m); got != tt.want {
			t.Errorf("980 requests in 10 s under a ceiling of %g/s: %v, want %v", tt.ceiling, got, tt.want)
		}
	}
}

// One load runs into the scenario's ceiling and the other is too short to judge,
// so that there is no factor, and everything is kept.
func TestCompareLoadWithoutAFactor(t *testing.T) {
	text, err := scenarios.BuiltinText("lms")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, out := filepath.Join(dir, "capped.yaml"), filepath.Join(dir, "out")
	if err := os.WriteFile(path, append(text, "\nlimits: { rate: 10 }\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s := launch(t, out, exec.Command(filepath.Join(binaries(t), "scalecheck"), "compare-load", path, "--fault", "none", "--size", "XS", "--users", "8",
		"--artificial-users", "4", "--slo", "errors<1%", "--duration", "12s", "--steps", "1", "-f", "markdown", "-o", out), nil)
	if got := s.status(); got != 3 {
		t.Errorf("exit status %d, want 3", got)
	}
	s.says(`artificial load: up to 4 users, data of size XS`)
	for _, name := range []string{"artificial.run", "realistic.run", "comparison.json"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(out, "comparison.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"why": "no factor from the artificial load: it ran into the ceiling of 10 requests/s that the scenario's limits set`,
		`"status": "inconclusive"`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in\n%s", want, b)
		}
	}
}
