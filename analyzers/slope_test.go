package analyzers

import (
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestGrowth(t *testing.T) {
	// probed returns a footprint in whose requests a list has rows and a statement
	// has calls.
	probed := func(rows, calls []float64) (evidence.Footprint, evidence.FootprintStatement) {
		list := evidence.FootprintStatement{ID: "list"}
		each := evidence.FootprintStatement{ID: "each"}
		for i := range rows {
			list.Each = append(list.Each, evidence.Sent{Calls: 1, Rows: rows[i]})
			each.Each = append(each.Each, evidence.Sent{Calls: calls[i], Rows: calls[i]})
		}
		another := each
		another.ID = "another for each"
		return evidence.Footprint{Statements: []evidence.FootprintStatement{each, another, list, {ID: "from an old file"}}}, each
	}
	for _, tt := range []struct {
		name        string
		rows, calls []float64
		seen        bool
		proven      bool
		slope       float64
	}{
		{"one for each row", []float64{8, 12, 9, 10, 8}, []float64{8, 12, 9, 10, 8}, true, true, 1},
		{"three for each row and two more", []float64{1, 2, 3}, []float64{5, 8, 11}, true, true, 3},
		{"as many for any row", []float64{8, 12, 9, 10, 8}, []float64{20, 20, 20, 20, 20}, true, false, 0},
		{"up and down", []float64{8, 12, 9, 10, 8}, []float64{12, 9, 14, 8, 11}, true, false, -0.86},
		{"one for ten rows", []float64{10, 20, 30, 40}, []float64{1, 2, 3, 4}, true, false, 0.1},
		{"two sizes are no line", []float64{5, 10, 5, 10}, []float64{5, 10, 5, 10}, false, false, 0},
		{"lists were alike", []float64{20, 20, 20, 20, 20}, []float64{12, 9, 14, 8, 11}, false, false, 0},
	} {
		g := slopeOf(probed(tt.rows, tt.calls))
		if (g != nil) != tt.seen {
			t.Errorf("%s: %+v, want one: %v", tt.name, g, tt.seen)
			continue
		}
		if g == nil {
			continue
		}
		if g.proven() != tt.proven || g.statement != "list" || g.calls < tt.slope-0.01 || g.calls > tt.slope+0.01 {
			t.Errorf("%s: %+v, proven %v; want %v calls a row of the list, proven %v", tt.name, *g, g.proven(), tt.slope, tt.proven)
		}
	}
}
