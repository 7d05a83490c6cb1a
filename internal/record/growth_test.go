package record

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestGrowth(t *testing.T) {
	// requests returns windows in which a list has rows and a statement has calls.
	requests := func(rows, calls []float64) []evidence.Window {
		ws := make([]evidence.Window, len(rows))
		for i := range rows {
			ws[i].Statements = []evidence.Statement{
				{ID: "list", Calls: 1, Rows: rows[i]},
				{ID: "each", Calls: calls[i], Rows: calls[i]},
				{ID: "and another", Calls: calls[i], Rows: calls[i]},
				{ID: "ours", Calls: rows[i], Rows: rows[i], Own: true},
			}
		}
		return ws
	}
	for _, tt := range []struct {
		name        string
		rows, calls []float64
		want        *evidence.Growth
	}{
		{"one for each row", []float64{8, 12, 9, 10, 8}, []float64{8, 12, 9, 10, 8}, &evidence.Growth{Statement: "list", Calls: 1, Least: 8, Most: 12}},
		{"three for each row and two more", []float64{1, 2, 3}, []float64{5, 8, 11}, &evidence.Growth{Statement: "list", Calls: 3, Least: 1, Most: 3}},
		{"as many for any row", []float64{8, 12, 9, 10, 8}, []float64{20, 20, 20, 20, 20}, nil},
		{"up and down", []float64{8, 12, 9, 10, 8}, []float64{12, 9, 14, 8, 11}, nil},
		{"one for ten rows", []float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, nil},
		{"two sizes are no line", []float64{5, 10, 5, 10}, []float64{5, 10, 5, 10}, nil},
	} {
		if d := cmp.Diff(tt.want, growth(requests(tt.rows, tt.calls), "each")); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}
