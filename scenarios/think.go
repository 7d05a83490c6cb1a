package scenarios

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Think is how long a user reads before going on. Exactly one of Const, Mean,
// Median and Quantiles is set; none means no time at all.
type Think struct {
	Const  Seconds `json:"const,omitempty"`
	Mean   Seconds `json:"mean,omitempty"`   // exponential
	Median Seconds `json:"median,omitempty"` // lognormal, with Sigma
	Sigma  float64 `json:"sigma,omitempty"`  // of the logarithm
	Max    Seconds `json:"max,omitempty"`    // longer ones are cut to it; 0: none are

	// Quantiles are of a measured distribution: q evenly spaced ones from the
	// lowest to the highest, linear in between.
	Quantiles []Seconds `json:"quantiles,omitempty"`
}

// Sample draws a think time.
func (t *Think) Sample(r *rand.Rand) Seconds {
	var v Seconds
	switch {
	case t.Mean > 0:
		v = Seconds(r.ExpFloat64()) * t.Mean
	case t.Median > 0:
		v = t.Median * Seconds(math.Exp(t.Sigma*r.NormFloat64()))
	case len(t.Quantiles) > 0:
		at := r.Float64() * float64(len(t.Quantiles)-1)
		i := int(at)
		v = t.Quantiles[i]
		if i+1 < len(t.Quantiles) {
			v += Seconds(at-float64(i)) * (t.Quantiles[i+1] - v)
		}
	default:
		return t.Const
	}
	if t.Max > 0 {
		v = min(v, t.Max)
	}
	return v
}

// Average returns the mean think time.
func (t *Think) Average() Seconds {
	switch {
	case t.Mean > 0 && t.Max > 0: // E min(X, max) of the exponential distribution
		return t.Mean * Seconds(-math.Expm1(-float64(t.Max/t.Mean)))
	case t.Mean > 0:
		return t.Mean
	case t.Median > 0:
		mean := t.Median * Seconds(math.Exp(t.Sigma*t.Sigma/2))
		if t.Max == 0 {
			return mean
		}
		// E min(X, max) = mean Φ(z - σ) + max (1 - Φ(z)), z = ln(max/median)/σ
		below := func(z float64) Seconds { return Seconds(math.Erfc(-z/math.Sqrt2) / 2) }
		z := math.Log(float64(t.Max/t.Median)) / t.Sigma
		return mean*below(z-t.Sigma) + t.Max*below(-z)
	case len(t.Quantiles) > 0:
		sum := Seconds(0)
		for i := range len(t.Quantiles) - 1 {
			sum += (t.Quantiles[i] + t.Quantiles[i+1]) / 2
		}
		return sum / Seconds(max(1, len(t.Quantiles)-1))
	default:
		return t.Const
	}
}

// maxQuantiles of a measured distribution are kept: a hundredth of the users
// between two of them.
const maxQuantiles = 101

// Quantiles returns those of measured times, as Think has them.
func Quantiles(measured []Seconds) []Seconds {
	sorted := slices.Sorted(slices.Values(measured))
	if len(sorted) <= maxQuantiles {
		return sorted
	}
	q := make([]Seconds, maxQuantiles)
	for i := range q {
		at := float64(i) / (maxQuantiles - 1) * float64(len(sorted)-1)
		k := min(int(at), len(sorted)-2)
		q[i] = sorted[k] + Seconds(at-float64(k))*(sorted[k+1]-sorted[k])
	}
	return q
}

// parseBetween reads "dashboard > course".
func parseBetween(s string) (b Between, ok bool) {
	from, to, ok := strings.Cut(s, ">")
	b.From, b.To = strings.TrimSpace(from), strings.TrimSpace(to)
	return b, ok && b.From != "" && b.To != ""
}
