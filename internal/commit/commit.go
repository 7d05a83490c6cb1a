// Package commit names what was measured, for the files in docs/results.
package commit

import (
	"context"
	"os/exec"
	"strings"
)

// Name returns the commit that is checked out, with -dirty where the tree holds
// something else, and "unknown" without git. What measurements have written into
// docs/results does not make it another one.
func Name(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results").Output()
	name := strings.TrimSpace(string(out))
	if err != nil || len(changed) > 0 {
		name += "-dirty"
	}
	return name
}
