// Command versions runs tests on every major version of PostgreSQL that
// scalecheck reads: make test-postgres-versions.
//
// A version is taken from this machine, else downloaded with npm. One that can't
// be had is skipped, with the reason; the command fails when a test failed, and,
// unless told otherwise, when a version was skipped.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/internal/pg"
)

// majors are those that the community supports, and 13, which many still run.
var majors = []int{13, 14, 15, 16, 17, 18}

// packages are those that talk to PostgreSQL in ways that differ by version.
var packages = []string{"./internal/pg", "./internal/collect", "./internal/record"}

func main() {
	out := flag.String("out", "docs/results/postgres-versions.md", "where the table goes")
	some := flag.Bool("some", false, "be content with the versions that can be had here")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *some); err != nil {
		fmt.Fprintln(os.Stderr, "versions:", err)
		os.Exit(1)
	}
}

// A result is how the tests of one package went.
type result struct {
	passed, failed, skipped int
	err                     error // of the go command, also where a test failed
}

func (r result) String() string {
	switch {
	case r.failed > 0:
		return fmt.Sprintf("**%d failed**, %d ok", r.failed, r.passed)
	case r.err != nil:
		return "**" + r.err.Error() + "**"
	case r.skipped > 0:
		return fmt.Sprintf("ok (%d, %d skipped)", r.passed, r.skipped)
	}
	return fmt.Sprintf("ok (%d)", r.passed)
}

func run(ctx context.Context, out string, some bool) error {
	var table strings.Builder
	fmt.Fprintf(&table, "| PostgreSQL | %s |\n|%s\n", strings.Join(packages, " | "), strings.Repeat("---|", len(packages)+1))
	dir, err := os.MkdirTemp("", "scalecheck-versions-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the servers run as another user, and start this binary's watchdog
		return err
	}
	// Once, and not for each version: linking takes longer than many of the tests.
	for _, pkg := range packages {
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary(dir, pkg), pkg)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build the tests of %s: %w", pkg, err)
		}
	}
	var failed, skipped []string
	for _, number := range majors {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		bin, version, err := pg.EnsureMajor(ctx, number, pg.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
		row := fmt.Sprintf("| %d | skipped (%v) |%s", number, err, strings.Repeat(" |", len(packages)-1))
		if err != nil {
			skipped = append(skipped, fmt.Sprint(number))
		} else {
			row = "| " + version + " |"
			for _, pkg := range packages {
				r := test(ctx, bin, binary(dir, pkg), pkg)
				if r.err != nil {
					failed = append(failed, version+" "+pkg)
				}
				row += " " + r.String() + " |"
			}
		}
		fmt.Println(row)
		table.WriteString(row + "\n")
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	text := "# Versions of PostgreSQL\n\nThe tests of what talks to the server, on each major version: passed top-level tests. Written by `make test-postgres-versions`.\n\n" +
		table.String() + "\nRun " + time.Now().UTC().Format(time.DateOnly) + ".\n"
	if err := os.WriteFile(out, []byte(text), 0o666); err != nil {
		return err
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	case len(skipped) > 0 && !some:
		return fmt.Errorf("skipped: %s", strings.Join(skipped, ", "))
	}
	return nil
}

func binary(dir, pkg string) string { return filepath.Join(dir, filepath.Base(pkg)+".test") }

// test runs the tests of a package on the server whose binaries are in bin. What
// fails is printed.
func test(ctx context.Context, bin, exe, pkg string) (r result) {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", exe, "-test.v=test2json", "-test.timeout=20m")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "SCALECHECK_TEST_POSTGRES="+bin)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		err = errors.New("tests failed")
	}
	r.err = err
	printed := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(stdout))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		top, _, sub := strings.Cut(event.Test, "/")
		switch event.Action {
		case "output":
			printed[top] = append(printed[top], event.Output)
		case "fail":
			if top != "" && !sub {
				r.failed++
			}
			if !sub {
				fmt.Fprint(os.Stderr, strings.Join(printed[top], ""))
			}
		case "pass":
			if top != "" && !sub {
				r.passed++
			}
		case "skip":
			if top != "" && !sub {
				r.skipped++
			}
		}
	}
	return r
}
