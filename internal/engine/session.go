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
	w := &walk{u, p, persona, at, sink}
	for _, endpoint := range persona.start {
		if ok, more := w.step(endpoint, u.endpoints[endpoint].think); !ok || !more {
			return w.at
		}
	}
	return w.journey(0)
}

// A walk is a session under way.
type walk struct {
	*user
	pace    *pace
	persona *persona
	at      time.Time // when the next request is due
	sink    Sink
}

// step sends a request and thinks. ok: the answer was in order; more: there is
// time for another one. Neither if the request could not be sent.
func (w *walk) step(endpoint int, think *scenarios.Think) (ok, more bool) {
	if !w.can(endpoint) || w.pace.wanted != nil && !w.pace.wanted() {
		return false, false
	}
	first := !w.sent
	r := w.send(w.pace.load, w.pace.requests, endpoint, w.at)
	if r.Err == unsent {
		if first {
			w.sink.Dropped(1)
		}
		return false, false
	}
	w.sink.Result(r)
	w.at = r.End
	return r.Err == "", w.think(think)
}

// think returns after the think time; false: the load is over before.
func (w *walk) think(t *scenarios.Think) bool {
	if t != nil {
		w.at = w.at.Add(t.Sample(w.rng).Duration())
	}
	return w.pace.wait(w.at)
}

// journey follows the graph from a node on; -1: it is over.
func (w *walk) journey(node int) (end time.Time) {
	for node >= 0 && node < len(w.persona.nodes) {
		n := &w.persona.nodes[node]
		if _, more := w.step(n.endpoint, n.think); !more {
			break
		}
		node = w.choose(w.persona, n.to)
	}
	return w.at
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
