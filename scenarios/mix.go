package scenarios

import "slices"

// A Mix is what the users of a scenario request in the long run, provided that
// every edge can be taken.
type Mix struct {
	Endpoints []Portion // in the order of the scenario, each route once
	Requests  float64   // per session, on average
	Think     Seconds   // per request, on average
}

// A Portion is the share of all requests that go to one endpoint.
type Portion struct {
	Endpoint string // route
	Share    float64
}

// Mix returns the mix of s.
func (s *Scenario) Mix() Mix {
	index := map[string]int{}
	for i, e := range s.Endpoints {
		index[e.Name] = i
	}
	visits := make([]float64, len(s.Endpoints)) // per session
	var think Seconds
	visit := func(node *Node, endpoint string, v float64) {
		i, ok := index[endpoint]
		if !ok {
			return
		}
		visits[i] += v
		t := s.Endpoints[i].Think
		if node != nil && node.Think != nil {
			t = node.Think
		}
		if t != nil {
			think += Seconds(v) * t.Average()
		}
	}
	for _, p := range s.Personas {
		for _, name := range p.Start {
			visit(nil, name, p.Share)
		}
		for i, v := range p.Visits() {
			visit(&p.Journey[i], p.Journey[i].Endpoint, v*p.Share)
		}
	}
	var m Mix
	for _, v := range visits {
		m.Requests += v
	}
	if m.Requests == 0 {
		return m
	}
	m.Think = think / Seconds(m.Requests)
	for i, e := range s.Endpoints {
		route := e.Route()
		j := slices.IndexFunc(m.Endpoints, func(p Portion) bool { return p.Endpoint == route })
		if j < 0 {
			j = len(m.Endpoints)
			m.Endpoints = append(m.Endpoints, Portion{Endpoint: route})
		}
		m.Endpoints[j].Share += visits[i] / m.Requests
	}
	return m
}

// Visits returns how often, on average, a session comes by each node of the
// journey: the chain is followed until hardly anybody is left.
func (p *Persona) Visits() []float64 {
	total := make([]float64, len(p.Journey))
	if len(p.Journey) == 0 {
		return total
	}
	index := map[string]int{}
	for i, n := range p.Journey {
		index[n.Name] = i
	}
	at := make([]float64, len(p.Journey))
	at[0] = 1
	// A journey that ends once in a thousand steps needs about 20,000 rounds.
	for left, round := 1.0, 0; left > 1e-9 && round < 100_000; round++ {
		next := make([]float64, len(at))
		left = 0
		for i, here := range at {
			total[i] += here
			for _, e := range p.Journey[i].To {
				if j, ok := index[e.To]; ok {
					next[j] += here * e.Share
					left += here * e.Share
				}
			}
		}
		at = next
	}
	return total
}
