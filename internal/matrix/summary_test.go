package matrix

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestCounted(t *testing.T) {
	for _, tt := range []struct {
		n, of     int
		low, high float64
	}{
		// Newcombe 1998, table I.
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
		{29, 29, 0.8830, 1},
		{0, 0, 0, 1},
	} {
		c := counted(tt.n, tt.of)
		if math.Abs(c.Low-tt.low) > 2e-4 || math.Abs(c.High-tt.high) > 2e-4 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", tt.n, tt.of, c.Low, c.High, tt.low, tt.high)
		}
	}
}

func TestSummarize(t *testing.T) {
	guess := func(right float64) []Guess {
		return []Guess{{Baseline: "random pick", Right: 0.1}, {Baseline: "largest total_exec_time", Right: right}}
	}
	lock := Verdict{Status: "fail", Cause: "lock-contention"}
	index := Verdict{Status: "fail", Cause: "missing-index"}
	attempts := []Attempt{
		{Case: "hot-row", Group: Database, Seed: 1, Try: 1, Expected: lock, Given: lock, Right: true, Entity: true, Class: true, Top3: true, Answered: true, Guesses: guess(1), Seconds: 50, Load: 45, Overhead: 0.01},
		// The noisy first try is not counted.
		{Case: "missing-index", Group: Database, Seed: 1, Try: 1, Expected: index, Given: lock, Answered: true, Guesses: guess(1), Noise: 0.5, Seconds: 50, Load: 45},
		{Case: "missing-index", Group: Database, Seed: 1, Try: 2, Expected: index, Given: lock, Entity: true, Top3: true, Answered: true, Guesses: guess(1), Seconds: 54, Load: 45, Overhead: 0.02},
		{Case: "missing-index", Group: Database, Seed: 2, Try: 1, Expected: index, Given: Verdict{Status: "inconclusive"}, Guesses: guess(0), Seconds: 60, Load: 45, Overhead: 0.03},
		{Case: "sync-email", Group: Beyond, Seed: 1, Try: 1, Expected: Verdict{Status: "fail", Cause: "blocking-side-effect"}, Error: "no report"},
		{Case: "none", Group: Control, Seed: 1, Try: 1, Expected: Verdict{Status: "pass"}, Given: Verdict{Status: "pass"}, Right: true, Answered: true, Guesses: guess(0), Seconds: 56, Load: 45},
		{Case: "short", Group: Control, Seed: 1, Try: 1, Expected: Verdict{Status: "inconclusive"}, Given: Verdict{Status: "pass"}, Answered: true, Guesses: guess(0), Seconds: 20, Load: 8},
		{Case: "none", Group: Control, Seed: 2, Try: 1, Expected: Verdict{Status: "pass"}, Given: lock, Answered: true, Guesses: guess(0), Seconds: 56, Load: 45},
		{Case: "two-faults", Group: Several, Seed: 1, Try: 1, Expected: Verdict{Status: "fail", Cause: "a + b"}, Given: lock, Right: true, Answered: true, Seconds: 50, Load: 45},
	}
	r := Summarize(Plan{Commit: "c", Seeds: 2, Asked: []string{"hot-row", "missing-index", "sync-email", "none", "short", "two-faults"}}, attempts)
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"faults", float64(r.Faults), 4},
		{"answered", r.Answered, 2. / 4},
		{"all right of the answered", r.Joint, 1. / 2},
		{"all right of all", r.JointAll, 1. / 4},
		{"subject", r.Entity, 1},
		{"bound", r.Class, 1. / 2},
		{"first three", r.Top3, 1},
		{"all right of the database's", r.Database.JointAll, 1. / 3},
		{"answered of the others", r.Beyond.Answered, 0},
		{"best baseline", r.Best.JointTop1, 2. / 4},
		{"specificity", r.Specificity, 2. / 3},
		{"controls right", r.Controls.share(), 1. / 3},
		{"both found", r.Several.share(), 1},
		{"median seconds", r.MedianSeconds, 54},
		{"median seconds without load", r.MedianOutside, 11},
		{"lock instead of an index", float64(r.Confusion["missing-index"]["lock-contention"]), 1},
		{"inconclusive instead of an index", float64(r.Confusion["missing-index"]["inconclusive"]), 1},
		{"no report", float64(r.Confusion["blocking-side-effect"]["no report"]), 1},
		{"planned", float64(r.Planned), float64(2 * len(Cases))},
	} {
		if math.Abs(tt.got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if r.Best.Name != "largest total_exec_time" {
		t.Errorf("best baseline %q", r.Best.Name)
	}
	for _, want := range []Skip{
		{"hot-row", 1, 2, "not run yet"}, {"short", 1, 2, "not run yet"}, {"deadlock", 2, 2, "not asked for"},
	} {
		if !slices.Contains(r.Skipped, want) {
			t.Errorf("%+v is not among the skipped: %+v", want, r.Skipped)
		}
	}
	var left int
	for _, s := range r.Skipped {
		left += s.Runs
	}
	if done := len(final(attempts)); done+left != r.Planned {
		t.Errorf("%d done and %d left of %d", done, left, r.Planned)
	}
}

// What the file holds under which name is read by others.
func TestNames(t *testing.T) {
	text, err := json.Marshal(Summarize(Plan{Commit: "c", Seeds: 3}, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"joint_top1", "entity_top1", "class_top1", "joint_top3", "answered", "specificity", "best_baseline", "baselines",
		"confusion", "median_seconds", "median_overhead", "skipped", "cases", "commit", "database",
	} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestMarkdown(t *testing.T) {
	r := Summarize(Plan{Commit: "abc1234", Analyzers: "def5678", Seeds: 1}, []Attempt{{
		Case: "short", Group: Control, Seed: 1, Try: 1, Expected: Lookup("short").Want.verdict(),
		Given: Verdict{Status: "inconclusive", Reason: "only 5 s | of load"}, Right: true, Answered: true,
	}})
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Commit abc1234, its run files judged again by the analyzers of def5678; 1 of ", "| nothing named | 1.00 (1 of 1; 0.21–1.00) |", "| inconclusive | inconclusive 1 |", "| none | 1 of 1 | not run yet |",
		"| short | 1 | 1 | yes | inconclusive: `s of load were measured` | inconclusive: `only 5 s \\| of load` |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
