package scenarios

import (
	"fmt"
	"slices"
)

// changeCost: a request that changes something is worth a detour of so many
// that only read.
const changeCost = 10

// Cost says how dear the requests are: which of two ways to the same end to
// take.
func (m *Model) Cost(requests []int) (cost int) {
	for _, i := range requests {
		if method := m.Scenario.Endpoints[i].Method; method == "GET" || method == "HEAD" {
			cost++
		} else {
			cost += changeCost
		}
	}
	return cost
}

// Way returns the cheapest requests after which the persona has a value for
// every variable of the endpoint: what it does at the start, then whatever binds
// them, not necessarily along the journey: what a request costs depends on who
// sends it for what, not on the page before. ok: there is such a way.
// (Dijkstra's algorithm; a state is the set of bound variables.)
func (m *Model) Way(persona, endpoint int) (before []int, ok bool) {
	p := &m.personas[persona]
	type state struct {
		path  []int
		bound []bool
	}
	after := func(bound []bool, endpoint int) []bool {
		bound = slices.Clone(bound)
		for _, v := range m.binds[endpoint] {
			bound[v] = true
		}
		return bound
	}
	enough := func(bound []bool, endpoint int) bool {
		return !slices.ContainsFunc(m.needs[endpoint], func(v int) bool { return !bound[v] })
	}
	first := state{slices.Clone(p.start), make([]bool, len(m.Vars))}
	for _, e := range p.start {
		first.bound = after(first.bound, e)
	}
	seen := map[string]bool{}
	// A page binds a few variables at a time, so that a thousand states are far
	// more than any real scenario has.
	for queue := []state{first}; len(queue) > 0 && len(seen) < 1000; {
		slices.SortStableFunc(queue, func(a, b state) int { return m.Cost(a.path) - m.Cost(b.path) })
		s := queue[0]
		queue = queue[1:]
		key := fmt.Sprint(s.bound)
		if seen[key] {
			continue
		}
		seen[key] = true
		if enough(s.bound, endpoint) {
			return s.path, true
		}
		for _, e := range p.requests {
			if enough(s.bound, e) && len(m.binds[e]) > 0 {
				queue = append(queue, state{append(slices.Clone(s.path), e), after(s.bound, e)})
			}
		}
	}
	return nil, false
}
