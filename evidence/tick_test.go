package evidence

import (
	"testing"
	"time"
)

func took(d time.Duration, n int64) *Histogram {
	h := NewHistogram()
	h.RecordN(d, n)
	return h
}

// Windows are the sum of their ticks, and windows of windows.
func TestAddTicks(t *testing.T) {
	first := Tick{
		Length:    1,
		Endpoints: []Endpoint{{Name: "GET /a", Requests: 3, Failed: 1, Errors: map[string]int64{"timeout": 1}, Latency: took(time.Second, 2), FailedLatency: took(3*time.Second, 1)}},
		Paths:     []PathTime{{Name: "in", Walked: 2, Failed: 1, Latency: took(2*time.Second, 1)}},
		Generator: Generator{Offered: 5, Sessions: 3, Waiting: 2, Started: 4, Completed: 3},
	}
	second := Tick{
		Length:    1,
		Endpoints: []Endpoint{{Name: "GET /a", Requests: 2, Latency: took(time.Second, 2)}},
		Paths:     []PathTime{{Name: "in", Walked: 1, Latency: took(4*time.Second, 1)}, {Name: "out", Walked: 1, Latency: took(time.Second, 1)}},
		Generator: Generator{Offered: 1, Sessions: 2, Dropped: 1, Started: 1, Completed: 2},
	}
	var parts [2]Window
	whole := Window{Length: 2}
	for i, tick := range []Tick{first, second} {
		parts[i].Length = 1
		for _, w := range []*Window{&parts[i], &whole} {
			if err := w.Add(tick); err != nil {
				t.Fatal(err)
			}
		}
	}
	merged, err := Merge(parts[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]Window{"added": whole, "merged": merged} {
		e := w.Endpoints[0]
		if e.Requests != 5 || e.Failed != 1 || e.Latency.Count() != 4 || e.FailedLatency.Count() != 1 {
			t.Errorf("%s: %+v", name, e)
		}
		if s := e.Mean(); s < 1.38 || s > 1.42 {
			t.Errorf("%s: mean %v s, want 1.4", name, s)
		}
		if len(w.Paths) != 2 || w.Paths[0].Walked != 3 || w.Paths[0].Failed != 1 || w.Paths[0].Latency.Count() != 2 || w.Paths[1].Walked != 1 {
			t.Errorf("%s: paths %+v", name, w.Paths)
		}
		if g := w.Generator; g.Offered != 6 || g.Sessions+g.Dropped+g.Waiting != 6 || g.Started != 5 || g.Completed != 5 {
			t.Errorf("%s: %+v", name, g)
		}
	}
}
