package capacity

import (
	"cmp"
	"slices"

	"github.com/scalecheck/scalecheck/evidence"
)

// dependencies splits outgoing calls into those that a request waits for and
// those that a job makes later.
func (b *builder) dependencies() {
	for _, c := range b.window.Calls {
		if c.Count == 0 {
			continue
		}
		total := c.Seconds / b.seconds
		mean := c.Seconds / c.Count
		left := total
		if b.ledger.Guessed {
			// Nothing tells requests' calls from jobs' calls; no more can be
			// requests' than there are requests in flight.
			for _, e := range sorted(b.inFlight) {
				n := b.inFlight[e]
				room := max(0, n-b.spent[e])
				amount := min(room, total*n/max(b.step.InFlight, 1e-9))
				b.add(Key{Class: ClassExternal, Endpoint: e, Dependency: c.Dependency}, amount)
				left -= amount
			}
		}
		for _, e := range sorted(b.feet) {
			f := b.feet[e]
			if n := Blocking(f, c.Dependency); n > 0 {
				amount := min(left, b.rate[e]*n*mean)
				b.add(Key{Class: ClassExternal, Endpoint: e, Dependency: c.Dependency}, amount)
				left -= amount
			}
		}
		b.back[Key{Class: ClassExternal, Dependency: c.Dependency}] += max(0, left)
	}
}

// Blocking returns how many calls a request makes to the dependency and waits
// for, and 0 where the calls that followed a request were made behind its back.
//
// A request that waited was at least as long as its calls, and so was every
// other one of its kind: a call now and then may be a job that happened by. What
// it waited for must fit into it together (calls side by side are rare). Where
// that is too much, the calls that take longest are the request's: they explain
// most of its time, and the job behind it makes the others.
func Blocking(f evidence.Footprint, dependency string) float64 {
	calls := slices.Clone(f.Calls)
	slices.SortStableFunc(calls, func(a, b evidence.FootprintCall) int { return cmp.Compare(b.Seconds, a.Seconds) })
	room := f.Seconds / 0.9 // two clocks measure the same wait
	for _, c := range calls {
		if !c.Every || c.Seconds > room {
			continue
		}
		if c.Dependency == dependency {
			return c.Calls
		}
		room -= c.Seconds
	}
	return 0
}
