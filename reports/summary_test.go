package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppendSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(path, []byte("of another tool"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		if err := AppendSummary(path, failing()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(got), "of another tool\n\n## FAIL: ") && !strings.HasPrefix(string(got), "of another tool\n## FAIL: ") {
		t.Errorf("begins %.60q", got)
	}
	if n := strings.Count(string(got), "## FAIL: "); n != 8 {
		t.Errorf("%d reports, want 8", n)
	}
	if err := AppendSummary(filepath.Join(path, "x"), failing()); err == nil {
		t.Error("no error where there is no directory")
	}
}

// TestSummaryStaysSmall: GitHub drops a summary that is too large, and all of it.
func TestSummaryStaysSmall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(path, make([]byte, maxSummary-100), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := AppendSummary(path, wide()); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Size() > maxSummary+2_500 {
		t.Errorf("%d bytes", fi.Size())
	}
}

func TestMarkdownIsCut(t *testing.T) {
	r := wide()
	for range 300 {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	for i := range r.Findings {
		r.Findings[i].Subject.Name = strings.Repeat("x ", 2000)
		r.Findings[i].Remedy.SQL = strings.Repeat("SELECT 1;\n", 900)
	}
	got := write(t, Markdown, r)
	if len(got) > maxMarkdown {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.HasPrefix(string(got), "## FAIL: ") {
		t.Errorf("begins %.60q", got)
	}
}
