package record

import (
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestSlicing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		whole  time.Duration
		slices int
	}{
		{"too short for two", 9 * time.Second, 0},
		{"whole ones", 15 * time.Second, 3},
		{"with a rest", 13 * time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := slicing{whole: tt.whole}
			start := time.Unix(0, 0)
			ended := 0
			for at := time.Duration(0); at < tt.whole; at += time.Second {
				tick := evidence.Tick{Start: start.Add(at), Length: 1, Endpoints: []evidence.Endpoint{{Name: "GET /", Requests: 2}}}
				if s.add(tick) {
					ended++
				}
			}
			if ended != tt.slices || len(s.out) != tt.slices {
				t.Fatalf("%d ended, %d kept, want %d", ended, len(s.out), tt.slices)
			}
			for i, sl := range s.out {
				if sl.Length != 5 || sl.Requests["GET /"] != 10 || !sl.Start.Equal(start.Add(time.Duration(i)*sliceLength)) {
					t.Errorf("slice %d: %+v", i, sl)
				}
			}
		})
	}
}
