package evidence

import (
	"iter"
	"math"
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

// Rebuild returns the histogram that yielded the buckets. It takes no more memory than
// they do until something is added to it.
func Rebuild(buckets iter.Seq2[time.Duration, int64]) *Histogram {
	h := &Histogram{bars: []bar{}}
	var last uint32
	for d, n := range buckets {
		us := min(max(d.Microseconds(), lowest), highest)
		b := bar{uint32(us), uint32(min(max(n, 0), math.MaxUint32))}
		if h.h != nil || b.from <= last || b.from%b.width() != 0 {
			h.RecordN(d, n) // not as Buckets yields them
			continue
		}
		h.bars = append(h.bars, b)
		last = b.from
	}
	return h
}
