package matrix

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program makes a shell script that is run like scalecheck; $OUT is the directory
// of its output.
func program(t *testing.T, script string) Runner {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scalecheck")
	text := "#!/bin/sh\nARGS=\"$*\"\nwhile [ $# -gt 0 ]; do [ \"$1\" = -o ] && OUT=$2; shift; done\n" + script
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return Runner{Bin: path}
}

func TestRun(t *testing.T) {
	healthy := Case{Name: "none", Want: Want{Status: "pass"}}
	const pass = `echo '{"verdict": {"status": "pass"}, "run": {"stages": [{"settle": 4, "measure": 11}]}}' >$OUT/report.json` + "\n"
	t.Run("judged whatever its status", func(t *testing.T) {
		a := program(t, pass+"exit 3").Run(t.Context(), healthy, 1, 1)
		if !a.Right || a.Error != "" || a.Load != 15 || a.Seconds <= 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("no report", func(t *testing.T) {
		a := program(t, "echo no PostgreSQL >&2; exit 2").Run(t.Context(), healthy, 1, 1)
		if a.Right || a.Answered || !strings.Contains(a.Error, "no PostgreSQL") {
			t.Errorf("%+v", a)
		}
	})
	t.Run("arguments", func(t *testing.T) {
		c := Case{Name: "none", Args: []string{"--fault", "deadlock", "--steps", "1"}, Want: Want{Status: "fail"}}
		a := program(t, "echo $ARGS\n").Run(t.Context(), c, 4, 1)
		if !strings.Contains(a.Error, "run --seed 4 ") || !strings.HasSuffix(a.Error, "--steps 3 --duration 45s --fault deadlock --steps 1") {
			t.Errorf("%s", a.Error)
		}
		c.Args = nil
		if a := program(t, "echo $ARGS\n").Run(t.Context(), c, 4, 1); !strings.HasSuffix(a.Error, "--fault none") {
			t.Errorf("%s", a.Error)
		}
	})
	t.Run("beside", func(t *testing.T) {
		c := healthy
		c.Beside = func(ctx context.Context, p *Process) error {
			signal := filepath.Join(t.TempDir(), "signal")
			if err := p.Start(ctx, "--signal", signal); err != nil {
				return err
			}
			if err := p.Says("step 1 of 1"); err != nil {
				return err
			}
			err := os.WriteFile(signal, nil, 0o600)
			p.Wait()
			return err
		}
		wait := `echo step 1 of 1 >&2; while [ ! -e "${ARGS##*--signal }" ]; do sleep 0.01; done` + "\n"
		if a := program(t, wait+pass).Run(t.Context(), c, 1, 1); !a.Right {
			t.Errorf("%+v", a)
		}
		// What was to happen beside it did not: that is no answer to the case.
		if a := program(t, pass).Run(t.Context(), c, 1, 1); a.Right || !strings.Contains(a.Error, "without saying") {
			t.Errorf("%+v", a)
		}
	})
}

// What was measured is kept, and the answer is today's.
func TestAgain(t *testing.T) {
	r := program(t, `cat "$(echo $ARGS | cut -d' ' -f2)" >$OUT/report.json; exit 1`+"\n")
	r.Keep = t.TempDir()
	before := Attempt{Case: "hot-row", Seed: 2, Try: 1, Seconds: 50, Commit: "c", Given: Verdict{Status: "inconclusive"}}
	if _, err := r.Again(t.Context(), before); err == nil {
		t.Error("judged a run file that is not there")
	}
	report := `{"verdict": {"status": "fail"}, "bottleneck": {"cause": "lock-contention", "bound": "lock", "subject": {"kind": "table", "name": "public.site_counters"}}}`
	if err := os.WriteFile(filepath.Join(r.Keep, "hot-row-2-1.run"), []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := r.Again(t.Context(), before)
	if err != nil || a.Given.Cause != "lock-contention" || a.Seconds != 50 || a.Commit != "c" || a.Seed != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}
