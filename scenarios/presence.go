package scenarios

import (
	"math/rand/v2"
	"slices"
	"sort"
)

// flow calls f for each place of a session of the persona: a request, how often
// a session makes it there, and how long the user then thinks, both on average.
// It takes every edge to be open.
func (m *Model) flow(persona int, f func(at spot, endpoint int, visits float64, think Seconds)) {
	p := &m.personas[persona]
	mean := func(here *Think, from, to int) Seconds {
		if t := m.pause(here, from, to); t != nil {
			return t.Average()
		}
		return 0
	}
	for i, e := range p.start {
		to, others := -1, 0.0
		var think Seconds
		switch {
		case i+1 < len(p.start):
			to = p.start[i+1]
		case len(p.nodes) > 0:
			to = p.nodes[0].steps[0]
		case len(p.skeletons) > 0 && m.between != nil:
			for k, s := range p.skeletons {
				think += Seconds(p.weights[k]-others) * mean(nil, e, s[0].endpoint)
				others = p.weights[k]
			}
			f(spot{start: true, step: i}, e, 1, think/Seconds(others))
			continue
		}
		f(spot{start: true, step: i}, e, 1, mean(nil, e, to))
	}
	visits := p.visits()
	for k := range p.nodes {
		n := &p.nodes[k]
		rounds := n.repeat.Mean()
		for i, e := range n.steps {
			var think Seconds
			if i+1 < len(n.steps) {
				think = mean(n.think, e, n.steps[i+1])
			} else {
				think = Seconds(1-1/rounds) * mean(n.think, e, n.steps[0])
				left := 1.0
				for _, edge := range n.to {
					if edge.node >= 0 {
						think += Seconds(edge.share/rounds) * mean(n.think, e, p.nodes[edge.node].steps[0])
						left -= edge.share
					}
				}
				think += Seconds(max(0, left)/rounds) * mean(n.think, e, -1)
			}
			f(spot{node: k, step: i}, e, visits[k]*rounds, think)
		}
	}
	before, total := 0.0, 0.0
	if n := len(p.weights); n > 0 {
		total = p.weights[n-1]
	}
	for k, s := range p.skeletons {
		share := (p.weights[k] - before) / total
		before = p.weights[k]
		for i := range s {
			to := -1
			if i+1 < len(s) {
				to = s[i+1].endpoint
			}
			f(spot{node: k, step: i}, s[i].endpoint, share, mean(nil, s[i].endpoint, to))
		}
	}
}

// A spot is a place where a session can be: behind a request of the start, or
// else of a node or a skeleton.
type spot struct {
	start      bool
	node, step int
}

// visits returns how often, on average, a session comes by each node of the
// journey: the chain is followed until hardly anybody is left.
func (p *persona) visits() []float64 {
	total := make([]float64, len(p.nodes))
	if len(p.nodes) == 0 {
		return total
	}
	at := make([]float64, len(p.nodes))
	at[0] = 1
	// A journey that ends once in a thousand steps needs about 20,000 rounds.
	for left, round := 1.0, 0; left > 1e-9 && round < 100_000; round++ {
		next := make([]float64, len(at))
		left = 0
		for i, here := range at {
			total[i] += here
			for _, e := range p.nodes[i].to {
				if e.node >= 0 {
					next[e.node] += here * e.share
					left += here * e.share
				}
			}
		}
		at = next
	}
	return total
}

// A Presence says where the users of a model are found at any time, who have
// been there for long.
type Presence struct {
	m        *Model
	personas []presence
}

type presence struct {
	spots   []spot
	weights []float64     // seconds spent in each, cumulated
	ways    map[int][]int // by node: what to request before it
}

// Presence returns where users are if an answer takes the given time.
func (m *Model) Presence(answer Seconds) *Presence {
	p := &Presence{m: m}
	for i := range m.personas {
		who := &m.personas[i]
		at := presence{ways: map[int][]int{}}
		for k := range who.nodes {
			if way, ok := m.Way(i, who.nodes[k].steps[0]); ok {
				at.ways[k] = way
			}
		}
		sum := 0.0
		m.flow(i, func(s spot, _ int, visits float64, think Seconds) {
			if _, ok := at.ways[s.node]; !ok && !s.start && len(who.skeletons) == 0 {
				return
			}
			sum += visits * float64(think+answer)
			at.spots, at.weights = append(at.spots, s), append(at.weights, sum)
		})
		p.personas = append(p.personas, at)
	}
	return p
}

// Time returns how long a session of the persona lasts on average: of all users
// that are active at once, a persona has its share of the sessions times that.
func (p *Presence) Time(persona int) float64 {
	at := p.personas[persona]
	return at.weights[len(at.weights)-1]
}

// Join draws where in a session a user of the persona is. It returns the
// requests that lead there and the walk that goes on behind them. No requests:
// the session begins.
func (p *Presence) Join(persona int, r *rand.Rand) (before []Move, w *Walk) {
	at, who := &p.personas[persona], &p.m.personas[persona]
	x := r.Float64() * p.Time(persona)
	s := at.spots[min(len(at.spots)-1, sort.Search(len(at.weights), func(i int) bool { return at.weights[i] > x }))]
	w = p.m.Walk(persona, r)
	if s.start {
		return nil, w
	}
	w.begun, w.joined = len(who.start), true
	if len(who.skeletons) > 0 {
		k := who.skeletons[s.node]
		w.skeleton, w.last = k[s.step+1:], k[s.step].endpoint
		return p.m.trace(who, k, s.step), w
	}
	n := &who.nodes[s.node]
	for _, e := range at.ways[s.node] {
		before = append(before, Move{Endpoint: e})
	}
	for _, e := range n.steps[:s.step+1] {
		if len(p.m.binds[e]) > 0 { // the way on may need it
			before = append(before, Move{Endpoint: e})
		}
	}
	w.last, w.think = n.steps[s.step], n.think
	w.node, w.step = s.node, s.step+1
	if w.reload = n.each >= 0; !w.reload {
		round, of := n.repeat.middle(r)
		w.rounds = of - round + 1
	}
	return before, w
}

// trace returns the start and those steps of the skeleton up to at that bind
// what the steps behind it need.
func (m *Model) trace(p *persona, k skeleton, at int) []Move {
	open := make([]bool, len(m.Vars))
	need := func(endpoint int) {
		for _, v := range m.needs[endpoint] {
			open[v] = true
		}
	}
	// Backwards: what a step binds, those before it need not bind.
	for i := len(k) - 1; i > at; i-- {
		for _, v := range m.binds[k[i].endpoint] {
			open[v] = false
		}
		need(k[i].endpoint)
	}
	var before []Move
	for i := at; i >= 0; i-- {
		e := k[i].endpoint
		if !slices.ContainsFunc(m.binds[e], func(v int) bool { return open[v] }) {
			continue
		}
		for _, v := range m.binds[e] {
			open[v] = false
		}
		need(e)
		before = append(before, Move{Endpoint: e, Bind: k[i].bind})
	}
	for i := len(p.start) - 1; i >= 0; i-- {
		before = append(before, Move{Endpoint: p.start[i]})
	}
	slices.Reverse(before)
	return before
}
