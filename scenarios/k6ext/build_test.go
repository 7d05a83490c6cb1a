package k6ext

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestForeignBuild builds what xk6 build --with would: a main of another
// module that imports k6 and, for its side effects, this package.
func TestForeignBuild(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	version := strings.Fields(goTool(t, root, "list", "-m", "go.k6.io/k6"))[1]
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.go", `package main

import (
	k6cmd "go.k6.io/k6/cmd"

	_ "github.com/scalecheck/scalecheck/scenarios/k6ext"
)

func main() { k6cmd.Execute() }
`)
	write("go.mod", `module k6

go 1.26

require (
	go.k6.io/k6 `+version+`
	github.com/scalecheck/scalecheck v0.0.0
)

replace github.com/scalecheck/scalecheck => `+root+`
`)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("go.sum", string(sum))
	// Without symbols it links in half the time.
	goTool(t, dir, "build", "-ldflags=-s -w", "-o", "k6", ".")
	out, err := exec.Command(filepath.Join(dir, "k6"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "github.com/scalecheck/scalecheck") || !strings.Contains(string(out), "scalecheck [output]") {
		t.Errorf("k6 version: %v\n%s", err, out)
	}
}

func goTool(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = dir
	// Everything is in the module cache by now: this test was built from it.
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GONOSUMDB=*", "GOWORK=off")
	b, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, b)
	}
	return string(b)
}
