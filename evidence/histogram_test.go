package evidence

import (
	"math"
	"testing"
	"time"
)

func TestSlowest(t *testing.T) {
	h := NewHistogram()
	h.RecordN(10*time.Millisecond, 90)
	h.RecordN(time.Second, 9)
	h.RecordN(3*time.Second, 1)
	for _, tt := range []struct {
		n    int64
		want float64
	}{{0, 0}, {1, 3}, {2, 4}, {10, 12}, {20, 12.1}, {1000, 12.9}} {
		if got := h.Slowest(tt.n); math.Abs(got-tt.want) > 0.01*tt.want {
			t.Errorf("the %d slowest took %v s, want %v", tt.n, got, tt.want)
		}
	}
	if got := (*Histogram)(nil).Slowest(3); got != 0 {
		t.Errorf("of none the slowest took %v s", got)
	}
}
