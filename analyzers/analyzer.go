// Package analyzers holds opinions: why a station is loaded, and what to try.
//
// An analyzer is one file and one value in All. It reads the run and the model
// that capacity made of it, and reports findings; it touches nothing else, so
// that a stored run can be analysed again with next year's analyzers. Cases in
// testdata/<name>/ prove that it fires where it should and stays silent on the
// closest lookalike.
package analyzers

import (
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// An Analyzer knows one cause.
type Analyzer struct {
	Name  string          // in flags, files and reports: missing-index
	Doc   string          // title, blank line, why it hurts, how to confirm it by hand, what to do, when it is wrong
	Needs []evidence.Kind // missing one, it is skipped and the report says why
	Run   func(*Pass)
}

// A Pass is one analyzer's look at one run.
type Pass struct {
	Run    *evidence.Run   // read-only
	Model  *capacity.Model // computed once, for all analyzers
	Step   *capacity.Step  // the judged step; never nil
	Window evidence.Window // where that step's requests spent their time (capacity.Step.Window)
	Report func(Finding)

	found []Finding // by the analyzers before this one
	kept  *kept
}

// kept is what was read from the run once: analyzers ask for the same again, and
// all of them for each resample.
type kept struct {
	tokens map[string][]string // of a statement's text
	pulse  *pulse              // nil until somebody has asked
	shared map[string]bool     // statements that nearly all endpoints send; likewise
	herds  map[string]*herds   // of a statement; nil where it comes in none
}

// words returns the tokens of a statement's text.
func (p *Pass) words(id string) []string {
	ts, ok := p.kept.tokens[id]
	if !ok {
		ts = words(p.Run.Text(id))
		p.kept.tokens[id] = ts
	}
	return ts
}

// SubjectKind is what sort of thing is at fault.
type SubjectKind string

const (
	Query      SubjectKind = "query"
	Endpoint   SubjectKind = "endpoint"
	Dependency SubjectKind = "dependency"
	Table      SubjectKind = "table"
	Job        SubjectKind = "job"
	Station    SubjectKind = "station"
)

// A Subject is what is at fault.
type Subject struct {
	Kind      SubjectKind
	Name      string // the statement's text, the route, the dependency, schema.table, the job kind
	Endpoint  string // that it hurts most; empty for none
	Statement string // its ID, where a statement plays a part
	// Detail names the accomplice: the repeated query of an endpoint, the
	// transaction that holds a table's lock, the queue of a job.
	Detail string
}

// A Finding is one cause with its figures.
type Finding struct {
	Cause   string // the analyzer's name
	Bound   capacity.Bound
	Subject Subject
	Message string // one sentence with the figures

	// Load is how many requests in flight there are because of it in the judged
	// step: the currency that ranks findings. 0 where it holds up no request,
	// such as a queue of background jobs.
	Load float64
	// Share is the part of the requests in flight of the endpoints that miss
	// their objective (of all, where none does).
	Share float64
	// Explains is the part of the requests in flight that nothing measured and that
	// it explains by more than being left over: confidence counts half of it.
	Explains float64
	// Confidence is between 0 and 1.
	Confidence float64
	// Fails says that the system falls short because of it although every
	// request is within its objective.
	Fails bool
	// Alone says that it keeps its endpoint from an objective all by itself. It is
	// worth a line however little that endpoint counts among the others.
	Alone bool

	Exhibits []Exhibit // figures that speak for it
	// Against holds the figures that speak against it, or bound what it can
	// explain. Run adds those that every finding has.
	Against []Exhibit
	Caveats []string // what speaks against it, in words
	// Rival is the next best explanation of the same requests; nil where there
	// is none.
	Rival *Rival

	Remedy *Remedy // nil where there is nothing to try
}

// A Rival is another explanation of the requests that a finding explains.
type Rival struct {
	Cause string  // the analyzer's name; a station's where no analyzer names it, for all stations of its bound
	Name  string  // of its subject; empty for a station
	Share float64 // as Finding.Share
}

// An Exhibit is a figure behind a finding.
type Exhibit struct {
	Name   string // "rows read for one returned"
	Value  float64
	Unit   string // "rows", "s", "1/s", "blocks", "share"; empty for a plain number
	Source string // where in the evidence: "pg_stat_user_tables", "isolation probe"
}

// A Remedy is what to try. SQL is empty where it is a change of code.
type Remedy struct {
	Title string
	SQL   string
}

// A Skip is an analyzer that could not run.
type Skip struct {
	Analyzer string
	Reason   string
}
