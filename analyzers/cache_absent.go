package analyzers

import (
	"fmt"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// CacheAbsent finds what every request reads from the database again.
var CacheAbsent = &Analyzer{
	Name:  "cache-absent",
	Needs: []evidence.Kind{evidence.Statements, evidence.Footprints},
	Run:   cacheAbsent,
	Doc: `every request reads the same things again

The session, the user, the tenant's settings, the permissions: each part of a page asks
for what it needs to know, and the database answers in a fraction of a millisecond. All
requests of all endpoints pay for all of it, so that statements which no list of slow
ones names are most of what the database does, and they grow with every endpoint that is
written.

How to confirm it by hand: send requests of different endpoints on an idle system and
compare

    SELECT calls, mean_exec_time, query FROM pg_stat_statements ORDER BY calls DESC LIMIT 10;

before and after: the same statements come with each of them.

What to do: read once for a request and hand it on. What changes rarely, keep in the
process for some seconds, with one reader filling it; what must be current at once, put
into the session's token or read together in one statement.

When it is wrong: the same statement with other values is asked for by all endpoints and
nothing could be kept. That the values are the same is not in the evidence.`,
}

const (
	// minEndpoints: what is common to three pages may be their topic.
	minEndpoints = 4
	// everywhere: the part of the endpoints that must send a statement. Log-in and
	// public pages need not know who asks.
	everywhere = 2.0 / 3
	// minLookups: a session, a user and perhaps a tenant are read by most frameworks
	// at each request, once.
	minLookups = 4
)

func cacheAbsent(p *Pass) {
	shared := p.everywhere()
	if len(shared) == 0 {
		return
	}
	// Of an endpoint's own time as much is for these as they are of its statements.
	part := map[string]float64{}
	var lookups, requests float64
	for _, f := range p.Run.Footprints {
		var all, same float64
		for _, s := range f.Statements {
			all += s.Calls
			same += s.Calls * is(shared[s.ID])
		}
		if all > 0 {
			part[f.Endpoint] = same / all
		}
		for _, e := range p.Step.Endpoints {
			if e.Name == f.Endpoint {
				lookups += same * e.Throughput
				requests += e.Throughput
			}
		}
	}
	if requests == 0 || lookups < minLookups*requests {
		return
	}
	claim := func(k capacity.Key) float64 {
		switch {
		case k.Statement != "":
			return is(shared[k.Statement])
		case k.Dependency != "":
			return 0
		}
		return part[k.Endpoint]
	}
	var most evidence.Statement
	for s := range p.ours() {
		if shared[s.ID] && s.Calls > most.Calls {
			most = s
		}
	}
	if most.Calls == 0 {
		return
	}
	f := p.query(most, claim)
	f.Message = fmt.Sprintf("every request reads %.1f times what every other reads, too: %s on all endpoints, %s calls a minute",
		lookups/requests, counted(len(shared), "statement", "statements"), digits.Group(lookups*60))
	f.Exhibits = append([]Exhibit{
		{"such calls in one request", lookups / requests, "", "isolation probe"},
		{"statements that nearly all endpoints send", float64(len(shared)), "", "isolation probe"},
	}, f.Exhibits...)
	f.Remedy = &Remedy{Title: "read it once a request, or keep it for some seconds in the process"}
	f.Caveats = []string{"that the values asked for are the same is likely from where they are asked for, and not in the evidence"}
	p.Report(f)
}

// everywhere returns the reading statements that nearly all endpoints send.
func (p *Pass) everywhere() map[string]bool {
	if p.kept.shared != nil {
		return p.kept.shared
	}
	count := map[string]int{}
	var endpoints int
	for _, f := range p.Run.Footprints {
		if len(f.Statements) == 0 {
			continue
		}
		endpoints++
		for _, s := range f.Statements {
			if s.Calls >= 1 && p.Run.Texts[s.ID].Kind == "SELECT" && !slices.Contains(p.words(s.ID), "into") {
				count[s.ID]++
			}
		}
	}
	shared := map[string]bool{}
	for id, n := range count {
		if endpoints >= minEndpoints && float64(n) >= everywhere*float64(endpoints) {
			shared[id] = true
		}
	}
	p.kept.shared = shared
	return shared
}
