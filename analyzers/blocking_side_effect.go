package analyzers

import (
	"fmt"
	"slices"

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
the dependency, give the call a timeout and a cache. One that refuses calls (429,
SMTP 421) wants a limiter on your side that stays below its limit, and a pause that
grows; trying again at once makes it worse. One that answers no more often however
many ask lets only so many in at a time: look for a cap in the client first
(connections per host), then ask its operator.

When it is wrong: the answer truly depends on the call, such as a payment that must
be accepted. Then the dependency is the limit all the same, and a timeout and a
circuit breaker are the remedy.`,
}

const (
	// refused: one call in twenty that is not let through is a limit that was
	// reached, not a mishap.
	refused = 0.05
	// inflated: a call that takes twice as long because others call as well waits
	// in a queue, on one side or the other (M/M/1 at a utilization of one half).
	inflated = 2
)

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
		if per == 0 || p.outsideIsEnough(f, c.Dependency) {
			continue
		}
		caveats := []string{"whether the answer needs the call cannot be seen from outside"}
		explains := 0.0
		if c.Throttled >= refused*c.Count {
			// Who is refused waits before it tries again, and no metric of calls has
			// that time. It is in what nothing explains.
			call := claim
			claim = func(k capacity.Key) float64 {
				return max(call(k), is(k.Class == capacity.ClassOther && k.Endpoint == endpoint))
			}
			caveats = append(caveats, "the time between a refused call and the next attempt is not measured: what nothing else explains counts as such")
			explains = p.betweenAttempts(endpoint, c.Throttled)
		}
		blame := p.Step.Blame(claim)
		mean, rate := c.Seconds/c.Count, c.Count/float64(p.Window.Length)
		alone := aloneWith(f, c.Dependency)
		message := fmt.Sprintf("%s waits for %s: %.1f calls a request, %.0f ms each", endpoint, c.Dependency, per, mean*1e3)
		remedy, detail := "enqueue it as a job in the same transaction and answer at once", ""
		switch atOnce := rate * alone; {
		case c.Throttled >= refused*c.Count:
			detail = "throttled"
			message += fmt.Sprintf("; it refuses %.0f %% of %.1f calls a second", 100*c.Throttled/c.Count, rate)
			remedy += "; a limiter before the client that stays below its limit"
		case mean >= inflated*alone && alone > 0 && !p.Step.CPU.Saturated():
			detail = "capped"
			message += fmt.Sprintf(", %.0f ms for a request that is alone; at %.1f a second that is as if it served %.1f at a time", alone*1e3, rate, atOnce)
			remedy += "; look for a cap on connections per host in the client"
		}
		p.Report(Finding{
			Bound:   capacity.External,
			Subject: Subject{Kind: Dependency, Name: c.Dependency, Endpoint: endpoint, Detail: detail},
			Message: message,
			Load:    blame.Load, Share: blame.Share, Alone: p.exceeds(endpoint, per*mean), Explains: explains,
			Exhibits: []Exhibit{
				{"calls in one request", per, "", "isolation probe"},
				{"mean time of a call", mean, "s", "client metrics"},
				{"mean time of a call by a request that is alone", alone, "s", "isolation probe"},
				{"calls", rate, "1/s", "client metrics"},
				{"calls that failed", c.Failed, "", "client metrics"},
				{"calls that were throttled", c.Throttled, "", "client metrics"},
				{"latency of the request alone", f.Seconds, "s", "isolation probe"},
			},
			Remedy:  &Remedy{Title: remedy},
			Caveats: caveats,
		})
	}
}

// betweenAttempts returns the endpoint's requests in flight that nothing explains, if
// each was refused once or more and hardly any other endpoint has such time: then it is
// between attempts. What else holds up an application has no reason to keep to them.
func (p *Pass) betweenAttempts(endpoint string, refused float64) float64 {
	own := unexplainedOf(p.Step)[endpoint]
	if refused < requestsOf(p)[endpoint] || own < nearlyAll*p.Step.Unattributed {
		return 0
	}
	return own
}

// exceeds reports whether an endpoint misses an objective that allows its requests
// less than that many seconds.
func (p *Pass) exceeds(endpoint string, seconds float64) bool {
	return slices.ContainsFunc(p.Step.Verdicts, func(j capacity.Judgement) bool {
		return j.Endpoint == endpoint && j.Status == capacity.Missed && j.Objective.Quantile > 0 && seconds > j.Limit
	})
}

// outsideIsEnough reports whether the calls do harm only by the connections that
// they keep meanwhile: they are made in a transaction, others wait for the pool, and
// a request that is alone meets its objectives with the call in it. Then it is the
// open transaction that is named, and moving the call out of it is enough.
func (p *Pass) outsideIsEnough(f evidence.Footprint, dependency string) bool {
	if f.Seconds == 0 || !slices.ContainsFunc(p.found, func(g Finding) bool {
		return g.Cause == IdleInTransaction.Name && g.Bound == capacity.Pool && g.Subject.Endpoint == f.Endpoint && g.Subject.Detail == dependency
	}) {
		return false
	}
	limited := false
	for _, o := range p.Run.Plan.Objectives {
		if o.Quantile == 0 || !o.Covers(f.Endpoint) {
			continue
		}
		limited = true
		if f.Seconds > float64(o.Limit) {
			return false
		}
	}
	return limited
}

// aloneWith returns how long a call takes that a request makes when it is alone;
// 0 where that is not known.
func aloneWith(f evidence.Footprint, dependency string) float64 {
	for _, c := range f.Calls {
		if c.Dependency == dependency && c.Calls > 0 {
			return c.Seconds / c.Calls
		}
	}
	return 0
}
