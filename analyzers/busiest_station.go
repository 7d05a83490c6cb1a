package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// BusiestStation names the place and the statement where requests are held up
// when nothing more specific explains it.
var BusiestStation = &Analyzer{
	Name: "busiest-station",
	Run:  busiestStation,
	Doc: `most of the slow requests' time is spent in one place

No known pattern fits, but the time of the slow requests is known: it is spent in
one statement, at one dependency, in the app's own code on a processor, or waiting
for a connection. Start there.

How to confirm it by hand: look at the table of stations and at the endpoint ×
statement table of the report.

What to do: for a statement, look at its plan (EXPLAIN (ANALYZE, BUFFERS)) and ask
whether it must run that often; for the app's own processor time, take a profile;
for a pool, ask how long a connection is held and what for.

When it is wrong: it names where the time goes, not why.`,
}

// dominant: below this share of the slow requests' time a place is not the
// reason for their slowness, only the largest of several.
const dominant = 0.3

func busiestStation(p *Pass) {
	for _, f := range p.found {
		if f.Share >= dominant {
			return
		}
	}
	type candidate struct {
		subject Subject
		bound   capacity.Bound
		claim   capacity.Claim
		what    string
	}
	best, top := candidate{}, capacity.Blame{}
	seen := map[capacity.Key]bool{}
	for _, e := range append(p.Step.Ledger.Time, p.Step.Ledger.CPU...) {
		k := capacity.Key{Statement: e.Statement, Dependency: e.Dependency}
		var c candidate
		switch {
		case e.Statement != "":
			c.claim = func(o capacity.Key) float64 { return is(o.Statement == e.Statement) }
			c.subject = Subject{Kind: Query, Name: p.Run.Text(e.Statement), Statement: e.Statement}
			c.what = "one statement"
		case e.Dependency != "":
			c.claim = func(o capacity.Key) float64 { return is(o.Dependency == e.Dependency) }
			c.subject = Subject{Kind: Dependency, Name: e.Dependency}
			c.what = e.Dependency
		case e.Class == capacity.ClassCPU:
			k.Endpoint = e.Endpoint
			c.claim = func(o capacity.Key) float64 {
				return is(o.Class == capacity.ClassCPU && o.Statement == "" && o.Endpoint == e.Endpoint)
			}
			c.subject = Subject{Kind: Endpoint, Name: e.Endpoint, Endpoint: e.Endpoint}
			c.what = "the app's own processor time"
		default:
			continue
		}
		if seen[k] {
			continue
		}
		seen[k] = true
		c.bound = dominantClass(p.Step, c.claim).Bound()
		if b := p.Step.Blame(c.claim); b.Share > top.Share {
			best, top = c, b
		}
	}
	if top.Share < dominant {
		return
	}
	if best.subject.Endpoint == "" {
		best.subject.Endpoint = heaviest(p.Step, best.claim)
	}
	p.Report(Finding{
		Bound:   best.bound,
		Subject: best.subject,
		Message: fmt.Sprintf("%.0f %% of the slow requests' time is spent in or behind %s", 100*top.Share, best.what),
		Load:    top.Load, Share: top.Share,
		Exhibits: []Exhibit{
			{"share of all processor time", top.CPU, "share", "schedstat"},
			{"requests in flight because of it", top.Load, "requests", "Little's law"},
		},
		Caveats: []string{"this is where the time goes; no known pattern says why"},
	})
}

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// dominantClass returns what the claimed entries mostly do.
func dominantClass(s *capacity.Step, claim capacity.Claim) capacity.Class {
	loads := map[capacity.Class]float64{}
	for _, e := range s.Ledger.Time {
		loads[e.Class] += e.Amount * claim(e.Key)
	}
	return largest(loads)
}
