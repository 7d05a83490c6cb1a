package mine

import (
	"slices"

	"github.com/scalecheck/scalecheck/scenarios"
)

const (
	// quantiles: their linear interpolation is off by at most half of 1/40.
	quantiles = 41
	// minThinks: an edge with fewer goes by all that follow its first request.
	minThinks = 40
)

// think measures the time between an answer and the next request.
func (m *Model) think() {
	pooled := make([][]float64, len(m.log.Ops))
	edges := m.log.edges()
	for e, thinks := range edges {
		pooled[e[0]] = append(pooled[e[0]], thinks...)
	}
	var all []float64
	for _, t := range pooled {
		all = append(all, t...)
	}
	for i := range m.log.Ops {
		t := pooled[i]
		if len(t) < 5 {
			t = all // hardly anybody went on from here
		}
		m.Scenario.Endpoints[i].Think = measured(t)
	}
	for _, e := range sortedEdges(edges) {
		if len(edges[e]) < minThinks {
			continue
		}
		m.Scenario.Between = append(m.Scenario.Between, scenarios.Between{
			From: m.log.Ops[e[0]].Name, To: m.log.Ops[e[1]].Name, Think: *measured(edges[e]),
		})
	}
}

// edges returns the think times by the requests before and after.
func (l *Log) edges() map[[2]int][]float64 {
	out := map[[2]int][]float64{}
	for _, s := range l.Sessions {
		for i := 1; i < len(s.Calls); i++ {
			e := [2]int{s.Calls[i-1].Op, s.Calls[i].Op}
			out[e] = append(out[e], s.Calls[i].Think)
		}
	}
	return out
}

func sortedEdges(edges map[[2]int][]float64) [][2]int {
	var all [][2]int
	for e := range edges {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b [2]int) int { return slices.Compare(a[:], b[:]) })
	return all
}

// measured returns the quantiles. The last is not the longest time ever seen but
// such that the mean above the last but one is right: with a straight line up to
// the longest, users would think much longer than they did.
func measured(times []float64) *scenarios.Think {
	if len(times) == 0 {
		// Nothing is known: a second keeps a scenario from being a storm.
		return &scenarios.Think{Const: 1}
	}
	times = slices.Clone(times)
	slices.Sort(times)
	if len(times) < quantiles {
		return few(times)
	}
	q := make([]scenarios.Seconds, quantiles)
	for i := range q {
		at := float64(i) / (quantiles - 1) * float64(len(times)-1)
		lo := int(at)
		v := times[lo]
		if lo+1 < len(times) {
			v += (at - float64(lo)) * (times[lo+1] - v)
		}
		q[i] = scenarios.Seconds(v)
	}
	from := int(float64(quantiles-2) / (quantiles - 1) * float64(len(times)-1))
	tail := 0.0
	for _, t := range times[from:] {
		tail += t / float64(len(times)-from)
	}
	last := &q[quantiles-1]
	*last = min(*last, max(q[quantiles-2], 2*scenarios.Seconds(tail)-q[quantiles-2]))
	if *last == 0 {
		return &scenarios.Think{Const: 0.001} // one after the other, as scripts do
	}
	return &scenarios.Think{Quantiles: q}
}

// few times are what they are.
func few(times []float64) *scenarios.Think {
	if len(times) == 1 || times[len(times)-1] == 0 {
		return &scenarios.Think{Const: scenarios.Seconds(max(0.001, times[0]))}
	}
	t := &scenarios.Think{}
	for _, v := range times {
		t.Quantiles = append(t.Quantiles, scenarios.Seconds(v))
	}
	return t
}
