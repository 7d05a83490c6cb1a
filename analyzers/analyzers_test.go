package analyzers_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

var update = flag.Bool("update", false, "rewrite the findings in testdata")

// TestCases runs each analyzer on the cases of testdata/<name>/*.txtar: a
// sentence, the least evidence that matters (run.json) and the findings. A case
// without findings is a lookalike that must stay silent.
func TestCases(t *testing.T) {
	for _, a := range analyzers.All {
		t.Run(a.Name, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join("testdata", a.Name, "*.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			var fires, silent int
			for _, path := range paths {
				if runCase(t, a, path) {
					fires++
				} else {
					silent++
				}
			}
			if fires == 0 || silent == 0 {
				t.Errorf("%d cases fire and %d stay silent: at least one of each is needed", fires, silent)
			}
		})
	}
}

func runCase(t *testing.T, a *analyzers.Analyzer, path string) (fired bool) {
	t.Helper()
	arc, run := readCase(t, path)
	want := ""
	for _, f := range arc.Files {
		if f.Name == "findings" {
			want = string(f.Data)
		}
	}
	m, err := capacity.Fit(&run)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	found, skipped, err := analyzers.Run(&run, m, []*analyzers.Analyzer{a})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	got := show(found, skipped)
	if got != want {
		if !*update {
			t.Errorf("%s:\n got:\n%s\nwant:\n%s", path, got, want)
		} else {
			rewrite(t, arc, path, got)
		}
	}
	return len(found) > 0
}

// readCase returns a case and its evidence.
func readCase(t *testing.T, path string) (arc *txtar.Archive, run evidence.Run) {
	t.Helper()
	arc, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range arc.Files {
		if f.Name != "run.json" {
			continue
		}
		if err := json.Unmarshal(f.Data, &run); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return arc, run
}

func rewrite(t *testing.T, arc *txtar.Archive, path, got string) {
	t.Helper()
	kept := arc.Files[:0]
	for _, f := range arc.Files {
		if f.Name != "findings" {
			kept = append(kept, f)
		}
	}
	arc.Files = append(kept, txtar.File{Name: "findings", Data: []byte(got)})
	if err := os.WriteFile(path, txtar.Format(arc), 0o644); err != nil {
		t.Fatal(err)
	}
}

func show(found []analyzers.Finding, skipped []analyzers.Skip) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s, bound by %s\n", f.Cause, f.Bound)
		fmt.Fprintf(&b, "  %s %q", f.Subject.Kind, f.Subject.Name)
		if f.Subject.Endpoint != "" {
			fmt.Fprintf(&b, " of %q", f.Subject.Endpoint)
		}
		if f.Subject.Detail != "" {
			fmt.Fprintf(&b, ", %q", f.Subject.Detail)
		}
		fmt.Fprintf(&b, "\n  load %.2f, share %.2f\n  %s\n", f.Load, f.Share, f.Message)
		if f.Remedy != nil && f.Remedy.SQL != "" {
			fmt.Fprintf(&b, "  %s\n", f.Remedy.SQL)
		}
	}
	for _, s := range skipped {
		fmt.Fprintf(&b, "skipped: %s\n", s.Reason)
	}
	return b.String()
}

func TestDocs(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range analyzers.All {
		if seen[a.Name] {
			t.Errorf("%s is listed twice", a.Name)
		}
		seen[a.Name] = true
		title := a.Title()
		if title == "" || len(title) > 72 || strings.HasSuffix(title, ".") || title != strings.ToLower(title[:1])+title[1:] {
			t.Errorf("%s: title %q: want no capital, no full stop, at most 72 letters", a.Name, title)
		}
		for _, part := range []string{"How to confirm it by hand", "What to do:", "When it is wrong:"} {
			if !strings.Contains(a.Doc, part) {
				t.Errorf("%s: its manual lacks %q", a.Name, part)
			}
		}
	}
}

// TestCallInTransaction: a call between BEGIN and COMMIT is two findings. Where the
// request meets its objective with the call in it, only the transaction is one.
func TestCallInTransaction(t *testing.T) {
	_, run := readCase(t, filepath.Join("testdata", "idle-in-transaction", "a_call_before_commit.txtar"))
	call := func() bool {
		m, err := capacity.Fit(&run)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := analyzers.Run(&run, m, analyzers.All)
		if err != nil {
			t.Fatal(err)
		}
		causes := map[string]bool{}
		for _, f := range found {
			causes[f.Cause] = true
		}
		if !causes[analyzers.IdleInTransaction.Name] {
			t.Error("the open transaction is not found")
		}
		return causes[analyzers.BlockingSideEffect.Name]
	}
	if !call() {
		t.Errorf("a call of 0.8 s misses 0.3 s in or out of a transaction, and is not found")
	}
	run.Plan.Objectives[0].Limit = 1
	if call() {
		t.Errorf("a request that takes 0.85 s alone meets 1 s: nothing but the pool is short")
	}
}
