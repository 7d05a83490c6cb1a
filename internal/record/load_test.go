package record

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Windows are of whole seconds, and no measured one holds a second of the next
// step.
func TestPartsKeepToThePlan(t *testing.T) {
	for _, tt := range []struct {
		stage scenarios.Stage
		want  []string
	}{
		{scenarios.Stage{Settle: 4.5, Measure: 10.5}, []string{"settle 0-5", "measure 5-15", "settle 15-20", "measure 20-30", "settle 30-35", "measure 35-45"}},
		{scenarios.Stage{Settle: 3, Measure: 3}, []string{"settle 0-3", "measure 3-6", "settle 6-9", "measure 9-12", "settle 12-15", "measure 15-18"}},
		{scenarios.Stage{Measure: 8.4}, []string{"measure 0-8", "measure 8-16", "measure 16-25"}},
	} {
		plan := scenarios.Plan{Stages: []scenarios.Stage{tt.stage, tt.stage, tt.stage}}
		var got []string
		var at time.Duration
		for _, p := range parts(plan) {
			begin := at
			for !p.over(at-begin, at) {
				at += time.Second
			}
			got = append(got, fmt.Sprintf("%s %.0f-%.0f", p.phase, begin.Seconds(), at.Seconds()))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v:\n%q, want\n%q", tt.stage, got, tt.want)
		}
	}
}
