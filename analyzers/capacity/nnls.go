package capacity

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// nnls returns the x ≥ 0 that minimizes ‖Ax − b‖ (Lawson & Hanson 1974, Solving
// Least Squares Problems, chapter 23, algorithm NNLS). The columns that are not held
// at zero, the passive set, must be independent.
//
// One column after the other enters the passive set, the one along which the error
// falls fastest first; where that makes another one negative, the step ends where
// that reaches zero, and it leaves. The error falls with each, so that no set comes
// twice.
func nnls(a *mat.Dense, b *mat.VecDense) ([]float64, error) {
	_, n := a.Dims()
	x := make([]float64, n)
	passive := make([]bool, n)
	// rounds: Lawson and Hanson's own bound; half of it is hardly ever needed.
	for range 3 * n {
		enters := steepest(a, b, x, passive)
		if enters < 0 {
			return x, nil
		}
		passive[enters] = true
		for {
			z, err := solvePassive(a, b, passive)
			if err != nil {
				return nil, err
			}
			leaves, part := -1, 1.0
			for j := range x {
				if !passive[j] || z[j] > 0 {
					continue
				}
				p := 0.0
				if x[j] > 0 {
					p = x[j] / (x[j] - z[j])
				}
				if leaves < 0 || p < part {
					leaves, part = j, p
				}
			}
			if leaves < 0 {
				x = z
				break
			}
			for j := range x {
				x[j] += part * (z[j] - x[j])
				if passive[j] && (j == leaves || x[j] <= 0) {
					x[j], passive[j] = 0, false
				}
			}
		}
	}
	return nil, errors.New("non-negative least squares found no end")
}

// steepest returns the column at zero along which the error falls fastest, by its
// gradient Aᵀ(b − Ax); -1 where it falls along none.
func steepest(a *mat.Dense, b *mat.VecDense, x []float64, passive []bool) int {
	rest := residual(a, b, x)
	best, most := -1, 0.0
	for j := range x {
		column := a.ColView(j)
		// What rounding leaves of a gradient is none.
		if w := mat.Dot(column, rest); !passive[j] && w > most && w > 1e-10*mat.Norm(column, 2)*mat.Norm(b, 2) {
			best, most = j, w
		}
	}
	return best
}

// residual returns b − Ax.
func residual(a *mat.Dense, b *mat.VecDense, x []float64) *mat.VecDense {
	var r mat.VecDense
	r.MulVec(a, mat.NewVecDense(len(x), x))
	r.SubVec(b, &r)
	return &r
}

// solvePassive returns the least squares solution in which only passive columns are
// not zero.
func solvePassive(a *mat.Dense, b *mat.VecDense, passive []bool) ([]float64, error) {
	rows, _ := a.Dims()
	var in []int
	for j, p := range passive {
		if p {
			in = append(in, j)
		}
	}
	sub := mat.NewDense(rows, len(in), nil)
	for k, j := range in {
		sub.SetCol(k, mat.Col(nil, j, a))
	}
	var z mat.VecDense
	if err := z.SolveVec(sub, b); err != nil {
		return nil, fmt.Errorf("least squares: %w", err)
	}
	out := make([]float64, len(passive))
	for k, j := range in {
		out[j] = z.AtVec(k)
	}
	return out, nil
}
