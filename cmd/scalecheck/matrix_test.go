package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/scalecheck/scalecheck/internal/matrix"
)

// Two cases of the accuracy matrix, the whole product as a user would run it, with
// a step less. Not beside other tests: it is a measurement.
func TestAccuracy(t *testing.T) {
	bin, cache := filepath.Join(binaries(t), "scalecheck"), t.TempDir()
	r := matrix.Runner{Bin: bin, Env: []string{"XDG_CACHE_HOME=" + cache, "PGHOST="}, Args: []string{"--steps", "2", "--duration", "30s"}}
	if dir := os.Getenv("SCALECHECK_TEST_POSTGRES"); dir != "" {
		r.Args = append(r.Args, "--pg-bin", dir)
	}
	for _, name := range []string{"missing-index", "none"} {
		a := r.Run(t.Context(), *matrix.Lookup(name), 1, 1)
		t.Logf("%s: %s, in %.0f s; %.0f %% of the machine was in other hands", name, a.Given, a.Seconds, 100*a.Noise)
		// On a noisy host nothing may be known, but nobody innocent be blamed.
		silent := a.Given.Status == "inconclusive" && a.Given.Cause == "" && a.Noise > matrix.Noisy
		if !a.Right && !silent {
			t.Errorf("%s: expected %s, given %s: %s%s", name, a.Expected, a.Given, a.Headline, a.Error)
		}
	}
}
