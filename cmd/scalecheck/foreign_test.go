package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
)

// An application of somebody else's, seen with the least of roles.
func TestForeignTarget(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	s := start(t, env, append([]string{"lms", "--users", "20", "--steps", "1", "--duration", "9s"}, site.flags()...)...)
	s.ends(3, "") // too short to say more
	r := s.run()
	holds(t, r, 2, evidence.Completed)
	for _, w := range r.Windows {
		if w.Phase == evidence.Measure && (len(w.Statements) == 0 || w.Sessions == nil) {
			t.Errorf("%d statements, sessions %v", len(w.Statements), w.Sessions != nil)
		}
	}
	if len(r.Texts) == 0 {
		t.Error("no statement has a text")
	}
	missing := s.document().Missing
	if len(missing["jobs"]) == 0 {
		t.Errorf("what the role can't see is not listed: %v", missing)
	}
	if !strings.Contains(strings.Join(missing["footprints"], "\n"), "POST ") {
		t.Errorf("requests that write were probed, or it is not said: %v", missing["footprints"])
	}
	texts := site.texts(t, watcher)
	if len(texts) == 0 {
		t.Error("the role has sent no statement")
	}
	reads := regexp.MustCompile(`(?is)^\s*(/\*.*?\*/\s*)?(select|with|show|set|reset|begin|commit|rollback)\b`)
	writes := regexp.MustCompile(`(?i)\b(insert into|update \w+ set|delete from|create|drop|alter|truncate|nextval)\b`)
	for _, text := range texts {
		if !reads.MatchString(text) || writes.MatchString(text) {
			t.Errorf("scalecheck has sent: %s", text)
		}
	}
	// Neither printed nor stored.
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil || len(files) < 3 {
		t.Errorf("files %q, %v", files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), password) {
			t.Errorf("%s holds the password", path)
		}
	}
	if strings.Contains(s.out.String()+s.stderr(), password) {
		t.Error("the password was printed")
	}
}

// Without the extension there are no statements, and all else goes on.
func TestNoStatistics(t *testing.T) {
	t.Parallel()
	site := database(t, pg.ForTest(t))
	site.exec(t, "DROP EXTENSION pg_stat_statements")
	site.serve(t)
	s := start(t, env, append([]string{"lms", "--users", "20", "--steps", "1", "--duration", "9s", "--no-probe"}, site.flags()...)...)
	s.ends(3, "")
	r := s.run()
	holds(t, r, 2, evidence.Completed)
	missing := strings.Join(s.document().Missing["statements"], "\n")
	if !strings.Contains(missing, "CREATE EXTENSION pg_stat_statements") {
		t.Errorf("missing statements: %q, want the line that mends it", missing)
	}
	if !slices.ContainsFunc(r.Windows, func(w evidence.Window) bool { return w.Phase == evidence.Measure && w.Sessions != nil }) {
		t.Error("sessions are missing too")
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	for _, tt := range []struct {
		name, p95 string
		status    []int
		threshold bool // of the response time
	}{
		{"thresholds pass", "20000", []int{0, 3}, true}, // 3 where the machine was too busy to tell
		{"thresholds fail", "0.001", []int{1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, append([]string{"P95=" + tt.p95}, env...), append([]string{"testdata/load/plain.js"}, site.flags()...)...)
			if got := s.status(); !slices.Contains(tt.status, got) {
				t.Errorf("exit status %d, want one of %v", got, tt.status)
			}
			r := s.run()
			holds(t, r, 1, evidence.Completed)
			if len(r.Thresholds) != 3 {
				t.Errorf("thresholds %+v, want 3", r.Thresholds)
			}
			for _, th := range r.Thresholds {
				if th.Metric == "http_req_duration" && th.OK != tt.threshold {
					t.Errorf("threshold %+v, want %v", th, tt.threshold)
				}
			}
		})
	}
}

// Green thresholds over nothing are no pass, whatever k6 says.
func TestNothingMeasured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, script, says string }{
		{"all requests kept back", "testdata/load/elsewhere.js", "192.0.2.1"},
		{"no request", "testdata/load/idle.js", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, noServer, tt.script, "--target", page(t).URL)
			if got := s.status(); got == 0 || got == 1 {
				t.Errorf("exit status %d for a run without a request", got)
			}
			if v := s.document().Verdict; v.Status != "inconclusive" {
				t.Errorf("verdict %+v", v)
			}
			if !strings.Contains(s.out.String()+s.stderr(), tt.says) {
				t.Errorf("nowhere is said %q:\n%s", tt.says, s.out.String())
			}
		})
	}
}
