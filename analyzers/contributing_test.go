package analyzers_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers"
)

// TestContributing: what CONTRIBUTING.md shows of the tree is there, and the
// analyzer that it shows is listed.
func TestContributing(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(b), -1)
	if len(links) == 0 {
		t.Error("no links")
	}
	for _, link := range links {
		if _, err := os.Stat(filepath.Join("..", link[1])); err != nil {
			t.Error(err)
		}
	}
	a := analyzers.Lookup("deep-offset")
	if a == nil {
		t.Fatal("deep-offset is no analyzer")
	}
	source, err := os.ReadFile("run.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), "\tDeepOffset,\n"); n != 1 {
		t.Errorf("DeepOffset has %d lines in run.go", n)
	}
}
