package scenarios

import (
	"hash/fnv"
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"
)

// A Law draws positions among n values, 0 to n-1, as often as a Popularity says.
// It may be used from several goroutines, each with random numbers of its own.
type Law struct {
	n       int64
	zipf    *zipf
	newest  bool
	scatter scatter
	weights []float64 // cumulated
}

// Law returns how the values of d are drawn. d has a Range or a Choice.
func (d *Source) Law() *Law {
	n := int64(len(d.Choice))
	if d.Range != nil {
		n = d.Range[1] - d.Range[0] + 1
	}
	l := &Law{n: n}
	switch p := d.Popularity; {
	case len(p.Weights) > 0:
		sum := 0.0
		for _, w := range p.Weights {
			sum += w
			l.weights = append(l.weights, sum)
		}
	case p.Newest > 0:
		l.zipf, l.newest = newZipf(p.Newest, n), true
	case p.Zipf > 0:
		l.zipf, l.scatter = newZipf(p.Zipf, n), newScatter(d.Name, n)
	}
	return l
}

// Draw returns a position.
func (l *Law) Draw(r *rand.Rand) int64 {
	switch {
	case l.weights != nil:
		x := r.Float64() * l.weights[len(l.weights)-1]
		i := sort.Search(len(l.weights), func(i int) bool { return l.weights[i] > x })
		return min(int64(i), l.n-1)
	case l.newest:
		return l.n - l.zipf.draw(r)
	case l.zipf != nil:
		return l.scatter.of(l.zipf.draw(r) - 1)
	}
	return r.Int64N(l.n)
}

// zipf draws k of 1 to n with probability in proportion to k^-s, by rejection
// from the inverted integral (Hörmann and Derflinger, "Rejection-inversion to
// generate variates from monotone discrete distributions", ACM TOMACS 6, 1996).
// math/rand/v2 has it for s > 1 only, and what people look at often has s below.
type zipf struct {
	s, n       float64
	first, all float64 // H(3/2) - h(1) and H(n + 1/2)
	squeeze    float64
}

func newZipf(s float64, n int64) *zipf {
	z := &zipf{s: s, n: float64(n)}
	z.first, z.all = z.integral(1.5)-1, z.integral(z.n+0.5)
	z.squeeze = 2 - z.inverse(z.integral(2.5)-z.h(2))
	return z
}

// h is the density x^-s.
func (z *zipf) h(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

// integral is H(x) = (x^(1-s) - 1) / (1-s), which for s = 1 is ln x.
func (z *zipf) integral(x float64) float64 {
	log := math.Log(x)
	if t := (1 - z.s) * log; math.Abs(t) > 1e-8 {
		return math.Expm1(t) / t * log
	}
	return log
}

// inverse is that of integral.
func (z *zipf) inverse(x float64) float64 {
	t := max(-1, x*(1-z.s)) // rounding must not lead below the pole
	if math.Abs(t) > 1e-8 {
		return math.Exp(math.Log1p(t) / t * x)
	}
	return math.Exp(x)
}

func (z *zipf) draw(r *rand.Rand) int64 {
	for {
		u := z.all + r.Float64()*(z.first-z.all)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.squeeze || u >= z.integral(k+0.5)-z.h(k) {
			return int64(k)
		}
	}
}

// scatter is a permutation of 0 to n-1 that is the same whenever its source is,
// in any run with any seed: a Feistel network of four rounds over the next power
// of four, walked until it falls below n.
type scatter struct {
	n    uint64
	half int // bits
	key  uint64
}

func newScatter(name string, n int64) scatter {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // of a hash: never fails
	return scatter{uint64(n), (bits.Len64(uint64(n-1)) + 1) / 2, h.Sum64()}
}

func (s scatter) of(i int64) int64 {
	x, mask := uint64(i), uint64(1)<<s.half-1
	for {
		left, right := x>>s.half, x&mask
		for round := range uint64(4) {
			f := (right + s.key + round) * 0x9e3779b97f4a7c15
			f = (f ^ f>>29) * 0xbf58476d1ce4e5b9
			left, right = right, left^(f>>32&mask)
		}
		if x = left<<s.half | right; x < s.n {
			return int64(x)
		}
	}
}
