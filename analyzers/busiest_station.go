package analyzers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

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
	shares := capacity.BlameEach(p.Step, placeOf)
	places := slices.SortedFunc(maps.Keys(shares), func(a, b capacity.Key) int {
		return cmp.Or(cmp.Compare(shares[b].Share, shares[a].Share), cmp.Compare(a.Statement, b.Statement),
			cmp.Compare(a.Dependency, b.Dependency), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	if len(places) == 0 {
		return
	}
	best := places[0]
	top := shares[best]
	if top.Share < dominant {
		return
	}
	claim := func(k capacity.Key) float64 { return is(placeOf(k) == best) }
	subject, what := Subject{Kind: Endpoint, Name: best.Endpoint, Endpoint: best.Endpoint}, "the app's own processor time"
	switch {
	case best.Statement != "":
		subject, what = Subject{Kind: Query, Name: p.Run.Text(best.Statement), Statement: best.Statement}, "one statement"
	case best.Dependency != "":
		subject, what = Subject{Kind: Dependency, Name: best.Dependency}, best.Dependency
	}
	if subject.Endpoint == "" {
		subject.Endpoint = heaviest(p.Step, claim)
	}
	p.Report(Finding{
		Bound:   dominantClass(p.Step, claim).Bound(),
		Subject: subject,
		Message: fmt.Sprintf("%.0f %% of the slow requests' time is spent in or behind %s", 100*top.Share, what),
		Load:    top.Load, Share: top.Share,
		Exhibits: []Exhibit{
			{"share of all processor time", top.CPU, "share", "schedstat"},
			{"requests in flight because of it", top.Load, "requests", "Little's law"},
		},
		Caveats: []string{"this is where the time goes; no known pattern says why"},
	})
}

// placeOf returns where time is spent, as people would name it: the statement, the
// dependency, or the endpoint whose code runs. Zero for queues and for what nobody
// measured.
func placeOf(k capacity.Key) capacity.Key {
	switch {
	case k.Statement != "":
		return capacity.Key{Statement: k.Statement}
	case k.Dependency != "":
		return capacity.Key{Dependency: k.Dependency}
	case k.Class == capacity.ClassCPU:
		return capacity.Key{Endpoint: k.Endpoint}
	}
	return capacity.Key{}
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
