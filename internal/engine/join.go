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
	draw   *draw     // of personas, by how many are active at once rather than begin
	places [][]place // by persona
}

// A place is where a user can be found at any time.
type place struct {
	node   int     // -1: at the beginning
	weight float64 // time spent there
	path   []int   // endpoints to request to get there
}

// someAnswer stands for the seconds that an answer takes, so that places
// without think time have some weight.
const someAnswer = 0.05

func newJoiner(p *program, s *scenarios.Scenario, segment [2]float64) *joiner {
	j := &joiner{}
	present := make([]scenarios.Persona, len(s.Personas))
	for i := range s.Personas {
		who := &p.personas[i]
		places := []place{{node: -1}}
		for _, e := range who.start {
			places[0].weight += stay(p.endpoints[e].think, 1)
		}
		for k, visits := range s.Personas[i].Visits() {
			n := &who.nodes[k]
			path, ok := p.path(who, n.endpoint)
			if !ok {
				continue
			}
			if len(p.endpoints[n.endpoint].extract) > 0 { // the way on may need it
				path = append(path, n.endpoint)
			}
			places = append(places, place{k, stay(n.think, visits), path})
		}
		sum := 0.0
		for _, pl := range places {
			sum += pl.weight
		}
		j.places = append(j.places, places)
		present[i].Share = s.Personas[i].Share * sum
	}
	j.draw = newDraw(present, segment)
	return j
}

func stay(t *scenarios.Think, visits float64) float64 {
	if t == nil {
		return visits * someAnswer
	}
	return visits * (float64(t.Average()) + someAnswer)
}

// place draws where a user of the persona is.
func (j *joiner) place(persona int, r *rand.Rand) *place {
	places := j.places[persona]
	sum := 0.0
	for _, p := range places {
		sum += p.weight
	}
	x := r.Float64() * sum
	for i := range places {
		if x -= places[i].weight; x < 0 {
			return &places[i]
		}
	}
	return &places[0]
}

// join walks the user from the middle of a session to its end, otherwise like
// session.
func (u *user) join(p *pace, persona *persona, at time.Time, sink Sink, where *place) (end time.Time) {
	if where.node < 0 {
		return u.session(p, persona, at, sink)
	}
	w := &walk{u, p, persona, at, sink}
	for i, endpoint := range where.path {
		ok, more := w.step(endpoint, nil)
		switch {
		case !more && (i < len(persona.start) || p.load.Err() != nil):
			return w.at
		case !more: // nothing there for this user
			return w.journey(0)
		case !ok: // as in session: without it nothing else makes sense
			w.think(persona.nodes[where.node].think)
			return w.at
		}
	}
	n := &persona.nodes[where.node]
	if n.think != nil { // part of it is over
		rest := n.think.Sample(u.rng).Duration()
		w.at = w.at.Add(time.Duration(u.rng.Float64() * float64(rest)))
	}
	if !p.wait(w.at) {
		return w.at
	}
	return w.journey(u.choose(persona, n.to))
}
