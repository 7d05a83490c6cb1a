package capacity

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Sending is how often one request of an endpoint sends a statement under load.
type Sending struct {
	Calls     float64 // by one request
	Low, High float64 // 95 % confidence interval of Calls
	N         int     // slices, or requests alone, that it was estimated from
}

const (
	// minFreedom: slices beyond the unknowns. With four the 95 % interval is 2.8
	// standard errors wide to each side, with one it is thirteen.
	minFreedom = 4
	// maxCondition of the columns, each scaled to length one: beyond, what is in the
	// third digit of a count decides (Belsley, Kuh & Welsch 1980 see harm from 30 to
	// 100 on).
	maxCondition = 100
	// maxInflation is the variance inflation factor of the endpoint's column, 1/(1−R²)
	// of a regression on the others (Marquardt 1970): how much of its coming and
	// going is everybody's.
	maxInflation = 10
	// maxBlur: the part of the endpoint's own variation that may come from requests
	// at the edges of slices, which send in one and end in the next. An error in the
	// counts of requests makes the estimate too small by this part.
	maxBlur = 0.1
)

// UnderLoad estimates from the slices of a run how often a request of the endpoint
// sends the statement while others are sent, too. It solves
//
//	min ‖W(y − [N S O]·[F; s; g] − t·b)‖, F, s, g ≥ 0
//
// where for each slice y is the statement's calls, N the endpoint's requests that
// ended, S the calls that the footprints of other endpoints promise, O the requests of
// all further ones, t its length, and W = 1/√(1+y), since counts vary as their roots. F is
// the answer; s takes in that others send it more or less often than when alone, g
// that they do although their footprints have none. b is what each window has anyway,
// whatever comes and goes within it: steps of the load raise all columns alike, so
// that between them nothing can be told.
//
// Jobs have no column: when they end is known only some seconds late, which is a
// slice. Those that run all the time are in b.
//
// The error says why slices can't tell: too few of them, or requests of all
// endpoints that come and go together.
func UnderLoad(r *evidence.Run, endpoint, statement string) (Sending, error) {
	rows, err := tallies(r, endpoint, statement)
	if err != nil {
		return Sending{}, err
	}
	a, b, scale := design(rows)
	n, k := a.Dims()
	unknown := k + rows[n-1].window + 1
	if n < unknown+minFreedom {
		return Sending{}, fmt.Errorf("need >= %d slices, have %d", unknown+minFreedom, n)
	}
	if scale == 0 {
		return Sending{}, errors.New("its requests come at the same rate all the time")
	}
	if c := mat.Cond(a, 2); !(c <= maxCondition) {
		return Sending{}, fmt.Errorf("requests come and go together: condition number %.0f, more than %d", c, maxCondition)
	}
	own, err := leftOf(a)
	if err != nil {
		return Sending{}, err
	}
	if own*maxInflation < 1 {
		return Sending{}, fmt.Errorf("its requests come and go with all others: variance inflation %.0f, more than %d", 1/own, maxInflation)
	}
	free := float64(n - unknown)
	if part := blur(rows, scale) * (free + 1) / float64(n) / own; part > maxBlur {
		return Sending{}, fmt.Errorf("requests at the edges of slices are %.0f %% of what its requests vary by", 100*part)
	}
	x, err := nnls(a, b)
	if err != nil {
		return Sending{}, err
	}
	// The variance of a coefficient is σ² ÷ what the others leave of its column
	// (Frisch & Waugh 1933).
	rest := residual(a, b, x)
	half := t95(n-unknown) * math.Sqrt(mat.Dot(rest, rest)/free/own)
	return Sending{Calls: x[0] / scale, Low: max(0, x[0]-half) / scale, High: (x[0] + half) / scale, N: n}, nil
}

// A tally is a slice as one statement of one endpoint sees it.
type tally struct {
	window   int     // that it is a part of, counted from 0
	calls    float64 // of the statement
	own      float64 // requests of the endpoint
	promised float64 // calls by the footprints of others
	others   float64 // requests of others whose footprint has none, or that have no footprint
	length   float64 // seconds
	inFlight float64 // requests of the endpoint under way, on average
}

// tallies returns the slices of all windows under load.
func tallies(r *evidence.Run, endpoint, statement string) ([]tally, error) {
	promise := map[string]float64{}
	for _, f := range r.Footprints {
		for _, s := range f.Statements {
			if s.ID == statement {
				promise[f.Endpoint] = s.Calls
			}
		}
	}
	var out []tally
	window := -1
	for _, w := range r.Windows {
		if w.Phase != evidence.Measure && w.Phase != evidence.Settle {
			continue
		}
		var inFlight float64
		for _, e := range w.Endpoints {
			if e.Name == endpoint && w.Length > 0 {
				inFlight = InFlight(float64(e.Requests)/float64(w.Length), e.Mean())
			}
		}
		if len(w.Slices) > 0 {
			window++
		}
		for _, s := range w.Slices {
			if len(s.Statements) == 0 { // could not be read
				continue
			}
			t := tally{window: window, calls: -1, length: float64(s.Length), inFlight: inFlight}
			for _, q := range s.Statements {
				if q.ID == statement {
					t.calls = q.Calls
				}
			}
			if t.calls < 0 {
				return nil, errors.New("not every slice has the statement")
			}
			for _, name := range sorted(s.Requests) {
				n := float64(s.Requests[name])
				switch {
				case name == endpoint:
					t.own += n
				case promise[name] > 0:
					t.promised += n * promise[name]
				default:
					t.others += n
				}
			}
			out = append(out, t)
		}
	}
	if !slices.ContainsFunc(out, func(t tally) bool { return t.own > 0 }) {
		return nil, errors.New("no slice has a request of the endpoint")
	}
	return out, nil
}

// design returns the weighted columns of the tallies, the endpoint's first, and the
// weighted calls, all less what follows time within their window. Each column is
// scaled to length one, and scale is what the first was divided by. Columns that do
// not vary are left out; the first stays, with scale 0.
func design(rows []tally) (a *mat.Dense, b *mat.VecDense, scale float64) {
	b = within(rows, func(t tally) float64 { return t.calls })
	own := within(rows, func(t tally) float64 { return t.own })
	if scale = mat.Norm(own, 2); scale > 0 {
		own.ScaleVec(1/scale, own)
	}
	columns := []*mat.VecDense{own}
	for _, c := range []*mat.VecDense{
		within(rows, func(t tally) float64 { return t.promised }),
		within(rows, func(t tally) float64 { return t.others }),
	} {
		if length := mat.Norm(c, 2); length > 0 {
			c.ScaleVec(1/length, c)
			columns = append(columns, c)
		}
	}
	a = mat.NewDense(len(rows), len(columns), nil)
	for j, c := range columns {
		a.SetCol(j, c.RawVector().Data)
	}
	return a, b, scale
}

// within returns W(x − t·b), b the weighted mean rate of x in the window.
func within(rows []tally, x func(tally) float64) *mat.VecDense {
	var xt, tt []float64
	for _, t := range rows {
		for len(xt) <= t.window {
			xt, tt = append(xt, 0), append(tt, 0)
		}
		w := t.weight() * t.weight()
		xt[t.window] += w * x(t) * t.length
		tt[t.window] += w * t.length * t.length
	}
	out := mat.NewVecDense(len(rows), nil)
	var squares float64
	for i, t := range rows {
		out.SetVec(i, t.weight()*(x(t)-t.length*xt[t.window]/tt[t.window]))
		squares += t.weight() * t.weight() * x(t) * x(t)
	}
	if mat.Norm(out, 2) < 1e-9*math.Sqrt(squares) { // what rounding leaves
		out.Zero()
	}
	return out
}

func (t tally) weight() float64 { return 1 / math.Sqrt(1+t.calls) }

// leftOf returns what the other columns leave of the first, as a sum of squares.
func leftOf(a *mat.Dense) (float64, error) {
	first := mat.VecDenseCopyOf(a.ColView(0))
	_, k := a.Dims()
	if k == 1 {
		return mat.Dot(first, first), nil
	}
	others := make([]bool, k)
	for j := 1; j < k; j++ {
		others[j] = true
	}
	x, err := solvePassive(a, first, others)
	if err != nil {
		return 0, err
	}
	rest := residual(a, first, x)
	return mat.Dot(rest, rest), nil
}

// blur returns how much the first column varies, as a sum of squares, because of
// requests at both edges of a slice. Of L requests under way, each has sent a part
// of its calls that is anything between none and all, u: the variance of the sum is
// L·E[u²] = L/3 at each edge (a compound Poisson sum).
func blur(rows []tally, scale float64) float64 {
	var sum float64
	for _, t := range rows {
		sum += t.weight() * t.weight() * 2 * t.inFlight / 3
	}
	return sum / scale / scale
}

// level of the intervals: 95 %.
const level = 0.95

// t95 returns how many standard errors the interval extends to each side (Student's t).
func t95(freedom int) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(freedom)}.Quantile((1 + level) / 2)
}

// Alone returns how often one request of the footprint sent the statement, with its
// 95 % interval: users differ. Of a file without each
// request's counts the interval has no width.
func Alone(s evidence.FootprintStatement) Sending {
	out := Sending{Calls: s.Calls, Low: s.Calls, High: s.Calls, N: len(s.Each)}
	if n := float64(len(s.Each)); n > 1 {
		var squares float64
		var mean float64
		for _, e := range s.Each {
			mean += e.Calls / n
		}
		for _, e := range s.Each {
			squares += (e.Calls - mean) * (e.Calls - mean)
		}
		half := t95(len(s.Each)-1) * math.Sqrt(squares/(n-1)/n)
		out.Low, out.High = max(0, s.Calls-half), s.Calls+half
	}
	return out
}
