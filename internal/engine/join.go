package engine

import (
	"math/rand/v2"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Users who are added in closed load join in the middle of a session, as if
// they had been there for long. If all began at the beginning, the first
// minutes of every stage would be made of log-ins and front pages: measured with
// the built-in lms and 300 users, the item pages had 11 % of the requests in the
// first stage and 19 % in the third, where the scenario means 23 %. Stages
// would differ in what is requested and not only in how much.
//
// They do get there by themselves: they log in and request what their place in
// the journey takes, without thinking, while the stage settles.
type joiner struct {
	draw     *draw // of personas, by how many are active at once rather than begin
	presence *scenarios.Presence
}

// A place is where a user can be found at any time.
type place struct {
	before []scenarios.Move // what to request to get there; none: the beginning
	walk   *scenarios.Walk  // goes on from there
}

// someAnswer stands for the seconds that an answer takes, so that places
// without think time have some weight.
const someAnswer = 0.05

func newJoiner(p *program, s *scenarios.Scenario, segment [2]float64) *joiner {
	j := &joiner{presence: p.model.Presence(someAnswer)}
	present := make([]scenarios.Persona, len(s.Personas))
	for i := range s.Personas {
		present[i].Share = s.Personas[i].Share * j.presence.Time(i)
	}
	j.draw = newDraw(present, segment)
	return j
}

// place draws where a user of the persona is.
func (j *joiner) place(persona int, r *rand.Rand) *place {
	before, w := j.presence.Join(persona, r)
	return &place{before, w}
}

// join walks the user from the middle of a session to its end, otherwise like
// session.
func (u *user) join(p *pace, persona *persona, at time.Time, sink Sink, where *place) (end time.Time) {
	if len(where.before) == 0 {
		return u.session(p, persona, at, sink)
	}
	s := &session{u, p, at, sink}
	for i, m := range where.before {
		ok, more := s.step(m)
		switch {
		case !more && (i < len(u.model.Start(persona.index)) || p.load.Err() != nil):
			return s.at
		case !more: // nothing there for this user
			where.walk.Rewind()
			s.follow(where.walk, true)
			return s.at
		case !ok: // without it nothing else makes sense
			s.think(where.walk.Next(true, u).Think)
			return s.at
		}
		if p.load.Err() != nil {
			return s.at
		}
	}
	s.follow(where.walk, true)
	return s.at
}
