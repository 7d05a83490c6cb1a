package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// TestBeside: figures of the step that the first run was judged by, from both runs,
// whichever step the second one was judged by.
func TestBeside(t *testing.T) {
	before, after := failing(), failing()
	judged := before.Model.Step()
	endpoint := before.Bottleneck.Subject.Endpoint
	for i := range after.Model.Steps {
		s := &after.Model.Steps[i]
		if s.Users == judged.Users {
			s.Latency.P95, s.Throughput = 0.021, 123
			s.Endpoints = []capacity.EndpointStep{{Name: endpoint, Latency: capacity.Quantiles{P95: 0.034}}}
		}
	}
	after.Model.Judged = len(after.Model.Steps) - 1
	after.Model.Capacity = capacity.Capacity{}
	after.Bottleneck = nil
	rows := rowsOf(t, before, after)
	for _, want := range []string{
		"answered 97.1/s 123/s",
		"p95 of all requests 412 ms 21 ms",
		"34 ms",
		"carries 200 users, 78.4 requests/s not even the first step",
		"because of missing-index –",
	} {
		if !strings.Contains(rows, want) {
			t.Errorf("no %q in\n%s", want, rows)
		}
	}
}

// TestBesideWithout: a step that the second run never had is no figure of 0.
func TestBesideWithout(t *testing.T) {
	after := failing()
	after.Model.Steps = nil
	after.Model.Judged = -1
	if rows := rowsOf(t, failing(), after); !strings.Contains(rows, "p95 of all requests 412 ms –") {
		t.Errorf("no dash in\n%s", rows)
	}
}

// rowsOf returns the table with its columns one space apart.
func rowsOf(t *testing.T, before, after *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Beside(&b, before, after); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.Lines(b.String()) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(rows, "\n")
}
