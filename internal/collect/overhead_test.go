package collect

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

// Parsing is what costs: of a page of two hundred families only ours may get there.
func TestKeepFamilies(t *testing.T) {
	var page bytes.Buffer
	for n := range 200 {
		fmt.Fprintf(&page, "# HELP go_family_%d of the runtime\n# TYPE go_family_%d histogram\n", n, n)
		for b := range 20 {
			fmt.Fprintf(&page, "go_family_%d_bucket{le=\"%d\",db_client_connection_count=\"no\"} 1\n", n, b)
		}
	}
	ours := `# TYPE db_client_connection_count gauge
db_client_connection_count{db_client_connection_pool_name="web",db_client_connection_state="used"} 4
# TYPE "db.client.connection.max" gauge
{"db.client.connection.max",pool_name="web"} 10
`
	page.WriteString("\n# HELP db_client_connection_count of the pool\n" + ours)
	for _, tt := range []struct {
		name   string
		wanted []string
		want   string
	}{
		{"all of ours", families, ours},
		{"gauges", gauges, ours[:strings.Index(ours, `# TYPE "db`)]},
	} {
		got, err := keepFamilies(bytes.NewReader(page.Bytes()), tt.wanted)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %d of %d bytes are left, %v:\n%s", tt.name, len(got), page.Len(), err, got)
		}
	}
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := keepFamilies(bytes.NewReader(page.Bytes()), gauges); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 10 { // for 4,000 lines
		t.Errorf("%v allocations a page", allocs)
	}
}

func TestKeepFamiliesLongLines(t *testing.T) {
	long := "db_client_connection_max{pool=\"" + strings.Repeat("x", 100_000) + "\"} 1\n"
	other := "other{pool=\"" + strings.Repeat("db_client_connection_max", 5_000) + "\"} 1\n"
	got, err := keepFamilies(strings.NewReader(other+long+other), families)
	if err != nil || string(got) != long {
		t.Errorf("%d bytes, %v; want the long line of %d", len(got), err, len(long))
	}
}

// What costs more than its share slows down and says so; what does not, stays.
func TestLimit(t *testing.T) {
	window := func(run float64) *evidence.Window {
		return &evidence.Window{
			Phase: evidence.Measure, Length: 10, Host: &evidence.Host{Cores: 2},
			Processes: []evidence.Process{{Role: evidence.App, Run: 15}, {Role: evidence.Recorder, Run: run}, {Role: evidence.OwnServer, Run: 0.05}},
		}
	}
	s := &Set{hub: &hub{}}
	cheap := window(0.1) // 0.15 s of 20
	s.limit(cheap)
	if got := s.hub.paced(sampleInterval); got != sampleInterval || len(cheap.Caveats) > 0 {
		t.Errorf("cheap: every %s, %q", got, cheap.Caveats)
	}
	dear := window(0.35)
	s.limit(dear)
	if got := s.hub.paced(sampleInterval); got != 2*sampleInterval {
		t.Errorf("dear: every %s", got)
	}
	wantCaveat(t, *dear, "observing took 2.0 % of the machine's CPU, more than 1 %: from here on sessions are sampled every 100ms")
	idle := window(5)
	idle.Phase = evidence.Baseline // nobody is disturbed
	s.limit(idle)
	if got := s.hub.paced(sampleInterval); got != 2*sampleInterval {
		t.Errorf("without load: every %s", got)
	}
	for range 10 {
		s.limit(window(5))
	}
	if got := s.hub.paced(sampleInterval); got != 4*sampleInterval {
		t.Errorf("at the end: every %s", got)
	}
}
