package matrix

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Again judges the run file that is kept of an attempt, with the analyzers that the
// binary has now. What was measured, and how long that took, stays.
func (r Runner) Again(ctx context.Context, a Attempt) (Attempt, error) {
	c := Lookup(a.Case)
	if c == nil {
		return a, fmt.Errorf("there is no case %q any more", a.Case)
	}
	dir, err := os.MkdirTemp("", "scalecheck-accuracy-*")
	if err != nil {
		return a, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, r.Bin, "report", r.kept(*c, a.Seed, a.Try), "-f", "json", "-o", dir)
	cmd.Env = append(os.Environ(), r.Env...)
	said, _ := cmd.CombinedOutput() // the exit status is the verdict's
	var report Report
	if err := read(filepath.Join(dir, "report.json"), &report); err != nil {
		return a, fmt.Errorf("%w\n%s", err, said)
	}
	again := answered(*c, a.Seed, a.Try, &report)
	again.Seconds, again.Commit = a.Seconds, a.Commit
	return again, nil
}

// kept returns where the run file of an attempt is kept.
func (r Runner) kept(c Case, seed int64, try int) string {
	return filepath.Join(r.Keep, fmt.Sprintf("%s-%d-%d.run", c.Name, seed, try))
}
