package evidence

import (
	"iter"
	"time"
)

// Buckets yields the non-empty buckets from fast to slow: a latency that falls
// into the bucket, and how many did. Recorded into another histogram with
// RecordN they give an equal one.
//
// It is the cheap form for a pipe: HdrHistogram's own encoding compresses with
// the highest effort, 0.8 MB of garbage and about a millisecond each time,
// which is nothing in a file and too much for every endpoint and second in the
// process whose lateness we measure.
func (h *Histogram) Buckets() iter.Seq2[time.Duration, int64] {
	return func(yield func(time.Duration, int64) bool) {
		for _, b := range h.all() {
			if !yield(time.Duration(b.from)*time.Microsecond, int64(b.count)) {
				return
			}
		}
	}
}
