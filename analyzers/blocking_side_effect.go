package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// BlockingSideEffect finds requests that wait for somebody else's server.
var BlockingSideEffect = &Analyzer{
	Name:  "blocking-side-effect",
	Needs: []evidence.Kind{evidence.Calls, evidence.Footprints},
	Run:   blockingSideEffect,
	Doc: `a request waits for a dependency before it answers

The user waits for a mail server, a CRM, a payment provider. On the developer's
machine it answers in a millisecond; in production it takes half a second, throttles
you when the users come, and is down when you least need it. The wait costs neither
processor nor disk, so more servers change nothing.

How to confirm it by hand: time the request with the dependency reachable, and with
it replaced by something that answers at once; or look at the client spans of a trace.

What to do: write down that it has to be done, in the same transaction as the
change itself, and let a job do it (transactional outbox). Where the answer needs
the dependency, give the call a timeout and a cache.

When it is wrong: the answer truly depends on the call, such as a payment that must
be accepted. Then the dependency is the limit all the same, and a timeout and a
circuit breaker are the remedy.`,
}

func blockingSideEffect(p *Pass) {
	for _, c := range p.Window.Calls {
		if c.Count == 0 {
			continue
		}
		claim := func(k capacity.Key) float64 {
			if k.Class == capacity.ClassExternal && k.Dependency == c.Dependency {
				return 1
			}
			return 0
		}
		endpoint := heaviest(p.Step, claim)
		var f evidence.Footprint
		for _, g := range p.Run.Footprints {
			if g.Endpoint == endpoint {
				f = g
			}
		}
		per := capacity.Blocking(f, c.Dependency)
		if per == 0 {
			continue
		}
		blame := p.Step.Blame(claim)
		mean := c.Seconds / c.Count
		caveats := []string{"whether the answer needs the call cannot be seen from outside"}
		if c.Throttled > 0 {
			caveats = append(caveats, fmt.Sprintf("%.0f of %.0f calls were throttled", c.Throttled, c.Count))
		}
		p.Report(Finding{
			Bound:   capacity.External,
			Subject: Subject{Kind: Dependency, Name: c.Dependency, Endpoint: endpoint},
			Message: fmt.Sprintf("%s waits for %s: %.1f calls a request, %.0f ms each", endpoint, c.Dependency, per, mean*1e3),
			Load:    blame.Load, Share: blame.Share,
			Exhibits: []Exhibit{
				{"calls in one request", per, "", "isolation probe"},
				{"mean time of a call", mean, "s", "client metrics"},
				{"calls", c.Count / float64(p.Window.Length), "1/s", "client metrics"},
				{"calls that failed", c.Failed, "", "client metrics"},
				{"calls that were throttled", c.Throttled, "", "client metrics"},
				{"latency of the request alone", f.Seconds, "s", "isolation probe"},
			},
			Remedy:  &Remedy{Title: "enqueue it as a job in the same transaction and answer at once"},
			Caveats: caveats,
		})
	}
}
