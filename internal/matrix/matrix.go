// Package matrix holds scalecheck against what it should have said: every fault
// of the bundled app is switched on, the whole product is run on it as a user
// would, and the verdict is compared with the known answer.
//
// It reads nothing but report.json. What the faults do is in the reference app;
// what must be said about them is in Cases, and nowhere else.
package matrix

import (
	"slices"
	"strings"
)

// A Case is a fault, or a control without one, and the right answer.
type Case struct {
	Name  string   // of the fault; none is the healthy app
	Args  []string // of scalecheck run
	Want  Want
	About string // what the right answer is, in a few words
}

// Want is the right answer. Empty Cause means that nothing may be named.
type Want struct {
	Status  string
	Cause   string
	Bounds  []string
	Kind    string // of the subject
	Subject string // must be part of its name or detail
	// Endpoint must be the subject's, where it is given.
	Endpoint string
	// Statement is part of the text of the statement that is to blame, for
	// judging the baseline; empty where no statement is.
	Statement string
}

// Cases are all faults of the bundled app and the control. The load is the
// default of scalecheck run, for all of them the same.
var Cases = []Case{
	{
		Name: "missing-index", Args: []string{"--fault", "missing-index"}, About: "the query whose index is gone",
		Want: Want{
			Status: "fail", Cause: "missing-index", Bounds: []string{"cpu"}, Kind: "query", Subject: "notifications",
			Statement: "notifications",
		},
	},
	{
		Name: "n-plus-one", Args: []string{"--fault", "n-plus-one"}, About: "the dashboard and its repeated query",
		Want: Want{
			Status: "fail", Cause: "n-plus-one", Bounds: []string{"cpu", "network"}, Kind: "endpoint",
			Subject: "/api/v1/me/dashboard", Statement: "progress",
		},
	},
	{
		Name: "sync-email", Args: []string{"--fault", "sync-email"}, About: "smtp, endpoint register",
		Want: Want{
			Status: "fail", Cause: "blocking-side-effect", Bounds: []string{"external"}, Kind: "dependency",
			Subject: "smtp", Endpoint: "/api/v1/register",
		},
	},
	{
		Name: "queue-backlog", Args: []string{"--fault", "queue-backlog"}, About: "the grading jobs",
		Want: Want{Status: "fail", Cause: "queue-backlog", Bounds: []string{"workers"}, Kind: "job", Subject: "grade_submission"},
	},
	{
		Name: "hot-row", Args: []string{"--fault", "hot-row"}, About: "the counter's table and who holds it",
		Want: Want{
			Status: "fail", Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "table",
			Subject: "counter", Statement: "counter",
		},
	},
	{
		Name: "advisory-lock", Args: []string{"--fault", "advisory-lock"}, About: "the item views and their lock",
		Want: Want{
			Status: "fail", Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "endpoint",
			Subject: "/api/v1/items", Statement: "pg_advisory_xact_lock",
		},
	},
	{
		Name: "table-lock", Args: []string{"--fault", "table-lock"}, About: "the locked table and the script that locks it",
		Want: Want{
			Status: "fail", Cause: "lock-contention", Bounds: []string{"lock"}, Kind: "table", Subject: "notifications archive-script",
		},
	},
	{
		Name: "deadlock", Args: []string{"--fault", "deadlock"}, About: "the item views that lock in random order",
		Want: Want{
			Status: "fail", Cause: "transaction-conflicts", Bounds: []string{"lock"}, Kind: "endpoint",
			Subject: "/api/v1/items", Statement: "activity_counters",
		},
	},
	{
		Name: "call-in-transaction", Args: []string{"--fault", "call-in-transaction"}, About: "the item views that hold a connection",
		Want: Want{
			Status: "fail", Cause: "idle-in-transaction", Bounds: []string{"pool"}, Kind: "endpoint", Subject: "/api/v1/items",
		},
	},
	{
		Name: "small-pool", Args: []string{"--fault", "small-pool"}, About: "the web pool",
		Want: Want{Status: "fail", Cause: "small-pool", Bounds: []string{"pool"}, Kind: "station", Subject: "web"},
	},
	{
		Name: "per-row-commit", Args: []string{"--fault", "per-row-commit"}, About: "the item views that commit row by row",
		Want: Want{
			Status: "fail", Cause: "commit-bound", Bounds: []string{"io"}, Kind: "endpoint",
			Subject: "/api/v1/items", Statement: "reading_receipts",
		},
	},
	{
		Name: "connection-churn", Args: []string{"--fault", "connection-churn"}, About: "the connections that are opened",
		Want: Want{Status: "fail", Cause: "connection-churn", Bounds: []string{"cpu", "pool"}, Kind: "station", Subject: "connections"},
	},
	{
		Name: "throttled-crm", Args: []string{"--fault", "throttled-crm"}, About: "the CRM, endpoint register",
		Want: Want{
			Status: "fail", Cause: "blocking-side-effect", Bounds: []string{"external"}, Kind: "dependency",
			Subject: "127.0.0.1", Endpoint: "/api/v1/register",
		},
	},
	{
		Name: "fk-index", Args: []string{"--fault", "fk-index"}, About: "the delete, and the table that it reads for the foreign key",
		Want: Want{
			Status: "fail", Cause: "missing-index", Bounds: []string{"cpu"}, Kind: "query", Subject: "reading_events",
			Statement: "delete from readings",
		},
	},
	{
		Name: "stale-stats", Args: []string{"--fault", "stale-stats"}, About: "the query on the table that was not analyzed",
		Want: Want{
			Status: "fail", Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "message_reviews",
			Statement: "message_reviews",
		},
	},
	{
		Name: "generic-plan", Args: []string{"--fault", "generic-plan"}, About: "the query whose index is partial",
		Want: Want{
			Status: "fail", Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "notifications",
			Statement: "from notifications",
		},
	},
	{
		Name: "disabled-index-scan", Args: []string{"--fault", "disabled-index-scan"}, About: "the setting",
		Want: Want{Status: "fail", Cause: "index-unused", Bounds: []string{"cpu"}, Kind: "query", Subject: "enable_indexscan"},
	},
	{
		Name: "jit-on-short-queries", Args: []string{"--fault", "jit-on-short-queries"}, About: "the setting",
		Want: Want{Status: "fail", Cause: "jit-overhead", Bounds: []string{"cpu"}, Kind: "query", Subject: "jit"},
	},
	{
		Name: "deep-offset", Args: []string{"--fault", "deep-offset"}, About: "the feed's query",
		Want: Want{
			Status: "fail", Cause: "deep-offset", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events", Statement: "offset",
		},
	},
	{
		Name: "unindexable-search", Args: []string{"--fault", "unindexable-search"}, About: "the search for mentions",
		Want: Want{
			Status: "fail", Cause: "unindexable-search", Bounds: []string{"cpu"}, Kind: "query", Subject: "messages", Statement: "ilike",
		},
	},
	{
		Name: "disk-spill", Args: []string{"--fault", "disk-spill"}, About: "the ranking",
		Want: Want{
			Status: "fail", Cause: "disk-spill", Bounds: []string{"cpu", "io"}, Kind: "query", Subject: "grades", Statement: "rank()",
		},
	},
	{
		Name: "analytics-in-oltp", Args: []string{"--fault", "analytics-in-oltp"}, About: "the aggregate of the notifications page",
		Want: Want{
			Status: "fail", Cause: "analytics-in-oltp", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events",
			Endpoint: "/api/v1/notifications", Statement: "count(distinct user_id)",
		},
	},
	{
		Name: "over-fetching", Args: []string{"--fault", "over-fetching"}, About: "the dashboard's whole courses",
		Want: Want{
			Status: "fail", Cause: "over-fetching", Bounds: []string{"cpu", "network"}, Kind: "query", Subject: "courses",
			Endpoint: "/api/v1/me/dashboard", Statement: "from courses",
		},
	},
	{
		Name: "cache-absent", Args: []string{"--fault", "cache-absent"}, About: "the flags that all endpoints read",
		Want: Want{
			Status: "fail", Cause: "cache-absent", Bounds: []string{"cpu", "network"}, Kind: "query", Subject: "tenant_flags",
			Statement: "tenant_flags",
		},
	},
	{
		Name: "cache-stampede", Args: []string{"--fault", "cache-stampede"}, About: "the statement that fills the cache",
		Want: Want{
			Status: "fail", Cause: "cache-stampede", Bounds: []string{"cpu"}, Kind: "query", Subject: "activity_events",
			Endpoint: "/api/v1/me/dashboard", Statement: "count(distinct user_id)",
		},
	},
	{
		Name: "none", Args: []string{"--fault", "none"}, About: "nothing",
		Want: Want{Status: "pass"},
	},
}

// A Report is what is read of report.json.
type Report struct {
	Verdict struct {
		Status   string   `json:"status"`
		Headline string   `json:"headline"`
		Reasons  []string `json:"reasons"`
	} `json:"verdict"`
	Bottleneck *struct {
		Cause      string  `json:"cause"`
		Bound      string  `json:"bound"`
		Share      float64 `json:"share"`
		Confidence float64 `json:"confidence"`
		Subject    struct {
			Kind     string `json:"kind"`
			Name     string `json:"name"`
			Endpoint string `json:"endpoint"`
			Detail   string `json:"detail"`
		} `json:"subject"`
	} `json:"bottleneck"`
	Statements []struct {
		Text    string  `json:"text"`
		Seconds float64 `json:"seconds"`
	} `json:"statements"`
	Steps []struct {
		CPU struct {
			Cores   float64 `json:"cores"`
			Foreign float64 `json:"foreign"`
			Steal   float64 `json:"steal"`
		} `json:"cpu"`
	} `json:"steps"`
	Overhead struct {
		Share float64 `json:"share"`
	} `json:"overhead"`
	Coverage float64 `json:"coverage"`
}

// Noise returns the largest share of the machine that other processes had in a step.
func (r *Report) Noise() float64 {
	var worst float64
	for _, s := range r.Steps {
		if s.CPU.Cores > 0 {
			worst = max(worst, (s.CPU.Foreign+s.CPU.Steal)/s.CPU.Cores)
		}
	}
	return worst
}

// A Score is how right an answer is.
type Score struct {
	Status  bool // the verdict's status
	Entity  bool // the subject
	Class   bool // the bound
	Cause   bool // the analyzer
	Answers bool // something was named, or nothing had to be
}

// Right reports whether all of the answer is right.
func (s Score) Right() bool { return s.Status && s.Entity && s.Class && s.Cause }

// Judge compares a report with the right answer.
func Judge(w Want, r *Report) Score {
	s := Score{Status: r.Verdict.Status == w.Status}
	b := r.Bottleneck
	if w.Cause == "" {
		s.Entity, s.Class, s.Cause, s.Answers = b == nil, b == nil, b == nil, true
		return s
	}
	if b == nil {
		return s
	}
	s.Answers = true
	s.Cause = b.Cause == w.Cause
	s.Class = slices.Contains(w.Bounds, b.Bound)
	s.Entity = b.Subject.Kind == w.Kind && strings.Contains(b.Subject.Name+" "+b.Subject.Detail, w.Subject) &&
		strings.Contains(b.Subject.Endpoint, w.Endpoint)
	return s
}

// FaultOf returns which of the faults the bottleneck of the report is the right
// answer for, and "" for none of them.
func FaultOf(r *Report, faults []string) string {
	for _, c := range Cases {
		if !slices.Contains(faults, c.Name) {
			continue
		}
		if s := Judge(c.Want, r); s.Answers && s.Cause && s.Entity {
			return c.Name
		}
	}
	return ""
}

// Baseline is what "the statement with the largest total_exec_time" would have
// answered: its text, and whether that is what is to blame.
func Baseline(w Want, r *Report) (text string, right bool) {
	var most float64
	for _, s := range r.Statements {
		if s.Seconds > most {
			text, most = s.Text, s.Seconds
		}
	}
	return text, w.Statement != "" && strings.Contains(text, w.Statement)
}
