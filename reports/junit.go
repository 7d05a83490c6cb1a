package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// JUnit is the format for the test page of a CI system.
var JUnit = &Format{
	Name: "junit",
	File: "junit.xml",
	Doc: `objectives, findings and evidence as JUnit test cases

For the test page of a CI system. Three suites: each objective of each endpoint
in the judged step (and a k6 script's thresholds), each finding, and each
condition on the evidence. What fell short is a failure, what could not be said
is an error, and what was not measured is skipped; the first case is the verdict
itself, so that the file is green only when the run passed.`,
	Write: writeJUnit,
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure"`
	Error   *junitFault `xml:"error"`
	Skipped *junitFault `xml:"skipped"`
	Output  string      `xml:"system-out,omitempty"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, r *Report) error {
	d, err := printable(r)
	if err != nil {
		return err
	}
	s := junitSuites{Name: "scalecheck " + d.Run.Scenario, Time: "0"}
	if d.Run.Finished != nil {
		s.Time = fmt.Sprintf("%.3f", d.Run.Finished.Sub(d.Run.Started).Seconds())
	}
	s.add(d, "objectives", junitObjectives(d))
	s.add(d, "findings", junitFindings(d))
	s.add(d, "evidence", junitEvidence(d))
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("encode junit: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func (s *junitSuites) add(d *document, name string, cases []junitCase) {
	suite := junitSuite{Name: name, Tests: len(cases), Time: "0", Timestamp: d.Run.Started.UTC().Format("2006-01-02T15:04:05")}
	for i := range cases {
		c := &cases[i]
		c.Class, c.Time = "scalecheck."+name, "0"
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		case c.Skipped != nil:
			suite.Skipped++
		}
	}
	suite.Cases = cases
	s.Tests += suite.Tests
	s.Failures += suite.Failures
	s.Errors += suite.Errors
	s.Skipped += suite.Skipped
	s.Suites = append(s.Suites, suite)
}

func junitObjectives(d *document) []junitCase {
	verdict := junitCase{Name: "verdict"}
	fault := &junitFault{Message: d.Verdict.Headline, Type: string(d.Verdict.Status), Text: strings.Join(d.Verdict.Reasons, "\n")}
	switch d.Verdict.Status {
	case Pass:
		verdict.Output = d.Verdict.Headline
	case Fail:
		verdict.Failure = fault
	default:
		verdict.Error = fault
	}
	cases := []junitCase{verdict}
	if step := d.judgedStep(); step != nil {
		for _, j := range step.Judgments {
			cases = append(cases, junitJudgment(j, step))
		}
	} else {
		for _, o := range d.Objectives {
			cases = append(cases, junitCase{Name: o.Text, Skipped: &junitFault{Message: "no step was measured"}})
		}
	}
	for _, h := range d.Thresholds {
		c := junitCase{Name: "threshold " + h.Metric + " " + h.Source}
		if !h.OK {
			c.Failure = &junitFault{Message: h.Source + " was missed", Type: "threshold"}
		}
		cases = append(cases, c)
	}
	return cases
}

func junitJudgment(j judgmentPart, step *stepPart) junitCase {
	name := j.Objective
	if !strings.HasPrefix(name, j.Endpoint) {
		name = j.Endpoint + " " + name
	}
	says := j.says() + " at " + step.offered()
	c := junitCase{Name: name}
	switch capacity.Status(j.Status) {
	case capacity.Met:
		c.Output = says
	case capacity.Missed:
		c.Failure = &junitFault{Message: says, Type: j.Status}
	case capacity.Boundary:
		c.Error = &junitFault{Message: says, Type: j.Status}
	default:
		c.Skipped = &junitFault{Message: says}
	}
	return c
}

// junitFindings makes failures of what the verdict fails for. Other findings
// are worth reading, but a system that keeps its promises is not broken.
func junitFindings(d *document) []junitCase {
	var cases []junitCase
	for i, f := range d.Findings {
		c := junitCase{Name: strings.TrimSpace(f.Cause + " " + f.Subject.Kind + " " + f.Subject.Name)}
		text := f.says()
		if d.Verdict.Status == Fail && (f.Fails || d.Bottleneck != nil && i == d.named) {
			c.Failure = &junitFault{Message: f.Message, Type: f.Cause, Text: text}
		} else {
			c.Output = f.Message + "\n" + text
		}
		cases = append(cases, c)
	}
	for _, s := range d.Skipped {
		cases = append(cases, junitCase{Name: s.Analyzer, Skipped: &junitFault{Message: s.Reason}})
	}
	return cases
}

// says lists what there is for and against a finding, a line each.
func (f findingPart) says() string {
	lines := []string{f.figures()}
	for _, e := range f.Exhibits {
		lines = append(lines, e.Name+": "+inUnit(e.Value, e.Unit))
	}
	for _, c := range f.Caveats {
		lines = append(lines, "but: "+c)
	}
	if f.Remedy != nil {
		lines = append(lines, "try: "+f.Remedy.Title)
	}
	return strings.Join(nonEmpty(lines...), "\n")
}

func junitEvidence(d *document) []junitCase {
	var cases []junitCase
	for _, g := range d.Gates {
		c := junitCase{Name: g.Name}
		if !g.OK {
			c.Error = &junitFault{Message: g.Reason, Type: "evidence"}
		}
		cases = append(cases, c)
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Missing)) {
		cases = append(cases, junitCase{Name: "measured " + kind, Skipped: &junitFault{Message: strings.Join(d.Missing[kind], "; ")}})
	}
	return cases
}
