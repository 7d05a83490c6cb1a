package growth

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// An estimate is the logarithm of what a call costs.
type estimate struct {
	log      float64
	variance float64 // of log
	looks    int     // windows or slices
}

// estimate returns the cost of a call, and false where it is not known or zero,
// or nothing says how much it varies. With y the cost and c the calls of k looks,
//
//	r = Σy ÷ Σc        var(r) = Σ(y − r·c)² ÷ (k·(k−1)·c̄²)        var(ln r) = var(r) ÷ r²
//
// (Cochran 1977, 6.4, without a finite population; delta method).
func (c *counters) estimate(m Measure) (estimate, bool) {
	looks := c.looks
	if m != Rows && !c.nested && len(c.slices) > len(looks) {
		looks = c.slices // they do not hold rows
	}
	k := float64(len(looks))
	var y, n float64
	for _, l := range looks {
		y += l.of(m)
		n += l.calls
	}
	if k < 2 || y <= 0 || n <= 0 {
		return estimate{}, false
	}
	r := y / n
	var squares float64
	for _, l := range looks {
		d := l.of(m) - r*l.calls
		squares += d * d
	}
	mean := n / k
	return estimate{math.Log(r), squares / (k * (k - 1) * mean * mean * r * r), len(looks)}, true
}

// A combination is a weighted sum of independent estimates.
type combination struct{ value, margin float64 }

// combine returns Σ wᵢ·yᵢ and half of its 95 % interval. Student's t with
// Satterthwaite's degrees of freedom (1946):
//
//	ν = (Σ vᵢ)² ÷ Σ vᵢ²/(kᵢ−1),  vᵢ = wᵢ²·var(yᵢ)
func combine(weights []float64, ys []estimate) combination {
	var c combination
	var variance, below float64
	for i, y := range ys {
		v := weights[i] * weights[i] * y.variance
		c.value += weights[i] * y.log
		variance += v
		below += v * v / float64(y.looks-1)
	}
	if variance > 0 {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: variance * variance / below}
		c.margin = t.Quantile(0.975) * math.Sqrt(variance)
	}
	return c
}

// slope returns the weights that make the least-squares slope of ys over xs.
func slope(xs []float64) []float64 {
	var mean, squares float64
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	ws := make([]float64, len(xs))
	for i, x := range xs {
		ws[i] = (x - mean) / squares
	}
	return ws
}

// line fits. What is predicted begins at the largest size, not on the line: with
// that cost the future begins. Its margin takes into account that the exponent
// comes from the same cost.
func line(m Measure, xs []float64, ys []estimate) Fit {
	ws := slope(xs)
	b := combine(ws, ys)
	ahead := make([]float64, len(ws))
	for i, w := range ws {
		ahead[i] = w * math.Log(Ahead)
	}
	ahead[len(ahead)-1]++
	then := combine(ahead, ys)
	f := Fit{
		Measure: m, Exponent: b.value, Low: b.value - b.margin, High: b.value + b.margin,
		Now:  math.Exp(ys[len(ys)-1].log),
		Then: math.Exp(then.value), ThenLow: math.Exp(then.value - then.margin), ThenHigh: math.Exp(then.value + then.margin),
	}
	for _, y := range ys {
		f.Costs = append(f.Costs, math.Exp(y.log))
		f.Looks += y.looks
	}
	return f
}

// bend: exponents of neighbouring sizes that differ by less make no other picture.
const bend = 0.3

// bends reports whether three sizes lie on no line: the exponent between the larger
// two is another than between the smaller two, by more than chance and by more than
// a little. Only where both pairs are far enough apart to have an exponent.
func bends(xs []float64, ys []estimate) (string, bool) {
	if len(xs) != 3 || xs[1]-xs[0] < math.Log(minFactor) || xs[2]-xs[1] < math.Log(minFactor) {
		return "", false
	}
	lower, upper := slope(xs[:2]), slope(xs[1:])
	change := combine([]float64{-lower[0], upper[0] - lower[1], upper[1]}, ys)
	if math.Abs(change.value) <= max(bend, change.margin) {
		return "", false
	}
	return fmt.Sprintf("its exponent is %.2g between the smaller two sizes and %.2g between the larger two, which count",
		combine(lower, ys[:2]).value, combine(upper, ys[1:]).value), true
}
