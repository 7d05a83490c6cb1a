package evidence

import (
	"math"
	"slices"
	"testing"
)

// Averages weigh by samples, looks add up, and what was merged is as it was.
func TestMergeSessions(t *testing.T) {
	waits := Activity{Statement: "1", State: "active", WaitClass: "Lock", Application: "web"}
	sessions := func(samples int, aas float64, busy ...Busy) *SessionStats {
		a := waits
		a.AAS = aas
		return &SessionStats{Samples: samples, Planned: samples, Activity: []Activity{a}, Busy: busy}
	}
	first := sessions(100, 2, Busy{"web", []int{0, 90}})
	second := sessions(300, 6, Busy{"web", []int{10, 0, 0, 0, 0, 280}}, Busy{"cron", []int{5}})
	merged, err := Merge([]Window{{Length: 5, Sessions: first}, {Length: 15, Sessions: second}})
	if err != nil {
		t.Fatal(err)
	}
	s := merged.Sessions
	if s.Samples != 400 || len(s.Activity) != 1 || math.Abs(s.Activity[0].AAS-5) > 1e-9 {
		t.Errorf("merged into %d samples, %+v; want an average of 5 in 400", s.Samples, s.Activity)
	}
	want := []Busy{{"web", []int{10, 90, 0, 0, 0, 280}}, {"cron", []int{5}}}
	same := func(a, b Busy) bool { return a.Application == b.Application && slices.Equal(a.Looks, b.Looks) }
	if !slices.EqualFunc(s.Busy, want, same) {
		t.Errorf("looks are %v, want %v", s.Busy, want)
	}
	if !slices.Equal(first.Busy[0].Looks, []int{0, 90}) || first.Activity[0].AAS != 2 {
		t.Errorf("merging has changed what was merged: %+v", first)
	}
}
