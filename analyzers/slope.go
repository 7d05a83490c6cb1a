package analyzers

import (
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

// A slope is how the calls of a statement went with the rows of another one, from
// request to request of the isolation probe.
type slope struct {
	statement   string  // ID of the one with the rows
	calls       float64 // for each row more
	r           float64 // Pearson's; 0 where the calls were the same each time
	least, most float64 // rows, in the requests that were seen
}

// proven says that the statement is sent for each row.
func (g slope) proven() bool { return g.r >= straight && g.calls >= steep }

// slopeOf returns the statement whose rows the calls of s follow best. Different
// users have lists of different length, so that a few requests tell a statement for
// each row from one that is merely sent often. Nil where no list differed in length:
// then the requests can't tell.
func slopeOf(f evidence.Footprint, s evidence.FootprintStatement) *slope {
	var best *slope
	for _, list := range f.Statements {
		// A list is read by the same number of calls each time; what is not may be
		// another statement for each of its rows.
		if list.ID == s.ID || len(list.Each) != len(s.Each) || !steady(list.Each) {
			continue
		}
		g, ok := line(list.Each, s.Each)
		if !ok {
			continue
		}
		g.statement = list.ID
		if best == nil || g.proven() && !best.proven() || g.proven() == best.proven() && g.r > best.r {
			best = &g
		}
	}
	return best
}

// steady reports whether each request sent as many calls.
func steady(each []evidence.Sent) bool {
	return !slices.ContainsFunc(each, func(s evidence.Sent) bool { return s.Calls != each[0].Calls })
}

// line fits calls = a + slope·rows by least squares; not ok where the rows had too
// few values.
func line(list, calls []evidence.Sent) (slope, bool) {
	rows := make([]float64, len(list))
	for i, s := range list {
		rows[i] = s.Rows
	}
	values := slices.Compact(slices.Sorted(slices.Values(rows)))
	if len(values) < points {
		return slope{}, false
	}
	g := slope{least: values[0], most: values[len(values)-1]}
	n := float64(len(rows))
	var mx, my float64
	for i, x := range rows {
		mx += x / n
		my += calls[i].Calls / n
	}
	var xx, yy, xy float64
	for i, x := range rows {
		y := calls[i].Calls
		xx += (x - mx) * (x - mx)
		yy += (y - my) * (y - my)
		xy += (x - mx) * (y - my)
	}
	if yy > 0 {
		g.calls, g.r = xy/xx, xy/math.Sqrt(xx*yy)
	}
	return g, true
}
