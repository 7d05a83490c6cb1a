package capacity

import (
	"fmt"
	"math"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A Workload is what the users of a step did beside what they were meant to do.
// A load that the application refused, or that never came about, is another one
// than the one asked for: figures about it are true and say nothing.
type Workload struct {
	Mix []MixShare // in the order of the scenario; empty where the plan has no mix
	// Shift is the total variation distance of the two, ½·Σ|delivered − intended|:
	// the share of the requests that went elsewhere. Requests that begin a session
	// are left out, since how many come depends on when users join. -1 where
	// there is nothing to compare.
	Shift float64
	Limit float64 // of Shift: what is tolerated, and what chance adds to it

	Requests int64
	Refused  int64 // answered 401, 403 or 429 where that was a failure
	Offered  int64 // sessions that were due; 0 where not counted
	Sessions int64 // of these, begun
	Dropped  int64 // of these, given up
}

// MixShare is an endpoint's part of the requests.
type MixShare struct {
	Endpoint            string
	Intended, Delivered float64
}

const (
	// maxShift is the share of requests that may go elsewhere than intended. The
	// steps of a staircase are some tenths of its top apart, so that an answer is
	// known no better than that: a mix that is off by a tenth moves it less.
	maxShift = 0.1
	// maxRefused is the usual objective for errors: what is refused less often
	// decides no objective. Likewise for starts and checks that fail.
	maxRefused = 0.01
	// maxDropped: one session in a thousand that never began is a rounding error,
	// more is another workload than the one asked for.
	maxDropped = 0.001
	// minBegun share of the sessions that were due.
	minBegun = 0.99
)

// fitWorkload compares what was done with the plan.
func fitWorkload(p scenarios.Plan, w evidence.Window) Workload {
	g := w.Generator
	out := Workload{Shift: -1, Offered: g.Offered, Sessions: g.Sessions, Dropped: g.Dropped}
	count := map[string]float64{}
	for _, e := range w.Endpoints {
		out.Requests += e.Requests
		out.Refused += refused(e, 401) + refused(e, 403) + refused(e, 429)
		count[e.Name] += float64(e.Requests)
	}
	if p.Mix == nil || out.Requests == 0 {
		return out
	}
	var intended, delivered float64 // of what does not begin a session
	known := map[string]bool{}
	for _, e := range p.Mix.Endpoints {
		known[e.Endpoint] = true
		out.Mix = append(out.Mix, MixShare{e.Endpoint, e.Share, count[e.Endpoint] / float64(out.Requests)})
		if !e.Start {
			intended += e.Share
			delivered += count[e.Endpoint]
		}
	}
	if intended == 0 || delivered == 0 {
		return out
	}
	// Requests of one session hang together: as so many independent draws count
	// the sessions that there were, not their requests.
	n := max(1, min(delivered, float64(g.Sessions)+g.ActiveUsers))
	out.Shift = 0
	var floor float64
	for _, e := range p.Mix.Endpoints {
		if e.Start {
			continue
		}
		want := e.Share / intended
		out.Shift += math.Abs(count[e.Endpoint]/delivered-want) / 2
		// E|X/n − p| of a binomial is about √(2p(1−p)/(πn)).
		floor += math.Sqrt(2*want*(1-want)/(math.Pi*n)) / 2
	}
	// One draw moves the distance by 1/n at most, so that it exceeds its mean by
	// t with probability ≤ exp(−2nt²) (McDiarmid 1989); chance is that bound.
	out.Limit = maxShift + floor + math.Sqrt(math.Log(1/chance)/(2*n))
	return out
}

// refused returns how many requests failed because they were answered so.
func refused(e evidence.Endpoint, status int) int64 { return min(e.Statuses[status], e.Failed) }

// workload looks at who was let in and at what they did. Slowness is none of its
// business: an application that times out or answers 500 and 503 under load
// fails by itself, and while requests are stuck the mix of those that ended says
// nothing. So the mix, and sessions that did not begin, count only where the
// objectives are met.
func workload(r *evidence.Run, m *Model) Gate {
	for i := range m.Steps[:m.Judged+1] {
		s := &m.Steps[i]
		if reason := denied(r.Plan, s); reason != "" {
			return fail("workload", "%s", reason)
		}
		if i == 0 && s.Failed*2 > s.Requests {
			return fail("workload", "%.0f %% of the requests failed at the lowest load already%s",
				100*float64(s.Failed)/float64(s.Requests), commonest(s.window.Endpoints))
		}
		if s.Status == Missed {
			continue
		}
		if reason := short(s); reason != "" {
			return fail("workload", "%s", reason)
		}
	}
	return pass("workload")
}

// denied says that the application did not let the users do what they came for.
func denied(p scenarios.Plan, s *Step) string {
	var all, body int64
	counts := map[int]int64{}
	for _, e := range s.window.Endpoints {
		all += e.Requests
		body += checks(e)
		for _, status := range []int{401, 403, 429} {
			counts[status] += refused(e, status)
		}
	}
	over := func(n, of int64) bool { return of > 0 && float64(n) > maxRefused*float64(of) }
	part := func(n, of int64) float64 { return 100 * float64(n) / float64(of) }
	step := fmt.Sprintf("of step %d", s.Index+1)
	if n := counts[429]; over(n, all) {
		reason := fmt.Sprintf("the application refused the load: %.0f %% of the requests %s were answered 429, too many requests", part(n, all), step)
		switch {
		case p.Kind == scenarios.Script:
			return reason + "; where it limits the rate per address, have each VU send an X-Forwarded-For of its own"
		case p.ClientIP != scenarios.PerUser:
			return reason + "; where it limits the rate per address, `client_ip: per_user` in the scenario sends one X-Forwarded-For for each user"
		}
		return reason + ", although each user has an address of its own in X-Forwarded-For: lift its limit for the test"
	}
	for _, e := range s.window.Endpoints {
		if n := turnedAway(e); starts(p, e.Name) && over(n, e.Requests) {
			return fmt.Sprintf("users were not let in: %.0f %% of the requests to %s %s were turned away%s; send one by hand, and look at the users and passwords of the scenario",
				part(n, e.Requests), e.Name, step, commonest([]evidence.Endpoint{e}))
		}
	}
	for _, status := range []int{401, 403} {
		if n := counts[status]; over(n, all) {
			return fmt.Sprintf("the application refused the load: %.0f %% of the requests %s were answered %d; are the users still logged in, and may they do this?", part(n, all), step, status)
		}
	}
	// Under load a page may lack something because the application fails; at the
	// lowest load it is another page than the one meant.
	if s.Index == 0 && over(body, all) {
		return fmt.Sprintf("the answers are not the pages that were meant: %.0f %% of the requests %s failed a check on what is in them%s; look at one by hand",
			part(body, all), step, commonest(s.window.Endpoints))
	}
	return ""
}

// starts reports whether sessions begin with the endpoint.
func starts(p scenarios.Plan, endpoint string) bool {
	if p.Mix == nil {
		return false
	}
	for _, e := range p.Mix.Endpoints {
		if e.Endpoint == endpoint {
			return e.Start
		}
	}
	return false
}

// checks returns how many answers failed a check on what is in them.
func checks(e evidence.Endpoint) int64 {
	var n int64
	for kind, k := range e.Errors {
		if strings.HasPrefix(kind, "check: ") {
			n += k
		}
	}
	return n
}

// turnedAway returns how many requests were answered that the client is wrong,
// or with another page than the one meant. A timeout or a 503 is not that.
func turnedAway(e evidence.Endpoint) int64 {
	n := checks(e)
	for status := range e.Statuses {
		if status >= 400 && status < 500 && status != 408 {
			n += refused(e, status)
		}
	}
	return min(n, e.Failed)
}

// short says that less work, or other work, came about than was meant.
func short(s *Step) string {
	l := &s.Workload
	due := max(l.Offered, l.Sessions+l.Dropped)
	switch {
	case float64(l.Dropped) > maxDropped*float64(due):
		return fmt.Sprintf("%d of %d sessions were dropped in step %d: the load was lower than it was meant to be; raise --max-users, or ask for less", l.Dropped, due, s.Index+1)
	case s.Rate > 0 && float64(l.Sessions) < minBegun*float64(l.Offered)-1: // one may be due in the last moment
		return fmt.Sprintf("only %d of %d sessions began in step %d: the load was lower than it was meant to be; raise --max-users, or ask for less", l.Sessions, due, s.Index+1)
	case l.Shift > l.Limit:
		e := l.furthest()
		return fmt.Sprintf("the users did not do what they were meant to in step %d: %.0f %% of the requests went elsewhere (limit %.0f %%), most of all %s: %.1f %% instead of %.1f %%; do the answers have what the journeys need to go on?",
			s.Index+1, 100*l.Shift, 100*l.Limit, e.Endpoint, 100*e.Delivered, 100*e.Intended)
	}
	return ""
}

// furthest returns the endpoint whose share is furthest off.
func (l *Workload) furthest() MixShare {
	var most MixShare
	for _, e := range l.Mix {
		if math.Abs(e.Delivered-e.Intended) > math.Abs(most.Delivered-most.Intended) {
			most = e
		}
	}
	return most
}

// commonest says why most requests failed, for the end of a sentence.
func commonest(es []evidence.Endpoint) string {
	counts := map[string]int64{}
	for _, e := range es {
		for kind, n := range e.Errors {
			counts[kind] += n
		}
	}
	var most string
	for _, kind := range sorted(counts) {
		if counts[kind] > counts[most] {
			most = kind
		}
	}
	if most == "" {
		return ""
	}
	return fmt.Sprintf(", mostly with %q", most)
}
