package capacity

import (
	"fmt"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// gates says whether there is enough evidence for a verdict, gate by gate. A
// gate looks at the steps up to the judged one: what the tool did far beyond
// the objectives says nothing about them.
func gates(r *evidence.Run, m *Model) []Gate {
	out := []Gate{duration(m), samples(m), generator(m), host(m), workload(r, m), statistics(r, m)}
	return out
}

func pass(name string) Gate { return Gate{Name: name, OK: true} }

func fail(name, format string, args ...any) Gate {
	return Gate{Name: name, Reason: fmt.Sprintf(format, args...)}
}

// minSeconds of measured load. 20 looks a second give 300 in 15 s: a share of
// one half is then known to ±6 % (binomial, 95 %).
const minSeconds = 15

func duration(m *Model) Gate {
	var measured float64
	for _, s := range m.Steps {
		measured += float64(s.Seconds)
	}
	if measured < minSeconds {
		return fail("duration", "only %.0f s of load were measured; it takes at least %d s to say anything", measured, minSeconds)
	}
	return pass("duration")
}

// minRequests in the judged step: with fewer, not even the whole traffic
// together bounds a 95th percentile (see need).
const minRequests = 59

func samples(m *Model) Gate {
	s := m.Step()
	if s == nil || s.Requests == 0 {
		return fail("samples", "no request was measured")
	}
	if s.Requests < minRequests && s.Status != Missed {
		return fail("samples", "only %d requests in the highest step; it takes %d to bound a p95", s.Requests, minRequests)
	}
	return pass("samples")
}

const (
	// maxLag of the 99th percentile of request starts, in seconds, on a machine
	// that has processors to spare. Go's timers are late by a millisecond or two
	// there; a scheduler's time slice is some milliseconds.
	maxLag = 0.05
	// maxGenerator share of a full machine: where the users take half of all
	// processors, it is the users that are measured.
	maxGenerator = 0.5
)

func generator(m *Model) Gate {
	for i := range m.Steps[:m.Judged+1] {
		s := &m.Steps[i]
		g := s.window.Generator
		busy := s.CPU.Utilization()
		if s.CPU.Saturated() && s.CPU.Generator > maxGenerator*s.CPU.Cores {
			return fail("generator", "the load generator used %.1f of %.0f cores in step %d: it measured itself", s.CPU.Generator, s.CPU.Cores, i+1)
		}
		if lag := g.Lag.Quantile(0.99); lag > maxLag && busy >= 0 && !s.CPU.Saturated() && s.Failed < s.Requests {
			return fail("generator", "requests were sent %.0f ms late (p99) in step %d although %.0f %% of the processors were free", lag*1e3, i+1, (1-busy)*100)
		}
	}
	return pass("generator")
}

// maxForeign share of the machine that may go to processes that are none of
// ours while an objective is missed.
const maxForeign = 0.1

// disturbed reports whether a miss of the step may be a neighbour's doing. On a
// machine with processors to spare a neighbour delays nobody.
func (s *Step) disturbed() bool {
	c := s.CPU
	return s.Status == Missed && c.Cores > 0 && c.Foreign+c.Steal > maxForeign*c.Cores && c.Saturated()
}

// host is about the judged step. A step before it that missed while a neighbour
// took the processors is no evidence, but neither is it in the way of a later
// one that is (see judged).
func host(m *Model) Gate {
	s := m.Step()
	if s == nil || !s.disturbed() {
		return pass("host")
	}
	return fail("host", "other processes used %.1f of %.0f cores in step %d while none was free", s.CPU.Foreign+s.CPU.Steal, s.CPU.Cores, m.Judged+1)
}

// minSampled share of the planned looks at pg_stat_activity.
const minSampled = 0.8

func statistics(r *evidence.Run, m *Model) Gate {
	if m.Step() == nil {
		return pass("statistics")
	}
	for _, w := range Groups(r)[m.Judged] {
		if s := w.Sessions; s != nil && s.Planned > 0 && float64(s.Samples) < minSampled*float64(s.Planned) {
			return fail("statistics", "only %d of %d looks at pg_stat_activity succeeded in step %d", s.Samples, s.Planned, m.Judged+1)
		}
	}
	for _, c := range m.Step().Window().Caveats {
		if strings.HasPrefix(c, evidence.StatisticsBroken) {
			return fail("statistics", "%s", c)
		}
	}
	return pass("statistics")
}
