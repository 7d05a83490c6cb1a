package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// Too short to judge, so that there is no factor, and everything is kept.
func TestCompareLoadTooShort(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := launch(t, dir, exec.Command(filepath.Join(binaries(t), "scalecheck"), "compare-load", "--size", "XS", "--users", "8", "--artificial-users", "4",
		"--duration", "12s", "--steps", "1", "-f", "markdown", "-o", dir), nil)
	if got := s.status(); got != 3 {
		t.Errorf("exit status %d, want 3", got)
	}
	s.says(`artificial load: up to 4 users, data of size XS`)
	for _, name := range []string{"artificial.run", "realistic.run", "comparison.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "comparison.json"))
	if err != nil || !strings.Contains(string(b), `"why": "no factor from the artificial load: it is inconclusive: only `) {
		t.Errorf("%v: %s", err, b)
	}
}
