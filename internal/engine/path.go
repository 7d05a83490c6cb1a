package engine

import (
	"fmt"
	"slices"
)

// changeCost: a request that changes something is worth a detour of so many
// that only read.
const changeCost = 10

func (p *program) cost(path []int) (cost int) {
	for _, i := range path {
		if m := p.endpoints[i].method; m == "GET" || m == "HEAD" {
			cost++
		} else {
			cost += changeCost
		}
	}
	return cost
}

// path returns the cheapest requests after which the persona has a value for
// every variable of the endpoint: what it does at the start, then whatever binds
// them, not necessarily along the journey. (Dijkstra's algorithm; a state is
// the set of bound variables.)
func (p *program) path(who *persona, endpoint int) ([]int, bool) {
	type state struct {
		path  []int
		bound []bool
	}
	after := func(bound []bool, endpoint int) []bool {
		bound = slices.Clone(bound)
		for _, x := range p.endpoints[endpoint].extract {
			bound[x.slot] = true
		}
		return bound
	}
	enough := func(bound []bool, endpoint int) bool {
		return !slices.ContainsFunc(p.endpoints[endpoint].extracted, func(s int) bool { return !bound[s] })
	}
	first := state{slices.Clone(who.start), make([]bool, len(p.slots))}
	for _, e := range who.start {
		first.bound = after(first.bound, e)
	}
	seen := map[string]bool{}
	// A page binds a few variables at a time, so that a thousand states are far
	// more than any real scenario has.
	for queue := []state{first}; len(queue) > 0 && len(seen) < 1000; {
		slices.SortStableFunc(queue, func(a, b state) int { return p.cost(a.path) - p.cost(b.path) })
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
		for _, n := range who.nodes {
			if enough(s.bound, n.endpoint) && len(p.endpoints[n.endpoint].extract) > 0 {
				queue = append(queue, state{append(slices.Clone(s.path), n.endpoint), after(s.bound, n.endpoint)})
			}
		}
	}
	return nil, false
}
