package evidence

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies from a microsecond to an hour, two significant digits: a quantile
// is at most 1 % off, whatever the number of values. A third digit would cost
// eight times the memory (180 kB) for every endpoint and window.
const (
	lowest  = 1
	highest = int64(time.Hour / time.Microsecond)
	digits  = 2
)

// A Histogram holds latencies in constant memory and merges without loss.
// In files it is HdrHistogram's own V2 compressed encoding, in microseconds.
// It is not safe for concurrent use, reading included.
type Histogram struct {
	h *hdrhistogram.Histogram // nil where it was read and nothing was added since
	// bars of h, or what was read; nil where they must be looked up. Of an hour with
	// hundreds of endpoints, the library's histograms would take hundreds of megabytes.
	bars []bar
}

// A bar is a bucket that is not empty: its lowest value in microseconds, and how many
// fell into it, as far as 32 bits count: twelve hours of 100,000 a second.
type bar struct{ from, count uint32 }

// subBuckets is how many values the library keeps apart at two digits; above, a
// bucket is twice as wide with each further binary digit.
const subBuckets = 256

// width returns how many values fall into the bucket.
func (b bar) width() uint32 { return 1 << bits.Len32(b.from/subBuckets) }

// to returns the highest of them.
func (b bar) to() uint32 { return b.from + b.width() - 1 }

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(lowest, highest, digits)}
}

// open makes a histogram that was read one that can be added to.
func (h *Histogram) open() {
	if h.h == nil {
		h.h = hdrhistogram.New(lowest, highest, digits)
		for _, b := range h.bars {
			_ = h.h.RecordValues(int64(b.from), int64(b.count)) // all of it is in range
		}
	}
}

// all returns the bars, from the shortest.
func (h *Histogram) all() []bar {
	if h == nil {
		return nil
	}
	if h.bars == nil && h.h != nil {
		h.bars = barsOf(h.h)
	}
	return h.bars
}

func barsOf(h *hdrhistogram.Histogram) []bar {
	out := []bar{}
	for _, b := range h.Distribution() {
		if b.Count > 0 {
			out = append(out, bar{uint32(b.From), uint32(min(b.Count, math.MaxUint32))})
		}
	}
	return slices.Clone(out) // without room for more
}

// Record adds a latency. One beyond the range counts as its end.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN adds n equal latencies.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	h.open()
	us := min(max(d.Microseconds(), lowest), highest)
	// The value is inside the range, so the library cannot refuse it.
	_ = h.h.RecordValues(us, n)
	h.bars = nil
}

// Merge adds all of o.
func (h *Histogram) Merge(o *Histogram) error {
	if o == nil {
		return nil
	}
	h.open()
	h.bars = nil
	if o.h != nil {
		if dropped := h.h.Merge(o.h); dropped > 0 {
			return fmt.Errorf("merge histograms: %d values out of range", dropped)
		}
		return nil
	}
	for _, b := range o.bars {
		if err := h.h.RecordValues(int64(b.from), int64(b.count)); err != nil {
			return fmt.Errorf("merge histograms: %w", err)
		}
	}
	return nil
}

// Count returns the number of latencies.
func (h *Histogram) Count() int64 {
	if h != nil && h.h != nil {
		return h.h.TotalCount()
	}
	var n int64
	for _, b := range h.all() {
		n += int64(b.count)
	}
	return n
}

// Quantile returns the latency in seconds below which the share q lies, and 0
// when the histogram is empty.
func (h *Histogram) Quantile(q float64) float64 {
	rank := max(1, int64(q*float64(h.Count())+0.5))
	var last uint32
	for _, b := range h.all() {
		last = b.to()
		if rank -= int64(b.count); rank <= 0 {
			break
		}
	}
	return float64(last) / 1e6
}

// Mean returns the mean latency in seconds, and 0 when the histogram is empty.
func (h *Histogram) Mean() float64 {
	var sum, n float64
	for _, b := range h.all() {
		sum += float64(b.count) * b.middle()
		n += float64(b.count)
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

// middle returns the middle of the bucket in seconds.
func (b bar) middle() float64 { return float64(b.from+b.width()/2) / 1e6 }

// Max returns the largest latency in seconds.
func (h *Histogram) Max() float64 {
	bars := h.all()
	if len(bars) == 0 {
		return 0
	}
	return float64(bars[len(bars)-1].to()) / 1e6
}

// Above returns how many latencies lie above the limit in seconds.
func (h *Histogram) Above(limit float64) int64 {
	var n int64
	us := int64(limit * 1e6)
	for _, b := range slices.Backward(h.all()) {
		if int64(b.from) <= us {
			break
		}
		n += int64(b.count)
	}
	return n
}

// Slowest returns how long the n largest latencies were together, in seconds.
func (h *Histogram) Slowest(n int64) float64 {
	var sum float64
	for _, b := range slices.Backward(h.all()) {
		k := min(n, int64(b.count))
		sum += float64(k) * float64(uint64(b.from)+uint64(b.to())) / 2e6
		n -= k
	}
	return sum
}

// Reset empties the histogram.
func (h *Histogram) Reset() {
	h.open()
	h.h.Reset()
	h.bars = nil
}

// MarshalJSON implements json.Marshaler.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	if h == nil || h.h == nil && h.bars == nil {
		return []byte("null"), nil
	}
	h.open()
	b, err := h.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	return json.Marshal(string(b))
}

// UnmarshalJSON implements json.Unmarshaler. Besides the encoding that
// MarshalJSON writes it reads counts by latency, {"20ms": 95, "0.4s": 5}, the
// form for people who write evidence by hand.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var counts map[string]int64
	if err := json.Unmarshal(b, &counts); err == nil {
		*h = *NewHistogram()
		for latency, n := range counts {
			d, err := time.ParseDuration(latency)
			if err != nil {
				return fmt.Errorf("decode histogram: %w", err)
			}
			h.RecordN(d, n)
		}
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	d, err := hdrhistogram.Decode([]byte(s))
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	if d.Max() > highest {
		return fmt.Errorf("decode histogram: a value of %d is out of range", d.Max())
	}
	if d.SignificantFigures() != digits || d.LowestTrackableValue() != lowest {
		ours := hdrhistogram.New(lowest, highest, digits)
		ours.Merge(d)
		d = ours
	}
	*h = Histogram{bars: barsOf(d)}
	return nil
}
