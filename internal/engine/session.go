package engine

import (
	"context"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A pace says how long sessions go on.
type pace struct {
	load     context.Context // over: nobody sends another request
	requests context.Context // over: requests under way are cut off
	wanted   func() bool     // asked before each request; nil: yes
}

// wait returns at the given time, or false if the load is over before.
func (p *pace) wait(until time.Time) bool {
	d := time.Until(until)
	if d <= 0 {
		return p.load.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.load.Done():
		return false
	}
}

// session walks one user from the first request, intended for at, to the end.
// It returns when the user has read the last answer: then a successor may
// begin. sink gets the results.
//
// A failed request is a page that did not work: the user looks at it as long as
// at any other and goes on with the journey. Only without what start does
// (being logged in) nothing else makes sense, and the session ends. Since a
// user thinks in any case, a target that refuses everything is not stormed.
func (u *user) session(p *pace, persona *persona, at time.Time, sink Sink) (end time.Time) {
	step := func(endpoint int, think *scenarios.Think) (ok, more bool) {
		if !u.can(endpoint) || p.wanted != nil && !p.wanted() {
			return false, false
		}
		r := u.send(p.requests, endpoint, at)
		sink.Result(r)
		at = r.End
		if think != nil {
			at = at.Add(think.Sample(u.rng).Duration())
		}
		return r.Err == "", p.wait(at)
	}
	for _, endpoint := range persona.start {
		if ok, more := step(endpoint, u.endpoints[endpoint].think); !ok || !more {
			return at
		}
	}
	for i := 0; i >= 0 && i < len(persona.nodes); {
		n := &persona.nodes[i]
		if _, more := step(n.endpoint, n.think); !more {
			return at
		}
		i = u.choose(persona, n.to)
	}
	return at
}

// choose draws where to go next among the edges that can be taken; -1: nowhere.
func (u *user) choose(p *persona, to []edge) int {
	open := func(e edge) bool { return e.node < 0 || u.can(p.nodes[e.node].endpoint) }
	sum := 0.0
	for _, e := range to {
		if open(e) {
			sum += e.share
		}
	}
	x, last := u.rng.Float64()*sum, -1
	for _, e := range to {
		if e.share == 0 || !open(e) {
			continue
		}
		if last = e.node; x < e.share {
			break
		}
		x -= e.share
	}
	return last
}
