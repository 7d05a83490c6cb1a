package matrix

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

func report(t *testing.T, text string) *Report {
	t.Helper()
	var r Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

const (
	counter   = `{"cause": "lock-contention", "bound": "lock", "subject": {"kind": "table", "name": "site_counters", "endpoint": "GET /api/v1/items/{id}", "statement": "7"}}`
	mail      = `{"cause": "blocking-side-effect", "bound": "external", "subject": {"kind": "dependency", "name": "smtp", "endpoint": "POST /api/v1/register"}}`
	crm       = `{"cause": "blocking-side-effect", "bound": "external", "subject": {"kind": "dependency", "name": "127.0.0.1:4", "endpoint": "POST /api/v1/register"}}`
	slowQuery = `{"cause": "busiest-station", "bound": "cpu", "subject": {"kind": "query", "name": "select 1"}}`
)

func TestJudge(t *testing.T) {
	quiet := Want{Status: "inconclusive", Reason: "too short"}
	for _, tt := range []struct {
		name   string
		want   Want
		report string
		right  bool
	}{
		{"right", blame(hotRow), `{"verdict": {"status": "fail"}, "bottleneck": ` + counter + `, "findings": [` + counter + `]}`, true},
		{"another dependency", blame(syncEmail), `{"verdict": {"status": "fail"}, "bottleneck": ` + crm + `, "findings": [` + crm + `]}`, false},
		{"second", blame(hotRow), `{"verdict": {"status": "fail"}, "bottleneck": ` + slowQuery + `, "findings": [` + slowQuery + `,` + counter + `]}`, false},
		{"silent about a fault", blame(hotRow), `{"verdict": {"status": "inconclusive"}}`, false},
		{"healthy", Want{Status: "pass"}, `{"verdict": {"status": "pass"}}`, true},
		{"healthy, and blamed", Want{Status: "pass"}, `{"verdict": {"status": "fail"}, "bottleneck": ` + slowQuery + `}`, false},
		{"the reason", quiet, `{"verdict": {"status": "inconclusive", "reasons": ["a", "it was too short"]}}`, true},
		{"another reason", quiet, `{"verdict": {"status": "inconclusive", "reasons": ["a noisy host"]}}`, false},
		{"the reason, and blamed", quiet, `{"verdict": {"status": "inconclusive", "reasons": ["too short"]}, "bottleneck": ` + slowQuery + `}`, false},
		{"two", blame(hotRow, syncEmail), `{"verdict": {"status": "fail"}, "bottleneck": ` + mail + `, "findings": [` + mail + `,` + counter + `]}`, true},
		{"one of two", blame(hotRow, syncEmail), `{"verdict": {"status": "fail"}, "bottleneck": ` + mail + `, "findings": [` + mail + `,` + slowQuery + `,` + counter + `]}`, false},
	} {
		if got := Judge(tt.want, report(t, tt.report)); got.Right() != tt.right {
			t.Errorf("%s: right %v, want %v: %+v", tt.name, got.Right(), tt.right, got)
		}
	}
	second := Judge(blame(hotRow), report(t, `{"verdict": {"status": "fail"}, "bottleneck": `+slowQuery+`, "findings": [`+slowQuery+`,`+counter+`]}`))
	if !second.Top3 || !second.Answers || second.Entity || second.Class {
		t.Errorf("the right finding in second place: %+v", second)
	}
}

// What each baseline says, and for whom it is right.
func TestBaselines(t *testing.T) {
	const hot = `{
		"judged": 1, "bottleneck": ` + counter + `, "findings": [` + counter + `],
		"statements": [{"id": "1", "text": "select 1", "seconds": 2}, {"id": "7", "text": "update site_counters set value", "seconds": 9}],
		"endpoints": [{"name": "GET /api/v1/items/{id}", "statements": [{"id": "1", "load": 0.5}, {"id": "7", "load": 8}]}],
		"dependencies": [{"name": "smtp"}], "jobs": [{"kind": "grade_submission"}],
		"pools": [{"name": "web", "max": 20, "in_use": 19}],
		"steps": [
			{"requests": 800, "in_flight": 1,
			 "stations": [{"name": "postgres cpu", "bound": "cpu", "load": 0.8, "utilization": 0.3}],
			 "judgments": [{"objective": "p95<300ms", "endpoint": "GET /api/v1/items/{id}", "got": 0.02, "n": 400}]},
			{"requests": 1600, "in_flight": 10,
			 "stations": [{"name": "locks", "bound": "lock", "load": 8, "utilization": null}, {"name": "postgres cpu", "bound": "cpu", "load": 1.5, "utilization": 0.6}],
			 "judgments": [{"objective": "p95<300ms", "endpoint": "GET /api/v1/items/{id}", "got": 0.5, "n": 800}]}
		]}`
	// The station grows from none to eight requests: far more of its own standard
	// deviations than the percentile.
	want := map[string]Guess{
		// Its statement, the endpoint that sends it, the locks; only these say that it waits.
		"random pick":             {Says: "one of 8", Entity: 3. / 8, Right: 1. / 8},
		"highest utilization":     {Says: "pool web"},
		"largest total_exec_time": {Says: "query update site_counters set value", Entity: 1},
		"largest wait class":      {Says: "station locks", Entity: 1, Right: 1},
		"largest z-score":         {Says: "station locks", Entity: 1, Right: 1},
	}
	for _, g := range guesses(blame(hotRow), report(t, hot)) {
		w := want[g.Baseline]
		if g.Says != w.Says || math.Abs(g.Right-w.Right) > 1e-9 || math.Abs(g.Entity-w.Entity) > 1e-9 {
			t.Errorf("%+v; want %+v", g, w)
		}
	}
	for _, g := range guesses(Want{Status: "pass"}, report(t, hot)) {
		if g.Right != 0 || g.Entity != 0 {
			t.Errorf("%s is right about a healthy app", g.Baseline)
		}
	}
	for _, g := range guesses(blame(hotRow), &Report{}) {
		if g.Says != "nothing" || g.Right != 0 {
			t.Errorf("%s says %q of nothing", g.Baseline, g.Says)
		}
	}
}

func TestLeads(t *testing.T) {
	r := report(t, `{"findings": [{"cause": "jit-overhead", "bound": "cpu", "subject": {"kind": "query", "name": "select 2", "detail": "jit", "statement": "2"}}]}`)
	pool := Lookup("small-pool").Want.Culprits[0]
	for _, tt := range []struct {
		answer  Answer
		culprit Culprit
		want    bool
	}{
		{Answer{Kind: "pool", Name: "web"}, pool, true},
		{Answer{Kind: "pool", Name: "worker"}, pool, false},
		{Answer{Kind: "station", Name: "connection pool"}, pool, true},
		{Answer{Kind: "station", Name: "connection pool"}, hotRow, false},
		{Answer{Kind: "dependency", Name: "smtp"}, syncEmail, true},
		{Answer{Kind: "station", Name: "smtp"}, syncEmail, true},
		{Answer{Kind: "endpoint", Name: "POST /api/v1/register"}, syncEmail, true},
		{Answer{Kind: "endpoint", Name: "POST /api/v1/login"}, syncEmail, false},
		{Answer{Kind: "job", Name: "grade_submission"}, Lookup("queue-backlog").Want.Culprits[0], true},
		// The setting is to blame; the statement of the right finding has it in its plan.
		{Answer{Kind: "query", Name: "select 2", ID: "2"}, Lookup("jit-on-short-queries").Want.Culprits[0], true},
		{Answer{Kind: "query", Name: "select 1", ID: "1"}, Lookup("jit-on-short-queries").Want.Culprits[0], false},
	} {
		if got := leads(tt.answer, tt.culprit, r); got != tt.want {
			t.Errorf("%+v leads to %s: %v, want %v", tt.answer, tt.culprit.Cause, got, tt.want)
		}
	}
}

// The cases are as the rest of the package takes them to be.
func TestCases(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Cases {
		if names[c.Name] {
			t.Errorf("two cases %s", c.Name)
		}
		names[c.Name] = true
		if c.Want.Status == "inconclusive" && c.Want.Reason == "" {
			t.Errorf("%s: any reason would be right", c.Name)
		}
		for _, cu := range c.Want.Culprits {
			if cu.Cause == "" || cu.Kind == "" || cu.Subject == "" || len(cu.Bounds) == 0 || slices.Contains(cu.Bounds, "") {
				t.Errorf("%s: too little is asked: %+v", c.Name, cu)
			}
		}
	}
}
