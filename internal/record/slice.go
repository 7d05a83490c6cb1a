package record

import (
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// sliceLength: reading pg_stat_statements costs milliseconds, and longer where it
// has many entries; six slices in half a minute show what moves together.
const sliceLength = 5 * time.Second

// A slicing cuts a window's ticks into slices. They end with a tick, as the window
// does, so that requests and statements are of the same time.
type slicing struct {
	whole   time.Duration // of the window
	running evidence.Slice
	out     []evidence.Slice
}

// add takes a tick and reports whether it has ended a slice, which is then the
// last of out. The rest of a window, shorter than a slice, is none.
func (s *slicing) add(t evidence.Tick) bool {
	if s.whole < 2*sliceLength {
		return false
	}
	if s.running.Requests == nil {
		s.running = evidence.Slice{Start: t.Start, Requests: map[string]int64{}}
	}
	s.running.Length += t.Length
	for _, e := range t.Endpoints {
		s.running.Requests[e.Name] += e.Requests
	}
	// Ticks are a second long, more or less: it ends where it is nearest.
	if (s.running.Length + t.Length/2).Duration() < sliceLength {
		return false
	}
	s.out = append(s.out, s.running)
	s.running = evidence.Slice{}
	return true
}
