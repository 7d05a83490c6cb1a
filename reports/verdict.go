package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Options say what makes a verdict.
type Options struct {
	// File is the run file's name, for the lines that say what to type next.
	File      string
	Analyzers []*analyzers.Analyzer // nil means analyzers.All
	FailOn    []FailOn              // nil means OnObjective and OnBacklog
	Modules   map[string]string     // table → module, where not its schema
}

// FailOn is a reason for the verdict fail.
type FailOn string

const (
	OnObjective    FailOn = "objective"    // a missed objective or k6 threshold
	OnBacklog      FailOn = "backlog"      // what gets worse as long as it lasts: jobs that never catch up, connections that never come back
	OnFinding      FailOn = "finding"      // any finding, held up or not
	OnInconclusive FailOn = "inconclusive" // too little evidence counts as a failure
)

// FailOns lists them all, for help and for usage errors.
var FailOns = []FailOn{OnObjective, OnBacklog, OnFinding, OnInconclusive}

const (
	// named: the least share of the slow requests' time that a finding must
	// explain to be called the bottleneck.
	named = 0.3
	// sure: the least confidence with which one is named.
	sure = 0.35
)

// Statuses of Verdict.Exit; see package hint for the ones of errors.
const (
	exitPass         = 0
	exitFail         = 1
	exitInconclusive = 3
	exitBroken       = 4
	exitInterrupted  = 130
)

// New analyzes the run and reaches a verdict. It is a pure function of the run:
// same run, same bytes. It fails only on a run that contradicts itself.
func New(r *evidence.Run, o Options) (*Report, error) {
	if o.Analyzers == nil {
		o.Analyzers = analyzers.All
	}
	if o.FailOn == nil {
		o.FailOn = []FailOn{OnObjective, OnBacklog}
	}
	m, err := capacity.Fit(r)
	if err != nil {
		return nil, fmt.Errorf("analyze run: %w", err)
	}
	found, skipped, err := analyzers.Run(r, m, o.Analyzers)
	if err != nil {
		return nil, fmt.Errorf("analyze run: %w", err)
	}
	rep := &Report{Run: r, File: o.File, Model: m, Findings: found, Skipped: skipped, Modules: o.Modules}
	rep.Bottleneck = bottleneck(rep)
	rep.Verdict = verdict(rep, o)
	return rep, nil
}

// bottleneck picks the finding that is held responsible: one that explains
// enough of the slow requests' time, or a queue that grows although every
// request is fast. On evidence that is not fit to judge by, nothing is named.
func bottleneck(r *Report) *analyzers.Finding {
	if slices.ContainsFunc(r.Model.Gates, func(g capacity.Gate) bool { return !g.OK }) {
		return nil
	}
	s := r.Model.Step()
	if s == nil {
		return nil
	}
	missed := s.Status == capacity.Missed
	for i := range r.Findings {
		f := &r.Findings[i]
		if missed && f.Share >= named && f.Confidence >= sure || !missed && f.Fails {
			return f
		}
	}
	return nil
}

func verdict(r *Report, o Options) Verdict {
	fails, doubts := failures(r, o.FailOn), doubts(r)
	if !r.Run.Complete() {
		doubts = append(doubts, ended(r))
	}
	v := Verdict{Reasons: append(doubts, fails...)}
	switch {
	case len(fails) > 0 && len(doubts) == 0:
		v.Status, v.Exit, v.Headline = Fail, exitFail, headlineFail(r)
	case len(doubts) > 0:
		v.Status, v.Exit, v.Headline = Inconclusive, exitInconclusive, doubts[0]
		if slices.Contains(o.FailOn, OnInconclusive) {
			v.Exit = exitFail
		}
	default:
		v.Status, v.Exit, v.Headline = Pass, exitPass, headlinePass(r)
	}
	if !r.Run.Complete() {
		v.Exit = exitBroken
		if r.Run.End != nil && r.Run.End.Reason == evidence.Interrupted {
			v.Exit = exitInterrupted
		}
	}
	return v
}

func ended(r *Report) string {
	end := r.Run.End
	switch {
	case end == nil:
		return "the recording was cut short; what it had measured until then is here"
	case end.Reason == evidence.Completed: // and yet not complete
		return fmt.Sprintf("the run file is damaged: %s could not be read", plural(r.Run.Unread, "record"))
	case end.Detail == "" || end.Detail == end.Reason:
		return "the run did not go through: " + end.Reason
	}
	return fmt.Sprintf("the run did not go through: %s: %s", end.Reason, end.Detail)
}

// failures returns why the system fell short.
func failures(r *Report, on []FailOn) []string {
	var out []string
	if slices.Contains(on, OnObjective) {
		if s := r.Model.Step(); s != nil && s.Status == capacity.Missed {
			for _, j := range s.Verdicts {
				if j.Status == capacity.Missed {
					out = append(out, fmt.Sprintf("%s: %s (limit %s, %d requests%s) at %s", j.Endpoint, got(j), limit(j), j.N, overdue(j), load(*s)))
				}
			}
		}
		for _, t := range r.Run.Thresholds {
			if !t.OK {
				out = append(out, fmt.Sprintf("threshold of the script: %s %s", t.Metric, t.Source))
			}
		}
	}
	for _, f := range r.Findings {
		if f.Fails && slices.Contains(on, OnBacklog) || slices.Contains(on, OnFinding) {
			out = append(out, f.Cause+": "+f.Message)
		}
	}
	return out
}

// doubts returns why nothing can be said.
func doubts(r *Report) []string {
	var out []string
	for _, g := range r.Model.Gates {
		if !g.OK {
			out = append(out, g.Reason)
		}
	}
	s := r.Model.Step()
	if s == nil || len(out) > 0 {
		return out
	}
	if s.Status == capacity.Boundary {
		for _, j := range s.Verdicts {
			if j.Status == capacity.Boundary {
				out = append(out, fmt.Sprintf("%s: %s (limit %s) is over the limit by no more than chance explains with %d requests", j.Endpoint, got(j), limit(j), j.N))
				break
			}
		}
	}
	if len(r.Run.Plan.Objectives) > 0 && (s.Status == capacity.TooFew || s.Status == capacity.Unmeasured) {
		out = append(out, "no endpoint had enough requests to be held against its objective")
	}
	for _, j := range s.Verdicts {
		if j.Status == capacity.Unmeasured && j.Objective.Endpoint != "" {
			out = append(out, fmt.Sprintf("%s had no request at all, so its objective was not tested", j.Endpoint))
		}
	}
	return out
}

func headlinePass(r *Report) string {
	s := r.Model.Step()
	if len(r.Run.Plan.Objectives) == 0 && len(r.Run.Thresholds) == 0 {
		return fmt.Sprintf("no objective was set; %s, p95 %s at %.1f requests a second", load(*s), millis(s.Latency.P95), s.Throughput)
	}
	return fmt.Sprintf("carries %s (%.1f requests a second, p95 %s) within its objectives", load(*s), s.Throughput, millis(s.Latency.P95))
}

func headlineFail(r *Report) string {
	c := r.Model.Capacity
	s := r.Model.Step()
	var b strings.Builder
	switch {
	case s.Status != capacity.Missed:
		b.WriteString("requests are within their objectives, but the system does not keep up")
	case c.Users+c.Sessions > 0: // one of them
		fmt.Fprintf(&b, "carries %s within its objectives, not %s", people(r, c.Users+c.Sessions), people(r, c.NextUsers+c.NextSessions))
	default:
		fmt.Fprintf(&b, "misses its objectives with %s already", people(r, c.NextUsers+c.NextSessions))
	}
	if f := r.Bottleneck; f != nil {
		fmt.Fprintf(&b, ": %s", blamed(r, *f))
	} else if s.Status == capacity.Missed {
		b.WriteString("; the evidence does not single out a cause")
	}
	return b.String()
}

// blamed says what a finding is about in a few words.
func blamed(r *Report, f analyzers.Finding) string {
	name := f.Subject.Name
	switch f.Subject.Kind {
	case analyzers.Query:
		name = "a statement"
		if d := f.Subject.Detail; isTable(r, d) {
			name += " on " + d
		} else if d != "" {
			name += " with " + d // a setting
		}
	case analyzers.Job:
		name = "jobs of kind " + name
	}
	if e := f.Subject.Endpoint; e != "" && e != f.Subject.Name {
		name += " (" + e + ")"
	}
	return fmt.Sprintf("%s, %s, bound by %s", f.Cause, name, f.Bound)
}

func isTable(r *Report, name string) bool {
	_, table, qualified := strings.Cut(name, ".")
	if !qualified {
		table = name
	}
	return slices.ContainsFunc(r.Run.Catalog, func(t evidence.Table) bool { return t.Name == table })
}

func people(r *Report, n float64) string {
	if len(r.Run.Plan.Stages) > 0 && r.Run.Plan.Stages[0].Rate > 0 {
		return fmt.Sprintf("%g sessions a second", n)
	}
	if r.Run.Plan.Kind == scenarios.Script {
		return fmt.Sprintf("%.0f VUs", n)
	}
	return fmt.Sprintf("%.0f users", n)
}

func load(s capacity.Step) string {
	if s.Rate > 0 {
		return fmt.Sprintf("%g sessions a second", s.Rate)
	}
	return fmt.Sprintf("%.0f users", s.Users)
}

func got(j capacity.Judgement) string {
	if j.Objective.Quantile > 0 {
		name, _, _ := strings.Cut(scenarios.Objective{Quantile: j.Objective.Quantile, Limit: 1}.String(), "<")
		if math.IsInf(j.Got, 1) {
			return fmt.Sprintf("%s out of reach, %.1f %% %s", name, 100*float64(j.Failed+j.Overdue)/float64(j.N), unanswered(j.Overdue))
		}
		return name + " " + millis(j.Got)
	}
	return fmt.Sprintf("%.1f %% failed", 100*j.Got)
}

// unanswered says what became of requests that have no latency.
func unanswered(overdue int64) string {
	if overdue > 0 {
		return "failed or got no answer"
	}
	return "failed"
}

// overdue says how many of the requests have no answer.
func overdue(j capacity.Judgement) string {
	if j.Overdue == 0 {
		return ""
	}
	return fmt.Sprintf(", %d without an answer at the end", j.Overdue)
}

func limit(j capacity.Judgement) string {
	if j.Objective.Quantile > 0 {
		return millis(j.Limit)
	}
	return fmt.Sprintf("%g %%", 100*j.Limit)
}

func millis(seconds float64) string {
	switch {
	case seconds >= 1:
		return fmt.Sprintf("%.2f s", seconds)
	case seconds >= 0.01:
		return fmt.Sprintf("%.0f ms", seconds*1e3)
	}
	return fmt.Sprintf("%.1f ms", seconds*1e3)
}
