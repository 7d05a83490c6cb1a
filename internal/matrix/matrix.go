// Package matrix holds scalecheck against what it should have said: every fault
// of the bundled app is switched on, the whole product is run on it as a user
// would, and the verdict is compared with the known answer. Controls are runs
// whose right answer is that nothing can be blamed, or nothing be said.
//
// What the faults do is in the reference app; what must be said about them is in
// Cases, and nowhere else. A Runner runs a case; its answer, and those of the
// Baselines, are judged by report.json alone. Summarize counts.
package matrix

import (
	"context"
	"slices"
	"strings"
)

// A Case is a run and the right answer.
type Case struct {
	Name  string   // of the fault, or of the control
	Args  []string // of scalecheck run, beside Load
	Want  Want
	About string // what the right answer is, in a few words

	// Beyond says that the fault is not one of the database or of how it is used.
	Beyond bool
	// Beside starts the run and does what has to happen while it goes on. It
	// returns when the run and all that it has started has ended. Nil: nothing
	// happens beside it.
	Beside func(context.Context, *Process) error
	// Cannot returns why this machine can't do it; empty: it can. Nil: every one can.
	Cannot func() string
	// Noisy says that other processes are part of the case, and no reason to try
	// it again.
	Noisy bool
}

// Want is the right answer.
type Want struct {
	Status string
	// Reason is part of what the verdict must give as a reason; empty: any will do.
	Reason string
	// Culprits have to be named. With none of them, nothing may be. Of several, the
	// verdict names one, and the others are among as many first findings.
	Culprits []Culprit
}

// A Culprit is what a verdict has to name.
type Culprit struct {
	Cause    string   // the analyzer
	Bounds   []string // any of them
	Kind     string   // of the subject
	Subject  string   // must be part of its name or detail
	Endpoint string   // must be part of the subject's; empty: any will do

	// Baselines name other things. Statement is part of the text of the statement
	// that is to blame, Station the place whose name alone sends an engineer to the
	// right thing; empty where there is none.
	Statement, Station string
}

// Groups of cases that are counted together.
const (
	Database = "database" // one fault of the database or of how it is used
	Beyond   = "beyond"   // one fault elsewhere
	Several  = "several"  // more than one
	Control  = "control"  // none
)

// Group returns what the case is counted with.
func (c *Case) Group() string {
	switch {
	case len(c.Want.Culprits) == 0:
		return Control
	case len(c.Want.Culprits) > 1:
		return Several
	case c.Beyond:
		return Beyond
	}
	return Database
}

// Lookup returns the case of that name, and nil if there is none.
func Lookup(name string) *Case {
	i := slices.IndexFunc(Cases, func(c Case) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &Cases[i]
}

// A Score is how right an answer is.
type Score struct {
	Status  bool // the verdict's status
	Reason  bool // what the verdict gives as a reason
	Entity  bool // the subject
	Class   bool // the bound
	Cause   bool // the analyzer
	All     bool // of several culprits, none is missing
	Top3    bool // the culprits are among the first three findings
	Answers bool // something was named, or nothing had to be
}

// Right reports whether all of the answer is right.
func (s Score) Right() bool {
	return s.Status && s.Reason && s.Entity && s.Class && s.Cause && s.All
}

// Judge compares a report with the right answer.
func Judge(w Want, r *Report) Score {
	s := Score{Status: r.Verdict.Status == w.Status, All: true}
	s.Reason = w.Reason == "" || slices.ContainsFunc(r.Verdict.Reasons, func(reason string) bool { return strings.Contains(reason, w.Reason) })
	b := r.Bottleneck
	if len(w.Culprits) == 0 {
		s.Entity, s.Class, s.Cause, s.Answers = b == nil, b == nil, b == nil, true
		return s
	}
	s.Top3 = true
	for _, c := range w.Culprits {
		s.Top3 = s.Top3 && c.among(r.first(3))
		s.All = s.All && (b != nil && c.is(*b) || c.among(r.first(len(w.Culprits))))
	}
	if b == nil {
		return s
	}
	named := w.Culprits[0]
	for _, c := range w.Culprits {
		if c.Cause == b.Cause {
			named = c
		}
	}
	s.Answers = true
	s.Cause, s.Class, s.Entity = named.Cause == b.Cause, named.class(*b), named.entity(*b)
	return s
}

// FaultOf returns which of the faults the bottleneck of the report is the right
// answer for, and "" for none of them.
func FaultOf(r *Report, faults []string) string {
	for _, c := range Cases {
		if !slices.Contains(faults, c.Name) {
			continue
		}
		if s := Judge(c.Want, r); s.Answers && s.Cause && s.Entity {
			return c.Name
		}
	}
	return ""
}

func (c Culprit) is(f Finding) bool { return c.Cause == f.Cause && c.class(f) && c.entity(f) }

func (c Culprit) among(fs []Finding) bool { return slices.ContainsFunc(fs, c.is) }

func (c Culprit) class(f Finding) bool { return slices.Contains(c.Bounds, f.Bound) }

func (c Culprit) entity(f Finding) bool {
	s := f.Subject
	return s.Kind == c.Kind && strings.Contains(s.Name+" "+s.Detail, c.Subject) && strings.Contains(s.Endpoint, c.Endpoint)
}
