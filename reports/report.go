// Package reports says what a run means: one Report, many formats.
//
// A format is a value in Formats. All of them print the same Report, and all
// text that came from outside (statements, names, errors) passes through one
// sanitizer before it is printed.
package reports

import (
	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// A Status is the verdict. Not measured is never a pass.
type Status string

const (
	Pass         Status = "pass"
	Fail         Status = "fail"
	Inconclusive Status = "inconclusive"
)

// A Verdict is the answer.
type Verdict struct {
	Status   Status
	Headline string   // one sentence
	Reasons  []string // why, the heaviest first
	// Exit is the exit status that goes with it: see Status codes in the README.
	Exit int
}

// A Report is everything there is to say about a run.
type Report struct {
	Run      *evidence.Run
	File     string // that the run is in; may be empty
	Model    *capacity.Model
	Findings []analyzers.Finding // heaviest first
	Skipped  []analyzers.Skip
	Verdict  Verdict
	// Bottleneck is the finding that the verdict names; nil where nothing is
	// held up, or where the evidence does not single one out.
	Bottleneck *analyzers.Finding
	// Modules says which module owns a table; one that is not in it belongs to its
	// schema.
	Modules map[string]string
}
