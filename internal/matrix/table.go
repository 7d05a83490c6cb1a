package matrix

import (
	"fmt"
	"io"
	"strings"
)

// An Attempt is one run of a case. All of them are kept, the failed ones too.
type Attempt struct {
	Case     string  `json:"case"`
	Seed     int64   `json:"seed"`
	Try      int     `json:"try"` // from 1; a second one is only for a noisy host
	Status   string  `json:"status"`
	Cause    string  `json:"cause"`
	Bound    string  `json:"bound"`
	Subject  string  `json:"subject"`
	Headline string  `json:"headline"`
	Share    float64 `json:"share"`
	Sure     float64 `json:"confidence"`
	Right    bool    `json:"right"`
	Entity   bool    `json:"entity_right"`
	Class    bool    `json:"class_right"`
	Answered bool    `json:"answered"`
	Baseline string  `json:"baseline"`
	BaseOK   bool    `json:"baseline_right"`
	Noise    float64 `json:"noise"`    // largest foreign share of the machine
	Overhead float64 `json:"overhead"` // scalecheck's share of the machine
	Seconds  float64 `json:"seconds"`
	Commit   string  `json:"commit"`
	Error    string  `json:"error,omitempty"`
}

// A Result is all attempts with their summary.
type Result struct {
	Commit      string    `json:"commit"`
	JointTop1   float64   `json:"joint_top1"`  // all right ÷ answered, faults only
	EntityTop1  float64   `json:"entity_top1"` //
	ClassTop1   float64   `json:"class_top1"`
	Answered    float64   `json:"answered"`    // named something ÷ faults
	Specificity float64   `json:"specificity"` // controls on which nothing was named
	Best        BestGuess `json:"best_baseline"`
	Cases       []Attempt `json:"cases"`
}

// BestGuess is a trivial way to answer, for comparison.
type BestGuess struct {
	Name      string  `json:"name"`
	JointTop1 float64 `json:"joint_top1"`
}

// Summarize counts the last try of each case and seed.
func Summarize(commit string, attempts []Attempt) Result {
	r := Result{Commit: commit, Cases: attempts, Best: BestGuess{Name: "largest total_exec_time"}}
	last := map[string]Attempt{}
	for _, a := range attempts {
		last[fmt.Sprint(a.Case, "/", a.Seed)] = a
	}
	var faults, answered, joint, entity, class, base, controls, silent float64
	for _, a := range last {
		if a.Case == "none" {
			controls++
			if a.Cause == "" {
				silent++
			}
			continue
		}
		faults++
		base += one(a.BaseOK)
		if a.Answered {
			answered++
			joint += one(a.Right)
			entity += one(a.Entity)
			class += one(a.Class)
		}
	}
	r.JointTop1, r.EntityTop1, r.ClassTop1 = ratio(joint, answered), ratio(entity, answered), ratio(class, answered)
	r.Answered, r.Specificity, r.Best.JointTop1 = ratio(answered, faults), ratio(silent, controls), ratio(base, faults)
	return r
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Markdown writes the table for people.
func (r Result) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Accuracy\n\nEvery fault of the bundled app, switched on alone, and the healthy app; the whole product, judged by its report.\n" +
		"Written by `make accuracy`. Every attempt is here. The baseline is the statement with the largest total_exec_time.\n\n")
	fmt.Fprintf(&b, "| fault | seed | try | right | status | cause | bound | subject | share | confidence | largest total_exec_time says | right | noise | overhead | s |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, a := range r.Cases {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s | %s | %.2f | %.2f | %s | %s | %.0f %% | %.1f %% | %.0f |\n",
			a.Case, a.Seed, a.Try, yes(a.Right), a.Status+a.Error, dash(a.Cause), dash(a.Bound), cell(a.Subject), a.Share, a.Sure,
			cell(a.Baseline), yes(a.BaseOK), 100*a.Noise, 100*a.Overhead, a.Seconds)
	}
	fmt.Fprintf(&b, "\n| figure | value |\n|---|---|\n| all right, of the answered faults | %.2f |\n| subject right | %.2f |\n| bound right | %.2f |\n"+
		"| faults answered | %.2f |\n| healthy runs on which nothing was named | %.2f |\n| %s right, of the faults | %.2f |\n\ncommit %s\n",
		r.JointTop1, r.EntityTop1, r.ClassTop1, r.Answered, r.Specificity, r.Best.Name, r.Best.JointTop1, r.Commit)
	_, err := io.WriteString(w, b.String())
	return err
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

const cellWidth = 60

func cell(s string) string {
	s = strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(s)
	if r := []rune(s); len(r) > cellWidth {
		s = string(r[:cellWidth-1]) + "…"
	}
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}
