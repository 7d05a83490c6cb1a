package record

import (
	"cmp"
	"math"
	"slices"

	"github.com/scalecheck/scalecheck/evidence"
)

const (
	// straight: how well the points must lie on a line (Pearson's r). Calls for each
	// row do so exactly; what else varies from user to user does not.
	straight = 0.98
	// steep: calls for one row. Half a call, because some rows need none.
	steep = 0.5
	// points: rows must have had three values, for two are always on a line.
	points = 3
)

// growth returns the statement whose rows, from request to request, the calls of
// the statement id grow with; nil where none is found or the requests were alike.
// Different users have lists of different length, so that a few requests tell a
// statement for each row from one that is merely sent often.
func growth(ws []evidence.Window, id string) *evidence.Growth {
	calls := perRequest(ws, id, func(s evidence.Statement) float64 { return s.Calls })
	var best *evidence.Growth
	var bestR float64
	for _, other := range statementsOf(ws) {
		if other == id {
			continue
		}
		// A list is read by the same number of calls each time; what is not may be
		// another statement for each of its rows.
		if sent := perRequest(ws, other, func(s evidence.Statement) float64 { return s.Calls }); slices.Min(sent) != slices.Max(sent) {
			continue
		}
		rows := perRequest(ws, other, func(s evidence.Statement) float64 { return s.Rows })
		slope, r, ok := line(rows, calls)
		if !ok || r < straight || slope < steep || r <= bestR {
			continue
		}
		best, bestR = &evidence.Growth{Statement: other, Calls: slope, Least: slices.Min(rows), Most: slices.Max(rows)}, r
	}
	return best
}

func perRequest(ws []evidence.Window, id string, of func(evidence.Statement) float64) []float64 {
	out := make([]float64, len(ws))
	for i, w := range ws {
		for _, s := range w.Statements {
			if s.ID == id && !s.Own {
				out[i] += of(s)
			}
		}
	}
	return out
}

// statementsOf returns the statements of the requests, in order, so that the same
// requests give the same answer.
func statementsOf(ws []evidence.Window) []string {
	var ids []string
	for _, w := range ws {
		for _, s := range w.Statements {
			if !s.Own && !slices.Contains(ids, s.ID) {
				ids = append(ids, s.ID)
			}
		}
	}
	slices.SortFunc(ids, cmp.Compare[string])
	return ids
}

// line fits y = a + slope·x by least squares and returns Pearson's r; not ok where
// there are too few values of x, or y does not vary.
func line(x, y []float64) (slope, r float64, ok bool) {
	values := slices.Compact(slices.Sorted(slices.Values(x)))
	if len(values) < points {
		return 0, 0, false
	}
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var xx, yy, xy float64
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
		xy += (x[i] - mx) * (y[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0, 0, false
	}
	return xy / xx, xy / math.Sqrt(xx*yy), true
}
