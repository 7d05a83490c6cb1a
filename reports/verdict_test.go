package reports

import (
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

// How a run ended is said with the reason, in the verdict and beside it.
func TestHowItEnded(t *testing.T) {
	for _, tt := range []struct {
		name   string
		end    *evidence.End
		unread int
		want   string
	}{
		{"killed", nil, 1, "cut short"},
		{"interrupted", &evidence.End{Reason: evidence.Interrupted, Detail: "SIGINT"}, 0, "interrupted: SIGINT"},
		{"lost", &evidence.End{Reason: evidence.TargetLost, Detail: "it stopped answering"}, 0, "target lost: it stopped answering"},
		{"without more to say", &evidence.End{Reason: evidence.Interrupted}, 0, "interrupted"},
		{"damaged", &evidence.End{Reason: evidence.Completed}, 2, "2 records could not be read"},
	} {
		r, err := New(&evidence.Run{End: tt.end, Unread: tt.unread}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.Verdict.Reasons, "\n"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: reasons %q, want %q", tt.name, got, tt.want)
		}
		if r.Verdict.Status != Inconclusive {
			t.Errorf("%s: %s", tt.name, r.Verdict.Status)
		}
	}
}
