package evidence

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBucketsRebuildTheHistogram(t *testing.T) {
	h, copied := NewHistogram(), NewHistogram()
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		h.Record(time.Duration(r.ExpFloat64() * float64(20*time.Millisecond)))
	}
	h.Record(0)
	h.Record(3 * time.Hour)
	for d, n := range h.Buckets() {
		copied.RecordN(d, n)
	}
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
