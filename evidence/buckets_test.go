package evidence

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBucketsRebuildTheHistogram(t *testing.T) {
	h := NewHistogram()
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		h.Record(time.Duration(r.ExpFloat64() * float64(20*time.Millisecond)))
	}
	h.Record(0)
	h.Record(3 * time.Hour)
	copied := Rebuild(h.Buckets())
	got, err := copied.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	want, err := h.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("histogram rebuilt from its buckets differs (-want +got):\n%s", diff)
	}
	if copied.Mean() != h.Mean() || copied.Max() != h.Max() {
		t.Errorf("mean %v, max %v; want %v, %v", copied.Mean(), copied.Max(), h.Mean(), h.Max())
	}
}

func TestRebuildFromOthers(t *testing.T) {
	h := Rebuild(func(yield func(time.Duration, int64) bool) {
		_ = yield(20*time.Millisecond, 3) && yield(10*time.Millisecond, 2) && yield(10*time.Millisecond+time.Microsecond, 1) && yield(time.Second, 4)
	})
	if h.Count() != 10 || h.Above(0.015) != 7 || h.Above(0.5) != 4 {
		t.Errorf("%d latencies, %d above 15 ms, %d above 0.5 s; want 10, 7, 4", h.Count(), h.Above(0.015), h.Above(0.5))
	}
}
