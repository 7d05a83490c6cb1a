package scenarios

import (
	"maps"
	"slices"
)

// Follows returns for each route those that a session may request right after it,
// as far as the scenario goes: nil if s does not hold together.
func (s *Scenario) Follows() map[string][]string {
	m, err := NewModel(s)
	if err != nil {
		return nil
	}
	pairs := map[string]map[string]bool{}
	add := func(from, to int) {
		route := s.Endpoints[from].Route()
		if pairs[route] == nil {
			pairs[route] = map[string]bool{}
		}
		pairs[route][s.Endpoints[to].Route()] = true
	}
	chain := func(endpoints []int) {
		for i := 1; i < len(endpoints); i++ {
			add(endpoints[i-1], endpoints[i])
		}
	}
	for _, p := range m.personas {
		chain(p.start)
		enter := func(first int) {
			if len(p.start) > 0 {
				add(p.start[len(p.start)-1], first)
			}
		}
		if len(p.nodes) > 0 {
			enter(p.nodes[0].steps[0])
		}
		for _, n := range p.nodes {
			chain(n.steps)
			last := n.steps[len(n.steps)-1]
			if n.repeat != nil {
				add(last, n.steps[0])
			}
			for _, e := range n.to {
				if e.node >= 0 {
					add(last, p.nodes[e.node].steps[0])
				}
			}
		}
		for _, k := range p.skeletons {
			var endpoints []int
			for _, st := range k {
				endpoints = append(endpoints, st.endpoint)
			}
			enter(endpoints[0])
			chain(endpoints)
		}
	}
	follows := make(map[string][]string, len(pairs))
	for from, to := range pairs {
		follows[from] = slices.Sorted(maps.Keys(to))
	}
	return follows
}
