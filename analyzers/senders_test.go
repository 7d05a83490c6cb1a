package analyzers

import (
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

func TestSenders(t *testing.T) {
	session := func(statement, application, sender string, aas float64) evidence.Activity {
		return evidence.Activity{Statement: statement, State: "active", Backend: "client backend", Application: application, Sender: sender, AAS: aas}
	}
	latency := evidence.NewHistogram()
	latency.RecordN(time.Second, 200)
	for _, tt := range []struct {
		name         string
		activity     []evidence.Activity
		speaks, says string // for, against
	}{
		{"nobody says anything", []evidence.Activity{session("1", "web", "", 2)}, "", ""},
		{"the same endpoint", []evidence.Activity{session("1", "web", "/a/{}", 2)}, "work for /a/{} 1.00", ""},
		{"most of them", []evidence.Activity{session("1", "web", "/a/{}", 3), session("1", "web", "/b", 1)}, "work for /a/{} 0.75", ""},
		{"another endpoint", []evidence.Activity{session("1", "web", "/b", 2)}, "", "work for /b 1.00"},
		{"a controller", []evidence.Activity{session("1", "web", "a#show", 1), session("1", "web", "", 1)}, "work for a#show 0.50", "do not say whom they work for 0.50"},
		{"two applications", []evidence.Activity{session("1", "worker", "", 3), session("1", "web", "", 1), session("2", "web", "", 9)}, "of application worker 0.75", ""},
	} {
		w := evidence.Window{
			Phase: evidence.Measure, Length: 10,
			Endpoints: []evidence.Endpoint{{Name: "GET /a/{id}", Requests: 200, Latency: latency}, {Name: "GET /b", Requests: 200, Latency: latency}},
			Sessions:  &evidence.SessionStats{Samples: 100, Planned: 100, Activity: tt.activity},
		}
		m, err := capacity.Fit(&evidence.Run{Windows: []evidence.Window{w}})
		if err != nil {
			t.Fatal(err)
		}
		f := Finding{Subject: Subject{Statement: "1", Endpoint: "GET /a/{id}"}}
		senders(m.Step(), w, &f)
		if got := figures(f.Exhibits); !holds(got, tt.speaks) {
			t.Errorf("%s: for it: %q, want %q", tt.name, got, tt.speaks)
		}
		if got := figures(f.Against); !holds(got, tt.says) {
			t.Errorf("%s: against it: %q, want %q", tt.name, got, tt.says)
		}
	}
}

func holds(got, want string) bool { return strings.HasSuffix(got, want) && (want != "" || got == "") }
