package k6ext

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const callScenario = `{
  version: 1, name: 'calls',
  endpoints: [{ name: 'x', method: 'GET', path: '/things/7' }],
  personas: [
    { name: 'one', share: 0.5, start: ['x'] },
    { name: 'two', share: 0.5, start: ['x', 'x'] },
  ],
}`

// runCalls runs a script of two VUs who call visit() and log what it returns.
func runCalls(t *testing.T, target, options, body string, args ...string) (out string, status int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.js")
	text := fmt.Sprintf(`
import { journey } from 'k6/x/scalecheck';
export const options = { vus: 2, iterations: 10 };
const visit = journey({ scenario: %s, target: __ENV.BASE_URL, %s });
export default function () { %s }
`, callScenario, options, body)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runK6(t, []string{"BASE_URL=" + target}, append(append([]string{"run", "--quiet", "--address="}, args...), path)...)
}

// Calls give k6's outputs what the executor gives them, and ours the same
// requests; sessions are numbered across VUs and personas have their shares.
func TestJourneyCalls(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	connections := map[string]bool{}
	a := newApp(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr] = true
	})
	points := filepath.Join(t.TempDir(), "k6.json")
	ticks := filepath.Join(t.TempDir(), "ticks.ndjson")
	out, status := runCalls(t, a.URL, "seed: 3", "console.log('visit ' + JSON.stringify(visit()))", "--out", "json="+points, "--out", "scalecheck="+ticks)
	if status != 0 {
		t.Fatalf("status %d:\n%s", status, out)
	}
	if len(connections) > 2 {
		t.Errorf("two VUs had %d connections", len(connections))
	}
	// Of ten sessions five are of each persona: fifteen requests.
	if n := a.count("GET /things/7"); n != 15 {
		t.Errorf("the server counted %d requests, want 15", n)
	}
	if n := sumJSON(t, points, "http_reqs"); n != 15 {
		t.Errorf("k6's json output saw %d http_reqs, want 15", n)
	}
	b, err := os.ReadFile(ticks)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"name":"GET /things/7"`) {
		t.Errorf("our output has no endpoint:\n%s", b)
	}
	for i := 1; i <= 10; i++ {
		if n := strings.Count(out, fmt.Sprintf(`\"session\":%d,`, i)) + strings.Count(out, fmt.Sprintf(`\"session\":%d}`, i)); n != 1 {
			t.Errorf("session %d was walked %d times:\n%s", i, n, out)
		}
	}
}

// What k6 refuses to reach is not reached, and counts as failed.
func TestJourneyCallsAreGuarded(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	out, status := runCalls(t, a.URL, "persona: 'one'", "const v = visit(); if (v.persona !== 'one' || v.failed !== 1) { throw new Error(JSON.stringify(v)) }", "--blacklist-ip", "127.0.0.0/8")
	if status != 0 || strings.Contains(out, "level=error") || a.count("") != 0 {
		t.Errorf("status %d, %d requests:\n%s", status, a.count(""), out)
	}
}

func TestJourneyMisused(t *testing.T) {
	t.Parallel()
	a := newApp(t, nil)
	for _, tt := range []struct{ name, options, body, want string }{
		{"unknown persona", "persona: 'three'", "visit()", `no persona \"three\"`},
		{"unknown option", "sed: 1", "visit()", "sed"},
		{"made in an iteration", "seed: 1", "journey({})", "outside of the functions"},
	} {
		if out, _ := runCalls(t, a.URL, tt.options, tt.body); !strings.Contains(out, tt.want) {
			t.Errorf("%s: want %q in:\n%s", tt.name, tt.want, out)
		}
	}
}

// sumJSON sums a metric in a file of k6's json output.
func sumJSON(t *testing.T, file, metric string) (n int64) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var p struct {
			Metric, Type string
			Data         struct{ Value float64 }
		}
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		if p.Type == "Point" && p.Metric == metric {
			n += int64(p.Data.Value)
		}
	}
	return n
}
