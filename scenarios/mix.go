package scenarios

import "slices"

// A Mix is what the users of a scenario request in the long run, provided that
// every edge can be taken.
type Mix struct {
	Endpoints []Portion `json:"endpoints"` // in the order of the scenario, each route once
	Requests  float64   `json:"requests"`  // per session, on average
	Think     Seconds   `json:"think"`     // per request, on average
}

// A Portion is the share of all requests that go to one endpoint.
type Portion struct {
	Endpoint string  `json:"endpoint"` // route
	Share    float64 `json:"share"`
	Start    bool    `json:"start,omitempty"` // sessions begin with it
}

// Mix returns the mix of s: the zero Mix if s does not hold together.
func (s *Scenario) Mix() Mix {
	m, err := NewModel(s)
	if err != nil {
		return Mix{}
	}
	return m.Mix()
}

// Mix returns the mix of the model's scenario.
func (m *Model) Mix() Mix {
	visits := make([]float64, len(m.Scenario.Endpoints)) // per session
	var think Seconds
	for i, p := range m.Scenario.Personas {
		m.flow(i, func(_ spot, endpoint int, v float64, t Seconds) {
			visits[endpoint] += v * p.Share
			think += Seconds(v*p.Share) * t
		})
	}
	var mix Mix
	for _, v := range visits {
		mix.Requests += v
	}
	if mix.Requests == 0 {
		return mix
	}
	mix.Think = think / Seconds(mix.Requests)
	mix.Endpoints = m.portions(visits)
	return mix
}

// portions returns each route's share of the requests that are counted by
// endpoint.
func (m *Model) portions(count []float64) []Portion {
	var all []Portion
	sum := 0.0
	for _, n := range count {
		sum += n
	}
	for i := range m.Scenario.Endpoints {
		route := m.Scenario.Endpoints[i].Route()
		j := slices.IndexFunc(all, func(p Portion) bool { return p.Endpoint == route })
		if j < 0 {
			j = len(all)
			all = append(all, Portion{Endpoint: route})
		}
		all[j].Share += count[i] / max(sum, 1e-9)
		for _, p := range m.personas {
			if slices.Contains(p.start, i) {
				all[j].Start = true
			}
		}
	}
	return all
}
