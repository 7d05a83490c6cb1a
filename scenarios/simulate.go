package scenarios

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A Simulation is what the sessions of a model look like before any is sent, on
// a target that has everything: each answer is in order and binds a few values.
type Simulation struct {
	Sessions int       `json:"sessions"`
	Seed     int64     `json:"seed"`
	Requests Spread    `json:"requests"`         // of a session
	Length   Spread    `json:"length"`           // of a session, seconds, the time of the answers left out
	Think    Spread    `json:"think"`            // after a request, seconds
	Mix      []Portion `json:"mix"`              // in the order of the scenario, each route once
	Broken   []Broken  `json:"broken,omitempty"` // invariants that do not hold
}

// A Spread says how a figure is distributed.
type Spread struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	Max  float64 `json:"max"`
}

func newSpread(all []float64) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	slices.Sort(all)
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	at := func(q float64) float64 { return all[min(len(all)-1, int(q*float64(len(all))))] }
	return Spread{sum / float64(len(all)), at(0.5), at(0.9), all[len(all)-1]}
}

// A Broken is an invariant that does not hold in some sessions.
type Broken struct {
	Invariant string   `json:"invariant"`
	Sessions  int      `json:"sessions"`
	Example   []string `json:"example"` // the endpoints of the shortest one
}

// Simulate draws n sessions, personas in their shares. The same seed draws the
// same ones.
func (m *Model) Simulate(n int, seed int64) Simulation {
	s := Simulation{Sessions: n, Seed: seed}
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	count := make([]float64, len(m.Scenario.Endpoints))
	var requests, length, think []float64
	broken := make([]Broken, len(m.Scenario.Invariants))
	for i := range n {
		moves := m.Session(m.personaAt(i), r)
		var names []string
		total := 0.0
		for k, v := range moves {
			if k > 0 {
				think = append(think, float64(v.Think))
				total += float64(v.Think)
			}
			if v.Endpoint >= 0 {
				count[v.Endpoint]++
				names = append(names, m.Scenario.Endpoints[v.Endpoint].Name)
			}
		}
		requests, length = append(requests, float64(len(names))), append(length, total)
		for k := range m.Scenario.Invariants {
			if v := &m.Scenario.Invariants[k]; !v.Holds(names) {
				b := &broken[k]
				if b.Sessions++; b.Example == nil || len(names) < len(b.Example) {
					b.Invariant, b.Example = v.Text, names
				}
			}
		}
	}
	s.Broken = slices.DeleteFunc(broken, func(b Broken) bool { return b.Sessions == 0 })
	s.Mix = m.portions(count)
	s.Requests, s.Length, s.Think = newSpread(requests), newSpread(length), newSpread(think)
	return s
}

// personaAt returns the persona of the i-th session: the multiples of the golden
// ratio fall evenly into the shares.
func (m *Model) personaAt(i int) int {
	_, x := math.Modf((float64(i) + 0.5) * (math.Phi - 1))
	last := len(m.Scenario.Personas) - 1
	for k, p := range m.Scenario.Personas {
		if x -= p.Share; x < 0 {
			return k
		}
	}
	return last
}
