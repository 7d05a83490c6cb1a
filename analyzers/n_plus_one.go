package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// NPlusOne finds requests that ask the database the same thing again and again.
var NPlusOne = &Analyzer{
	Name:  "n-plus-one",
	Needs: []evidence.Kind{evidence.Footprints},
	Run:   nPlusOne,
	Doc: `one request sends the same statement again and again

A list is read, then for each of its rows one more statement. Each is fast, so
none shows in a slow query log. Together they are hundreds of round trips: the
app builds, sends and parses each, the server plans or looks up and answers each.
It grows with the data, and it is the first thing to break when users come.

How to confirm it by hand: reset nothing, send the request once on an idle system
and compare

    SELECT calls, rows, query FROM pg_stat_statements ORDER BY calls DESC;

before and after.

What to do: one statement for all rows: a join, WHERE id = ANY($1), an aggregate,
or the preloading of your data mapper. Where the calls cannot be joined, send
them in one batch (pipeline mode).

When it is wrong: the statement is a loop that must see its own writes, or the
repetition is a bounded handful. Where the probe's requests had lists of different
length, it is said whether the calls grew with them: that is the proof, and without it
the finding is not confirmed. The isolation probe counts calls of a request that is
alone; a cache that is warm under load can make the truth smaller.`,
}

const (
	// minRepeats: a request that asks twice or thrice is common and harmless; ten
	// repetitions of a round trip of a quarter millisecond are what people begin
	// to see.
	minRepeats = 10
	// perRow: a statement of an N+1 fetches what belongs to one row. A few rows
	// a call are one-to-many; dozens are a page.
	perRow = 5
)

func nPlusOne(p *Pass) {
	for _, f := range p.Run.Footprints {
		var all, worst float64
		var repeated *evidence.FootprintStatement
		for i, s := range f.Statements {
			all += s.Calls
			if s.Calls >= minRepeats && s.Rows <= perRow*s.Calls && s.Calls > worst && !waitsForLog(p.Step, s.ID) {
				repeated, worst = &f.Statements[i], s.Calls
			}
		}
		if repeated != nil {
			nPlusOneFinding(p, f, *repeated, all)
		}
	}
}

// waitsForLog reports whether a statement's time is mostly its commits': rows
// written one by one are CommitBound's.
func waitsForLog(s *capacity.Step, statement string) bool {
	classes := s.ByClass(statement)
	return classes[capacity.ClassCommit] > classes[capacity.ClassCPU]+classes[capacity.ClassQueue]
}

func nPlusOneFinding(p *Pass, f evidence.Footprint, s evidence.FootprintStatement, all float64) {
	// What the app and the network do for a request they mostly do for its
	// statements, each about the same.
	share := s.Calls / all
	claim := func(k capacity.Key) float64 {
		switch {
		case k.Endpoint != f.Endpoint:
			return 0
		case k.Statement == s.ID:
			return 1
		case k.Statement != "" || k.Dependency != "":
			return 0
		}
		return share
	}
	blame := p.Step.Blame(claim)
	bound := capacity.CPU
	var rate float64
	for _, e := range p.Step.Endpoints {
		if e.Name == f.Endpoint {
			rate = e.Throughput
		}
	}
	// Alone on the machine a request's time is processor time or waiting for
	// the wire. Where the processors are full the question does not arise.
	cpu := f.AppCPU + f.ServerCPU
	if p.Step.CPU.Utilization() < 0.7 && cpu > 0 && cpu < f.Seconds/2 {
		bound = capacity.Network
	}
	text := p.Run.Text(s.ID)
	message := fmt.Sprintf("one request sends %.0f statements, %.0f of them the same: %s calls a minute at %.1f requests a second",
		all, s.Calls, digits.Group(s.Calls*rate*60), rate)
	var slope []Exhibit
	var caveats []string
	g := slopeOf(f, s)
	switch {
	case g == nil:
		caveats = []string{"not confirmed: calls were counted on requests that were alone, whose lists were alike"}
	case g.proven():
		message += fmt.Sprintf("; confirmed: %.1f more for each row of another statement", g.calls)
		slope = []Exhibit{
			{"calls for each row more of: " + p.Run.Text(g.statement), g.calls, "", "isolation probe"},
			{"such rows, in the requests that were seen: least", g.least, "rows", "isolation probe"},
			{"most", g.most, "rows", "isolation probe"},
		}
	default:
		caveats = []string{fmt.Sprintf("not confirmed: calls did not follow the rows (%.2f calls for each row more of a list that had %.0f to %.0f, correlation %.2f)",
			g.calls, g.least, g.most, g.r)}
	}
	p.Report(Finding{
		Bound:   bound,
		Subject: Subject{Kind: Endpoint, Name: f.Endpoint, Endpoint: f.Endpoint, Statement: s.ID, Detail: text},
		Message: message,
		Load:    blame.Load, Share: blame.Share,
		Exhibits: append(slope, []Exhibit{
			{"calls of the repeated statement in one request", s.Calls, "", "isolation probe"},
			{"rows by one call", s.Rows / s.Calls, "rows", "isolation probe"},
			{"calls of all statements in one request", all, "", "isolation probe"},
			{"latency of the request alone", f.Seconds, "s", "isolation probe"},
			{"processor time of the request alone, app", f.AppCPU, "s", "schedstat"},
			{"processor time of the request alone, PostgreSQL", f.ServerCPU, "s", "schedstat"},
			{"share of all processor time", blame.CPU, "share", "schedstat"},
		}...),
		Remedy:  &Remedy{Title: "fetch it for all rows at once: a join, = ANY($1), or an aggregate"},
		Caveats: caveats,
	})
}
