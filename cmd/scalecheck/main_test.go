package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/scalecheck/scalecheck/internal/pg"
)

// wait tests run at a time: they mostly wait for seconds of load to pass.
const wait = 6

// The test binary is scalecheck when it is called so, and k6 when it is called
// that: as such it also starts itself, as the real one does.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "scalecheck", "k6":
		main()
		os.Exit(0) // k6 returns where it does not exit
	}
	flag.Parse()
	if runtime.GOMAXPROCS(0) < wait {
		_ = flag.Set("test.parallel", strconv.Itoa(wait))
	}
	pg.Main(m)
}

// binaries returns a directory in which the test binary is called scalecheck
// and k6.
func binaries(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"scalecheck", "k6"} {
		if err := os.Symlink(exe, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestScripts(t *testing.T) {
	bin := binaries(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			e.Values[lastStatus{}] = new(int)
			// A run of every version that was ever written.
			return os.CopyFS(e.WorkDir, os.DirFS("testdata/runs"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"scalecheck": run1("scalecheck"),
			"k6":         run1("k6"),
			"status":     status,
		},
		RequireUniqueNames: true,
	})
}

// lastStatus is the key of the last command's exit status.
type lastStatus struct{}

// run1 runs a program as exec does, and remembers its exit status.
func run1(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := ts.Exec(name, args...)
		got := ts.Value(lastStatus{}).(*int)
		*got = 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			*got = exit.ExitCode()
		} else if err != nil {
			ts.Fatalf("%s: %v", name, err)
		}
		if neg != (*got != 0) {
			ts.Fatalf("%s %q: status %d", name, args, *got)
		}
	}
}

// status checks the exit status of the last scalecheck or k6.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: status N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := *ts.Value(lastStatus{}).(*int); got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}
