package evidence

import (
	"encoding/json"
	"fmt"
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
// It is not safe for concurrent use.
type Histogram struct {
	h *hdrhistogram.Histogram
	// trimmed: it was read, and its counts end at its largest value. Of an hour with
	// hundreds of endpoints, full ones would take hundreds of megabytes.
	trimmed bool
}

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{h: hdrhistogram.New(lowest, highest, digits)}
}

// grow makes room for the full range.
func (h *Histogram) grow() {
	if h.trimmed {
		full := NewHistogram()
		full.h.Merge(h.h) // all of it is in range
		*h = *full
	}
}

// Record adds a latency. One beyond the range counts as its end.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN adds n equal latencies.
func (h *Histogram) RecordN(d time.Duration, n int64) {
	h.grow()
	us := min(max(d.Microseconds(), lowest), highest)
	// The value is inside the range, so the library cannot refuse it.
	_ = h.h.RecordValues(us, n)
}

// Merge adds all of o.
func (h *Histogram) Merge(o *Histogram) error {
	if o == nil || o.h == nil {
		return nil
	}
	h.grow()
	if dropped := h.h.Merge(o.h); dropped > 0 {
		return fmt.Errorf("merge histograms: %d values out of range", dropped)
	}
	return nil
}

// Count returns the number of latencies.
func (h *Histogram) Count() int64 {
	if h == nil || h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// Quantile returns the latency in seconds below which the share q lies, and 0
// when the histogram is empty.
func (h *Histogram) Quantile(q float64) float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(h.h.ValueAtQuantile(q*100)) / 1e6
}

// Mean returns the mean latency in seconds, and 0 when the histogram is empty.
func (h *Histogram) Mean() float64 {
	if h.Count() == 0 {
		return 0
	}
	return h.h.Mean() / 1e6
}

// Max returns the largest latency in seconds.
func (h *Histogram) Max() float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(h.h.Max()) / 1e6
}

// Above returns how many latencies lie above the limit in seconds.
func (h *Histogram) Above(limit float64) int64 {
	if h.Count() == 0 {
		return 0
	}
	var n int64
	us := int64(limit * 1e6)
	for _, bar := range h.h.Distribution() {
		if bar.From > us {
			n += bar.Count
		}
	}
	return n
}

// Slowest returns how long the n largest latencies were together, in seconds.
func (h *Histogram) Slowest(n int64) float64 {
	if h.Count() == 0 {
		return 0
	}
	var sum float64
	for _, bar := range slices.Backward(h.h.Distribution()) {
		k := min(n, bar.Count)
		sum += float64(k) * float64(bar.From+bar.To) / 2e6
		n -= k
	}
	return sum
}

// Reset empties the histogram.
func (h *Histogram) Reset() { h.h.Reset() }

// MarshalJSON implements json.Marshaler.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	if h == nil || h.h == nil {
		return []byte("null"), nil
	}
	h.grow()
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
	trimmed := hdrhistogram.New(lowest, max(d.Max(), 2*lowest), digits)
	if dropped := trimmed.Merge(d); dropped > 0 {
		return fmt.Errorf("decode histogram: %d values out of range", dropped)
	}
	*h = Histogram{h: trimmed, trimmed: true}
	return nil
}
