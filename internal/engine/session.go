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
// at any other and goes on. Since a user thinks in any case, a target that
// refuses everything is not stormed.
func (u *user) session(p *pace, persona *persona, at time.Time, sink Sink) (end time.Time) {
	s := &session{u, p, at, sink}
	w := u.model.Walk(persona.index, u.rng)
	first := w.Next(true, u)
	if first.Endpoint < 0 {
		return at
	}
	ok, more := s.step(first)
	if more {
		s.follow(w, ok)
	}
	return s.at
}

// A session is one that is under way.
type session struct {
	*user
	pace *pace
	at   time.Time // when the next request is due
	sink Sink
}

// follow goes on by the walk to its end.
func (s *session) follow(w *scenarios.Walk, ok bool) {
	for more := true; more; {
		m := w.Next(ok, s.user)
		if !s.think(m.Think) || m.Endpoint < 0 {
			return
		}
		ok, more = s.step(m)
	}
}

// step sends a request. ok: the answer was in order; more: there may be another
// one. Neither if the request could not be sent.
func (s *session) step(m scenarios.Move) (ok, more bool) {
	if !s.Can(m.Endpoint) || s.pace.wanted != nil && !s.pace.wanted() {
		return false, false
	}
	s.bind(m.Bind)
	r := s.send(s.pace.load, s.pace.requests, m.Endpoint, s.at, s.sink)
	if r.Err == unsent {
		return false, false
	}
	s.at = r.End
	return r.Err == "", true
}

// think returns after the think time; false: the load is over before.
func (s *session) think(t scenarios.Seconds) bool {
	s.at = s.at.Add(t.Duration())
	return s.pace.wait(s.at)
}
