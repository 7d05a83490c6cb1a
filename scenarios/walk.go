package scenarios

import (
	"math/rand/v2"
	"slices"
	"sort"
)

// A Walk decides what one session requests next: the start, then the graph or
// one of the recorded skeletons, with their loops and think times. It sends
// nothing and knows no clock. Whoever does, asks Next after each answer; with
// the same random numbers and the same answers a walk is the same.
type Walk struct {
	m *Model
	p *persona
	r *rand.Rand

	last    int    // endpoint requested last; -1: none
	think   *Think // what the last place in the journey says
	joined  bool   // in the middle: part of the think time is over
	begun   int    // requests of the start that were made
	inStart bool   // the last request was one of them
	over    bool

	node   int      // where it is in the journey; -1: not in it yet
	step   int      // of the node's round, comes next
	rounds int      // at the node, this one included
	values []string // of an Each loop: this round's and those to come
	reload bool     // joined in an Each loop: the values are still to be asked for

	skeleton skeleton // what is left of it
}

// A View is what a walk must know about its session.
type View interface {
	// Can reports whether all variables that a request to the endpoint takes
	// from earlier answers have a value.
	Can(endpoint int) bool
	// Values returns the values that an answer has bound a variable to. The walk
	// keeps none of the slice.
	Values(variable int) []string
}

// A Move is what a session does next.
type Move struct {
	Think    Seconds   // before it; of a session's first request 0
	Endpoint int       // index in Scenario.Endpoints; -1: nothing, the session ends after Think
	Bind     []Binding // what some variables stand for in this request; valid until the next move
}

// A Binding is what a variable stands for in one request: the N-th value that
// the session uses for it, numbered from 1 (drawn when N comes for the first
// time, and then kept), or Value if N is 0.
type Binding struct {
	Var   int // index in Model.Vars
	N     int
	Value string
}

// Walk returns a session of the persona. It draws from r, now and later.
func (m *Model) Walk(persona int, r *rand.Rand) *Walk {
	w := &Walk{m: m, p: &m.personas[persona], r: r, last: -1}
	w.Rewind()
	w.begun = 0
	return w
}

// Rewind goes to where the persona is when it has made its start: for who finds
// that nothing is there where Join has put them.
func (w *Walk) Rewind() {
	w.begun, w.node, w.step, w.rounds, w.values, w.reload, w.joined = len(w.p.start), -1, 0, 0, nil, false, false
	if n := len(w.p.skeletons); n > 0 {
		x := w.r.Float64() * w.p.weights[n-1]
		w.skeleton = w.p.skeletons[min(n-1, sort.Search(n, func(i int) bool { return w.p.weights[i] > x }))]
	}
}

// Next returns the next move. ok says whether the last request was answered as
// expected: who has failed to log in goes home, while any other page that does
// not work is looked at like one that does. What can't be requested (nobody
// clicks on what is not there) is left out; if nothing else is left, the session
// ends.
func (w *Walk) Next(ok bool, view View) Move {
	if w.over {
		return Move{Endpoint: -1}
	}
	if w.inStart && !ok {
		w.over = true
	}
	from, here := w.last, w.think
	m := Move{Endpoint: -1}
	if !w.over {
		m.Endpoint, m.Bind = w.advance(view)
		w.over = m.Endpoint < 0
	}
	if from >= 0 {
		if t := w.m.pause(here, from, m.Endpoint); t != nil {
			m.Think = t.Sample(w.r)
		}
		if w.joined {
			m.Think *= Seconds(w.r.Float64())
		}
	}
	w.last, w.joined = m.Endpoint, false
	return m
}

func (w *Walk) advance(view View) (endpoint int, bind []Binding) {
	w.inStart, w.think = w.begun < len(w.p.start), nil
	switch {
	case w.inStart:
		e := w.p.start[w.begun]
		w.begun++
		if !view.Can(e) {
			return -1, nil
		}
		return e, nil
	case len(w.p.skeletons) > 0:
		for len(w.skeleton) > 0 {
			s := w.skeleton[0]
			w.skeleton = w.skeleton[1:]
			if view.Can(s.endpoint) {
				return s.endpoint, s.bind
			}
		}
		return -1, nil
	case len(w.p.nodes) > 0:
		return w.journey(view)
	}
	return -1, nil
}

func (w *Walk) journey(view View) (endpoint int, bind []Binding) {
	if w.node < 0 {
		if !w.open(0, view) {
			return -1, nil
		}
		w.enter(0, view)
	}
	if w.reload {
		w.reload = false
		w.values = bounded(w.p.nodes[w.node].repeat, view.Values(w.p.nodes[w.node].each))
		if n := len(w.values); n > 0 {
			w.values = w.values[w.r.IntN(n):]
		}
		w.rounds = len(w.values)
	}
	for {
		n := &w.p.nodes[w.node]
		for w.rounds > 0 {
			for w.step < len(n.steps) {
				e := n.steps[w.step]
				if w.step++; !view.Can(e) {
					continue
				}
				if w.think = n.think; n.each >= 0 {
					bind = []Binding{{Var: n.each, Value: w.values[0]}}
				}
				return e, bind
			}
			w.step = 0
			if w.rounds--; n.each >= 0 {
				w.values = w.values[1:]
			}
		}
		next := w.choose(n.to, view)
		if next < 0 {
			return -1, nil
		}
		w.enter(next, view)
	}
}

// enter begins the loop of a node that is open, so that there is a request in
// it.
func (w *Walk) enter(node int, view View) {
	n := &w.p.nodes[node]
	w.node, w.step, w.values = node, 0, nil
	if n.each >= 0 {
		w.values = bounded(n.repeat, view.Values(n.each))
	}
	w.rounds = n.repeat.draw(w.r, len(w.values))
}

// bounded returns a copy of the values that the loop goes through.
func bounded(r *Repeat, values []string) []string {
	if r.Max > 0 && len(values) > r.Max {
		values = values[:r.Max]
	}
	return slices.Clone(values)
}

func (w *Walk) open(node int, view View) bool {
	n := &w.p.nodes[node]
	return view.Can(n.steps[0]) && (n.each < 0 || len(view.Values(n.each)) > 0)
}

// choose draws where to go next among the edges that can be taken; -1: nowhere.
func (w *Walk) choose(to []edge, view View) int {
	open := func(e edge) bool { return e.node < 0 || w.open(e.node, view) }
	sum := 0.0
	for _, e := range to {
		if open(e) {
			sum += e.share
		}
	}
	x, last := w.r.Float64()*sum, -1
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

// Session returns the moves of a whole session of the persona on a target that
// has everything: each answer is in order and binds a few values. The last move
// has no endpoint.
func (m *Model) Session(persona int, r *rand.Rand) []Move {
	w, v := m.Walk(persona, r), &plenty{m: m, bound: make([]bool, len(m.Vars))}
	var all []Move
	for {
		move := w.Next(true, v)
		move.Bind = slices.Clone(move.Bind)
		if all = append(all, move); move.Endpoint < 0 {
			return all
		}
		for _, i := range m.binds[move.Endpoint] {
			v.bound[i] = true
		}
	}
}

// plenty is the view of a session on a target that has everything.
type plenty struct {
	m     *Model
	bound []bool
}

func (p *plenty) Can(endpoint int) bool {
	return !slices.ContainsFunc(p.m.needs[endpoint], func(v int) bool { return !p.bound[v] })
}

func (p *plenty) Values(variable int) []string {
	if !p.bound[variable] {
		return nil
	}
	all := []string{"1", "2", "3", "4", "5"} // someValues
	for len(all) < p.m.about[variable] {
		all = append(all, all...)
	}
	if n := p.m.about[variable]; n > 0 {
		all = all[:n]
	}
	return all
}
