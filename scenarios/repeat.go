package scenarios

import (
	"errors"
	"math"
	"math/rand/v2"
)

// someValues is how many values of a variable are expected in an answer where
// the scenario says nothing.
const someValues = 5

// check refuses what no reader would have let through.
func (r *Repeat) check() error {
	kinds := 0
	for _, set := range []bool{r.Times != nil, r.Geometric != 0, len(r.Choice) > 0, r.Each != ""} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("repeat: want one of times, geometric, choice and each")
	}
	if t := r.Times; t != nil && (t[0] < 1 || t[1] < t[0]) {
		return errors.New("repeat: times are at least 1, and the lowest comes first")
	}
	if r.Geometric != 0 && !(r.Geometric > 0 && r.Geometric < 1) {
		return errors.New("repeat: the probability of another round lies between 0 and 1")
	}
	for _, c := range r.Choice {
		if c.N < 1 || !(c.Share >= 0) {
			return errors.New("repeat: a choice is of at least 1 round, with a share")
		}
	}
	return nil
}

// draw returns the number of rounds; values is how many there are for Each.
func (r *Repeat) draw(rng *rand.Rand, values int) int {
	switch {
	case r == nil:
		return 1
	case r.Times != nil:
		return r.Times[0] + rng.IntN(r.Times[1]-r.Times[0]+1)
	case r.Geometric > 0:
		n := 1
		for (r.Max == 0 || n < r.Max) && rng.Float64() < r.Geometric {
			n++
		}
		return n
	case len(r.Choice) > 0:
		x := rng.Float64()
		for _, c := range r.Choice {
			if x -= c.Share; x < 0 {
				return c.N
			}
		}
		return r.Choice[0].N // rounding errors only
	case r.Max > 0:
		return min(values, r.Max)
	}
	return values
}

// middle returns the round in which somebody is found at any time, and of how
// many it is: a loop of forty rounds is met more often than one of four.
func (r *Repeat) middle(rng *rand.Rand) (round, of int) {
	most := 1.0
	switch {
	case r == nil:
		return 1, 1
	case r.Times != nil:
		most = float64(r.Times[1])
	case r.Max > 0:
		most = float64(r.Max)
	case r.Geometric > 0:
		most = 20 / (1 - r.Geometric) // longer than one in 10^8
	}
	for _, c := range r.Choice {
		most = max(most, float64(c.N))
	}
	// Rejection: a loop of n rounds is kept with probability n/most.
	for range 10_000 {
		if of = r.draw(rng, someValues); rng.Float64()*most < float64(of) {
			break
		}
	}
	return 1 + rng.IntN(of), of
}

// Mean returns the number of rounds on average.
func (r *Repeat) Mean() float64 {
	switch {
	case r == nil:
		return 1
	case r.Times != nil:
		return float64(r.Times[0]+r.Times[1]) / 2
	case r.Geometric > 0 && r.Max > 0:
		return (1 - math.Pow(r.Geometric, float64(r.Max))) / (1 - r.Geometric)
	case r.Geometric > 0:
		return 1 / (1 - r.Geometric)
	case len(r.Choice) > 0:
		sum := 0.0
		for _, c := range r.Choice {
			sum += float64(c.N) * c.Share
		}
		return sum
	}
	return float64(r.about())
}

// about is how many rounds to expect of Each.
func (r *Repeat) about() int {
	n := r.About
	if n == 0 {
		n = someValues
	}
	if r.Max > 0 {
		n = min(n, r.Max)
	}
	return n
}
