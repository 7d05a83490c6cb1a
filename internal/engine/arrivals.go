package engine

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A schedule says when sessions start in open load. It is a function of the
// seed, the arrivals and the stages alone: whatever the target does, and in
// every process that shares the plan, the same sessions are due at the same
// instants. Bursts and events therefore coincide everywhere.
type schedule struct {
	arrivals scenarios.Arrivals
	stages   []scenarios.Stage
	begin    []float64 // of each stage, in seconds after the start of the load
	length   float64   // of all
	seed     int64
	rng      *rand.Rand
	bursts   *bursts // nil: none
	scale    float64 // makes the mean of the curve 1
}

// An arrival is a session that is due.
type arrival struct {
	at      time.Duration // after the start of the load
	persona string        // empty: as in the shares
}

// Streams of random numbers; those of sessions have numbers from 1 on.
const (
	arrivalStream = -1
	burstStream   = -2
	eventStream   = -3 // and below, one for each event of each stage
)

func newSchedule(seed int64, a scenarios.Arrivals, stages []scenarios.Stage) *schedule {
	s := &schedule{arrivals: a, stages: stages, seed: seed, rng: stream(seed, arrivalStream), scale: 1}
	for _, st := range stages {
		s.begin = append(s.begin, s.length)
		s.length += float64(st.Length())
	}
	if a.Bursts != nil {
		s.bursts = newBursts(*a.Bursts, stream(seed, burstStream))
	}
	if len(a.Curve) > 1 {
		// The trapezoids under the curve over its own length.
		area := 0.0
		for i, l := range a.Curve[1:] {
			area += (a.Curve[i].Factor + l.Factor) / 2 * float64(l.At-a.Curve[i].At)
		}
		if span := float64(a.Curve[len(a.Curve)-1].At - a.Curve[0].At); area > 0 {
			s.scale = span / area
		}
	}
	return s
}

// stage yields the arrivals of the k-th stage in their order. Stages have to be
// asked for in theirs.
//
// The process is Poisson with a rate that changes over time, made by thinning
// (Lewis and Shedler 1979): candidates come at the highest rate, and one at t
// is kept with the probability rate(t) ÷ highest. Events come on top.
func (s *schedule) stage(k int) iter.Seq[arrival] {
	return func(yield func(arrival) bool) {
		st, begin := s.stages[k], s.begin[k]
		end := begin + float64(st.Length())
		events := s.events(k)
		// before yields the events up to t.
		before := func(t float64) bool {
			for len(events) > 0 && events[0].at.Seconds() <= t {
				if !yield(events[0]) {
					return false
				}
				events = events[1:]
			}
			return true
		}
		highest := s.highest(st.Rate)
		for t := begin; highest > 0; {
			// The gap that crosses the end of a stage is drawn anew in the next one:
			// the process has no memory.
			if t += s.rng.ExpFloat64() / highest; t >= end {
				break
			}
			if p := s.rate(k, t) / highest; p < 1 && s.rng.Float64() >= p {
				continue
			}
			if !before(t) || !yield(arrival{at: seconds(t)}) {
				return
			}
		}
		before(end)
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// rate returns how many sessions are due per second at t, events that bring
// some on top left out. t must not fall from one call to the next.
func (s *schedule) rate(k int, t float64) float64 {
	r := s.stages[k].Rate * s.curve(t/s.length)
	if s.bursts != nil {
		r *= s.bursts.factor(t)
	}
	for _, e := range s.arrivals.Events {
		if e.Deadline != nil {
			// Below 1 there is less than usual: after the deadline.
			r *= min(1, s.pressure(k, e, t))
		}
	}
	return r
}

func (s *schedule) highest(rate float64) float64 {
	if s.bursts != nil {
		rate *= max(s.bursts.on, s.bursts.off)
	}
	most := 1.0
	if len(s.arrivals.Curve) > 1 {
		most = 0
		for _, l := range s.arrivals.Curve {
			most = max(most, l.Factor*s.scale)
		}
	}
	return rate * most
}

// curve returns the factor at the given part of the run.
func (s *schedule) curve(part float64) float64 {
	c := s.arrivals.Curve
	if len(c) < 2 {
		return 1
	}
	first, last := c[0].At, c[len(c)-1].At
	at := first + scenarios.Seconds(part)*(last-first)
	i, _ := slices.BinarySearchFunc(c, at, func(l scenarios.Level, at scenarios.Seconds) int { return cmp.Compare(l.At, at) })
	i = min(max(i, 1), len(c)-1)
	from, to := c[i-1], c[i]
	f := to.Factor
	if to.At > from.At {
		f = from.Factor + float64((at-from.At)/(to.At-from.At))*(to.Factor-from.Factor)
	}
	return f * s.scale
}

// pressure is what a deadline multiplies the stage's rate by at t. It is
// hyperbolic in the time that is left,
//
//	Peak · c ÷ (left + c)   with c = Window ÷ (Peak − 1)
//
// which is 1 when the window begins and Peak at the deadline.
func (s *schedule) pressure(k int, e scenarios.Event, t float64) float64 {
	d := e.Deadline
	left := s.when(k, e) - t
	switch {
	case left > float64(d.Window):
		return 1
	case left < 0:
		return d.After
	case d.Peak <= 1:
		return d.Peak
	}
	c := float64(d.Window) / (d.Peak - 1)
	return d.Peak * c / (left + c)
}

// when returns the instant of the event in the k-th stage.
func (s *schedule) when(k int, e scenarios.Event) float64 {
	st := s.stages[k]
	return s.begin[k] + float64(st.Settle) + e.At*float64(st.Measure)
}

// events returns the sessions that the events bring on top, in their order.
func (s *schedule) events(k int) []arrival {
	var all []arrival
	st, end := s.stages[k], s.begin[k]+float64(s.stages[k].Length())
	for i, e := range s.arrivals.Events {
		rng := stream(s.seed, eventStream-k*len(s.arrivals.Events)-i)
		at := s.when(k, e)
		switch {
		case e.Together != nil:
			spread := min(float64(e.Together.Spread), end-at)
			for range int(math.Round(e.Together.Sessions * st.Rate)) {
				all = append(all, arrival{seconds(at + rng.Float64()*spread), e.Persona})
			}
		case e.Deadline != nil:
			highest := st.Rate * max(e.Deadline.Peak, e.Deadline.After, 1)
			for t := max(s.begin[k], at-float64(e.Deadline.Window)); highest > 0; {
				if t += rng.ExpFloat64() / highest; t >= end {
					break
				}
				if rng.Float64()*highest < st.Rate*(s.pressure(k, e, t)-1) {
					all = append(all, arrival{seconds(t), e.Persona})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return all
}

// bursts is the state of a two-state Markov-modulated Poisson process over time.
type bursts struct {
	on, off       float64 // factors of the rate; their mean over time is 1
	onFor, offFor float64 // seconds, on average
	rng           *rand.Rand
	now           bool    // on
	until         float64 // the state changes
}

func newBursts(b scenarios.Bursts, rng *rand.Rand) *bursts {
	on, off := float64(b.On), float64(b.Off)
	x := &bursts{onFor: on, offFor: off, rng: rng}
	x.off = (on + off) / (b.Factor*on + off)
	x.on = b.Factor * x.off
	x.now = rng.Float64()*(on+off) < on // as at any instant
	x.until = x.stay()
	return x
}

func (b *bursts) stay() float64 {
	if b.now {
		return b.rng.ExpFloat64() * b.onFor
	}
	return b.rng.ExpFloat64() * b.offFor
}

// factor returns the factor at t, which must not fall from one call to the next.
func (b *bursts) factor(t float64) float64 {
	for t >= b.until {
		b.now = !b.now
		b.until += b.stay()
	}
	if b.now {
		return b.on
	}
	return b.off
}
