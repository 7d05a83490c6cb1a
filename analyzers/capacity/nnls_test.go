package capacity

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestNNLS(t *testing.T) {
	for _, tt := range []struct {
		name       string
		rows, cols int
		a, b, want []float64
	}{
		// The manuals' examples, of MATLAB's lsqnonneg and SciPy's nnls.
		{"one column at zero", 4, 2, []float64{0.0372, 0.2868, 0.6861, 0.7071, 0.6233, 0.6245, 0.6344, 0.6170}, []float64{0.8587, 0.1781, 0.0747, 0.8405}, []float64{0, 0.6929}},
		{"no bound is met", 3, 2, []float64{1, 0, 1, 0, 0, 1}, []float64{2, 1, 1}, []float64{1.5, 1}},
		{"all at zero", 3, 2, []float64{1, 0, 1, 0, 0, 1}, []float64{-1, -1, -1}, []float64{0, 0}},
		{"exact", 3, 3, []float64{2, 0, 0, 0, 3, 0, 1, 1, 1}, []float64{2, 6, 6}, []float64{1, 2, 3}},
	} {
		a, b := mat.NewDense(tt.rows, tt.cols, tt.a), mat.NewVecDense(tt.rows, tt.b)
		x, err := nnls(a, b)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		optimal(t, tt.name, a, b, x)
		for j, want := range tt.want {
			if math.Abs(x[j]-want) > 1e-4 {
				t.Errorf("%s: x = %v, want %v", tt.name, x, tt.want)
				break
			}
		}
	}
}

// optimal holds x against the conditions of Karush, Kuhn and Tucker, which only the
// solution meets: no x is negative, and along none the error falls, but where x is
// zero it may rise.
func optimal(t *testing.T, name string, a *mat.Dense, b *mat.VecDense, x []float64) {
	t.Helper()
	rest := residual(a, b, x)
	size := mat.Norm(a, 2) * mat.Norm(b, 2)
	for j := range x {
		w := mat.Dot(a.ColView(j), rest) / size
		if x[j] < 0 || w > 1e-9 || x[j] > 0 && w < -1e-9 {
			t.Errorf("%s: x = %v: x[%d] is not optimal, gradient %v", name, x, j, w)
		}
	}
}

func TestNNLSIsOptimal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		cols := 1 + random.IntN(8)
		rows := cols + random.IntN(20)
		draw := func(n int) []float64 {
			out := make([]float64, n)
			for i := range out {
				out[i] = random.NormFloat64()
			}
			return out
		}
		a, b := mat.NewDense(rows, cols, draw(rows*cols)), mat.NewVecDense(rows, draw(rows))
		x, err := nnls(a, b)
		if err != nil {
			t.Fatalf("%v\n%v\n%v", err, mat.Formatted(a), mat.Formatted(b))
		}
		optimal(t, "random", a, b, x)
	}
}
