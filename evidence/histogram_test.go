package evidence

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFigures holds the figures against the library's, on a histogram that was
// recorded and on one that was read.
func TestFigures(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	want := hdrhistogram.New(lowest, highest, digits)
	h := NewHistogram()
	for range 20_000 {
		d := time.Duration(math.Exp(22*random.Float64()) * float64(time.Microsecond)) // from 1 µs to 3,585 s
		h.Record(d)
		if err := want.RecordValue(max(1, d.Microseconds())); err != nil {
			t.Fatal(err)
		}
	}
	b, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var read Histogram
	if err := read.UnmarshalJSON(b); err != nil {
		t.Fatal(err)
	}
	merged := NewHistogram()
	if err := merged.Merge(&read); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]*Histogram{"recorded": h, "read": &read, "merged": merged} {
		if got.Count() != want.TotalCount() || got.Max() != float64(want.Max())/1e6 {
			t.Errorf("%s: %d latencies up to %v s, want %d up to %v", name, got.Count(), got.Max(), want.TotalCount(), float64(want.Max())/1e6)
		}
		if diff := cmp.Diff(want.Mean()/1e6, got.Mean(), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("%s: mean (-want +got):\n%s", name, diff)
		}
		for _, q := range []float64{0.001, 0.01, 0.5, 0.95, 0.99, 0.999, 1} {
			if diff := cmp.Diff(float64(want.ValueAtPercentile(100*q))/1e6, got.Quantile(q)); diff != "" {
				t.Errorf("%s: quantile %v (-want +got):\n%s", name, q, diff)
			}
		}
	}
}

// TestOtherGeometry reads a histogram with three digits.
func TestOtherGeometry(t *testing.T) {
	fine := hdrhistogram.New(1, highest, 3)
	for us := int64(1000); us <= 100_000; us += 10 {
		if err := fine.RecordValue(us); err != nil {
			t.Fatal(err)
		}
	}
	b, err := fine.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	var h Histogram
	if err := h.UnmarshalJSON([]byte(`"` + string(b) + `"`)); err != nil {
		t.Fatal(err)
	}
	if got := h.Quantile(0.5); h.Count() != fine.TotalCount() || math.Abs(got-0.0505) > 0.01*0.0505 {
		t.Errorf("%d latencies, half of them below %v s; want %d and 0.0505", h.Count(), got, fine.TotalCount())
	}
}

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
