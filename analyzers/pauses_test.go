package analyzers

import (
	"math"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// Unexplained time is a pause between attempts where as few requests have it as there
// were rollbacks, and not where all have some.
func TestPauses(t *testing.T) {
	const endpoint = "GET /a"
	for _, tt := range []struct {
		name        string
		fast, slow  int64
		took        time.Duration
		rollbacks   float64
		unexplained float64 // seconds
		explains    bool
	}{
		{"those that were refused", 90, 10, time.Second, 10, 9.9, true},
		{"two rollbacks each", 95, 5, 2 * time.Second, 10, 9.9, true},
		{"more slow ones than rollbacks", 60, 40, time.Second, 10, 39, false},
		{"a lock that all wait for", 100, 0, 0, 10, 80, false},
		{"a third were refused", 66, 34, time.Second, 34, 33, true},
		{"nearly all were refused", 10, 90, time.Second, 120, 89, false},
		{"nothing is unexplained", 90, 10, time.Second, 10, 0, false},
	} {
		h := evidence.NewHistogram()
		fast := 10 * time.Millisecond
		if tt.slow == 0 {
			fast = 800 * time.Millisecond
		}
		h.RecordN(fast, tt.fast)
		if tt.slow > 0 {
			h.RecordN(tt.took, tt.slow)
		}
		p := &Pass{
			Window: evidence.Window{Length: 10, Endpoints: []evidence.Endpoint{{Name: endpoint, Requests: tt.fast + tt.slow, Latency: h}}},
			Step: &capacity.Step{Ledger: &capacity.Ledger{Time: []capacity.Entry{
				{Key: capacity.Key{Class: capacity.ClassOther, Endpoint: endpoint}, Amount: tt.unexplained / 10},
				{Key: capacity.Key{Class: capacity.ClassOther, Endpoint: "GET /b"}, Amount: 7},
			}}},
		}
		want := 0.0
		if tt.explains {
			want = tt.unexplained / 10 / 2
		}
		got, _ := pauses(p, endpoint, tt.rollbacks, func(capacity.Key) float64 { return 0.5 })
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: explains %v requests in flight, want %v", tt.name, got, want)
		}
	}
}
