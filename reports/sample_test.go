package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Reports that tests print. They are made up, but consistent: loads of a step
// add up, quantiles rise, and the failing one is what a missing index looks like.

var sampleTime = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

const (
	rosterSQL  = "SELECT e.id, u.name, e.state FROM enrollments e JOIN users u ON u.id = e.user_id WHERE e.course_id = $1 AND e.state = $2 ORDER BY e.updated_at DESC LIMIT $3"
	inboxSQL   = "SELECT body, sent_at FROM messages WHERE thread_id = $1 ORDER BY sent_at DESC LIMIT $2"
	sessionSQL = "SELECT user_id, role FROM sessions WHERE token = $1"
	submitSQL  = "INSERT INTO submissions (course_id, user_id, body) VALUES ($1, $2, $3) RETURNING id"
	countSQL   = "SELECT count(*) FROM notifications WHERE user_id = $1 AND seen_at IS NULL"
	jobSQL     = "UPDATE river_job SET state = $1, attempted_at = now() WHERE id = ANY ($2)"
)

// failing is a run in which an index is missing.
func failing() *Report {
	users := []float64{50, 100, 200, 300, 400, 600}
	p95 := []float64{0.031, 0.034, 0.052, 0.412, 0.918, 1.94}
	r := &evidence.Run{
		Format: evidence.Format, Tool: "scalecheck 0.1.0", Started: sampleTime,
		Plan: scenarios.Plan{
			Name: "student-week", Kind: scenarios.Journeys, Source: "builtin:lms", Target: "http://127.0.0.1:8080", Seed: 42,
			SHA256:     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Objectives: []scenarios.Objective{{Quantile: 0.95, Limit: 0.3}, {Errors: 0.01}},
			Follows:    map[string][]string{"POST /submissions": {"GET /inbox"}},
		},
		Bundled: &evidence.Bundled{Faults: []string{"missing-index"}, Size: "S", Seed: 42},
		Environment: evidence.Environment{
			Cores: 2, MemoryBytes: 8 << 30, Kernel: "Linux 6.1.0", CPU: "AMD EPYC 7B13", Postgres: "15.18",
			PostgresLocal: true, TargetLocal: true, DatabaseBytes: 912_340_000,
			Settings:   map[string]string{"shared_buffers": "128MB", "work_mem": "4MB", "track_io_timing": "on"},
			Extensions: map[string]string{"pg_stat_statements": "1.10"},
		},
		Missing: map[evidence.Kind][]string{
			evidence.Calls: {"the app's /metrics has no http.client.request.duration"},
		},
		Texts: map[string]evidence.Text{},
		Overhead: evidence.Overhead{
			CPUSeconds: 3.1, DatabaseCalls: 4180, DatabaseSeconds: 1.9, Share: 0.0086,
		},
		End: &evidence.End{Reason: evidence.Completed, At: sampleTime.Add(186 * time.Second)},
	}
	for id, sql := range map[string]string{"a1": rosterSQL, "b2": inboxSQL, "c3": sessionSQL, "d4": submitSQL, "e5": countSQL, "f6": jobSQL} {
		r.Texts[id] = evidence.Text{SQL: sql, Fingerprint: "fp-" + id, Kind: sql[:6]}
	}
	for _, name := range []string{"enrollments", "users", "messages", "sessions", "submissions", "notifications", "river_job"} {
		r.Catalog = append(r.Catalog, evidence.Table{Schema: "public", Name: name})
	}
	r.Footprints = []evidence.Footprint{
		{Endpoint: "GET /courses/{id}/roster", Requests: 5, Seconds: 0.024, Statements: []evidence.FootprintStatement{
			{ID: "a1", Calls: 1, Rows: 25, Blocks: 4210, Seconds: 0.019}, {ID: "c3", Calls: 1, Rows: 1, Blocks: 4, Seconds: 0.00008}, {ID: "e5", Calls: 1, Rows: 1, Blocks: 12, Seconds: 0.0002},
		}},
		{Endpoint: "GET /inbox", Requests: 5, Seconds: 0.018, Statements: []evidence.FootprintStatement{
			{ID: "b2", Calls: 26, Rows: 26, Blocks: 156, Seconds: 0.0061}, {ID: "c3", Calls: 1, Rows: 1, Blocks: 4, Seconds: 0.00008}, {ID: "e5", Calls: 1, Rows: 1, Blocks: 12, Seconds: 0.0002},
		}},
		{Endpoint: "POST /submissions", Requests: 5, Seconds: 0.006, Statements: []evidence.FootprintStatement{
			{ID: "d4", Calls: 1, Rows: 1, Blocks: 9, Seconds: 0.0007}, {ID: "c3", Calls: 1, Rows: 1, Blocks: 4, Seconds: 0.00008},
		}, Calls: []evidence.FootprintCall{{Dependency: "smtp", System: "smtp", Calls: 0.2, Seconds: 0.004}}},
		{Endpoint: "GET /healthz", Requests: 5, Seconds: 0.0007},
	}
	m := &capacity.Model{
		Judged: 3,
		Capacity: capacity.Capacity{
			Users: 200, RPS: 78.4, NextUsers: 300, NextRPS: 97.2, LimitedBy: capacity.CPU,
		},
		Knee: capacity.Knee{Users: 262, RPS: 96, Ceiling: 101, Resource: "postgres cpu"},
		Gates: []capacity.Gate{
			{Name: "duration", OK: true}, {Name: "samples", OK: true}, {Name: "generator", OK: true},
			{Name: "host", OK: true}, {Name: "statistics", OK: true}, {Name: "coverage", OK: true},
		},
		Caveats: []string{"the machine's two cores are shared by the app, PostgreSQL and the load generator"},
	}
	for i, u := range users {
		rps := math.Min(u*0.392, 96+float64(i)*0.4)
		r.Plan.Stages = append(r.Plan.Stages, scenarios.Stage{Users: u, Settle: 5, Measure: 25})
		q := func(f float64, n int64) capacity.Quantiles {
			p := p95[i] * f
			return capacity.Quantiles{N: n, Mean: p * 0.45, P50: p * 0.33, P95: p, P99: p * 1.8, Max: p * 3.1}
		}
		n := int64(rps * 25)
		s := capacity.Step{
			Index: i, Users: u, Seconds: 25, Requests: n, Failed: int64(i), Throughput: rps - float64(i)/25,
			Latency: q(1, n), InFlight: rps * p95[i] * 0.45, Status: capacity.Met,
			CPU: capacity.CPUUse{
				Cores: 2, App: 0.31 * rps / 96, Postgres: math.Min(1.42, 0.0148*rps), Generator: 0.11 * rps / 96, Recorder: 0.02,
				Foreign: 0.01, PostgresQueue: rps * p95[i] * 0.2,
			},
		}
		busy := math.Min(0.98, 0.0098*rps)
		load := s.InFlight
		s.Unattributed = 0.06 * load
		s.Coverage = 0.94
		wait := math.Min(0.5, 0.05+float64(i)*0.1)
		s.Stations = []capacity.Station{
			{Name: "postgres cpu", Bound: capacity.CPU, Load: load * (0.70 - wait/2), Utilization: busy, Demand: 0.0148},
			{Name: "app pool", Bound: capacity.Pool, Load: load * wait / 2, Utilization: math.Min(1, busy*1.05), Demand: 0},
			{Name: "app cpu", Bound: capacity.CPU, Load: load * 0.12, Utilization: 0.16, Demand: 0.0032},
			{Name: "postgres io", Bound: capacity.IO, Load: load * 0.07, Utilization: -1, Demand: 0.0008},
			{Name: "commit", Bound: capacity.IO, Load: load * 0.03, Utilization: -1},
			{Name: "smtp", Bound: capacity.External, Load: load * 0.02, Utilization: -1},
		}
		roster := q(1.9, n*3/10)
		s.Endpoints = []capacity.EndpointStep{
			{Name: "GET /courses/{id}/roster", Requests: n * 3 / 10, Failed: int64(i), Errors: map[string]int64{"timeout": int64(i)}, Throughput: rps * 0.3, Latency: roster, InFlight: load * 0.72, Status: capacity.Met},
			{Name: "GET /inbox", Requests: n * 4 / 10, Throughput: rps * 0.4, Latency: q(0.6, n*4/10), InFlight: load * 0.2, Status: capacity.Met},
			{Name: "POST /submissions", Requests: n / 10, Throughput: rps * 0.1, Latency: q(0.3, n/10), InFlight: load * 0.05, Status: capacity.Met},
			{Name: "GET /healthz", Requests: n * 2 / 10, Throughput: rps * 0.2, Latency: q(0.05, n*2/10), InFlight: load * 0.03, Status: capacity.Met},
		}
		for j := range s.Endpoints {
			e := &s.Endpoints[j]
			v := capacity.Judgement{Objective: r.Plan.Objectives[0], Endpoint: e.Name, Status: capacity.Met, Got: e.Latency.P95, Limit: 0.3, N: e.Requests, Failed: e.Failed}
			if v.Got > v.Limit {
				v.Status, e.Status, s.Status = capacity.Missed, capacity.Missed, capacity.Missed
			}
			s.Verdicts = append(s.Verdicts, v, capacity.Judgement{
				Objective: r.Plan.Objectives[1], Endpoint: e.Name, Status: capacity.Met, Got: float64(e.Failed) / float64(e.Requests), Limit: 0.01, N: e.Requests, Failed: e.Failed,
			})
		}
		s.Workload = capacity.Workload{
			Mix: []capacity.MixShare{
				{Endpoint: "GET /courses/{id}/roster", Intended: 0.3, Delivered: 0.3}, {Endpoint: "GET /inbox", Intended: 0.42, Delivered: 0.4},
				{Endpoint: "POST /submissions", Intended: 0.1, Delivered: 0.1}, {Endpoint: "GET /healthz", Intended: 0.18, Delivered: 0.2},
			},
			Shift: 0.02, Limit: 0.19, Requests: n, Offered: n / 10, Sessions: n / 10,
		}
		s.Paths = []capacity.PathStep{{Name: "log in and read the inbox", Walked: n / 20, Failed: int64(i), Latency: q(1.4, n/20), Status: capacity.Met}}
		s.Ledger = &capacity.Ledger{Time: []capacity.Entry{
			{Key: capacity.Key{Class: capacity.ClassCPU, Endpoint: "GET /courses/{id}/roster", Statement: "a1"}, Amount: load * 0.51},
			{Key: capacity.Key{Class: capacity.ClassIO, Endpoint: "GET /courses/{id}/roster", Statement: "a1"}, Amount: load * 0.06},
			{Key: capacity.Key{Class: capacity.ClassCPU, Endpoint: "GET /inbox", Statement: "b2"}, Amount: load * 0.11},
			{Key: capacity.Key{Class: capacity.ClassCPU, Endpoint: "GET /inbox", Statement: "c3"}, Amount: load * 0.01},
			{Key: capacity.Key{Class: capacity.ClassCPU, Endpoint: "GET /inbox", Statement: "e5"}, Amount: load * 0.008},
			{Key: capacity.Key{Class: capacity.ClassCommit, Endpoint: "POST /submissions", Statement: "d4"}, Amount: load * 0.03},
		}}
		m.Steps = append(m.Steps, s)
		r.Windows = append(r.Windows, sampleWindow(i, u, rps))
	}
	f := []analyzers.Finding{
		{
			Cause: "missing-index", Bound: capacity.CPU,
			Subject: analyzers.Subject{Kind: analyzers.Query, Name: rosterSQL, Endpoint: "GET /courses/{id}/roster", Statement: "a1"},
			Message: "one statement reads 1.2 million rows of enrollments to return 25, 1 750 times a minute: 57 % of the requests in flight are in it",
			Load:    10.3, Share: 0.57, Confidence: 0.93,
			Exhibits: []analyzers.Exhibit{
				{Name: "rows read for one returned", Value: 48000, Unit: "rows", Source: "pg_stat_user_tables"},
				{Name: "blocks a call", Value: 4210, Unit: "blocks", Source: "pg_stat_statements"},
				{Name: "execution alone", Value: 0.019, Unit: "s", Source: "isolation probe"},
				{Name: "part of the database's time", Value: 0.78, Unit: "share", Source: "pg_stat_activity, 500 samples"},
			},
			Remedy: &analyzers.Remedy{
				Title: "index the columns that the statement compares and sorts by",
				SQL:   "CREATE INDEX CONCURRENTLY enrollments_course_state_updated\n    ON enrollments (course_id, state, updated_at DESC);\nANALYZE enrollments;",
			},
			Against: []analyzers.Exhibit{
				{Name: "these requests' time that nothing explains", Value: 0.06, Unit: "share", Source: "latency less all that was attributed"},
				{Name: "sampling error of the share (95 %)", Value: 0.043, Unit: "share", Source: "binomial, 500 looks at pg_stat_activity"},
			},
			Rival:   &analyzers.Rival{Cause: "n-plus-one", Name: "GET /inbox", Share: 0.11},
			Caveats: []string{"the table is scanned by one more statement, which the index does not help", "writes to enrollments get about 1 % dearer (not measured)"},
		},
		{
			Cause: "n-plus-one", Bound: capacity.CPU,
			Subject: analyzers.Subject{Kind: analyzers.Endpoint, Name: "GET /inbox", Endpoint: "GET /inbox", Statement: "b2", Detail: inboxSQL},
			Message: "GET /inbox sends one statement for every thread it shows: 26 a request, 60 600 a minute",
			Load:    2, Share: 0.11, Confidence: 0.81,
			Exhibits: []analyzers.Exhibit{{Name: "calls a request", Value: 26, Source: "isolation probe"}, {Name: "calls", Value: 1010, Unit: "1/s", Source: "pg_stat_statements"}},
			Remedy:   &analyzers.Remedy{Title: "fetch the last message of all threads with one statement (DISTINCT ON or a lateral join)"},
		},
		{
			Cause: "queue-backlog", Bound: capacity.Workers, Fails: true,
			Subject: analyzers.Subject{Kind: analyzers.Job, Name: "send_email", Detail: "queue default"},
			Message: "send_email jobs arrive faster (6.1/s) than two workers finish them (3.9/s): 412 wait, the oldest for 94 s",
			Load:    0, Share: 0, Confidence: 0.88,
			Exhibits: []analyzers.Exhibit{{Name: "waiting", Value: 412, Unit: "jobs", Source: "river_job"}, {Name: "work", Value: 0.51, Unit: "s", Source: "river_job"}},
			Remedy:   &analyzers.Remedy{Title: "give the queue four workers, or make a job faster"},
		},
	}
	rep := &Report{
		Run: r, File: "out/scalecheck.run", Model: m, Findings: f,
		Skipped: []analyzers.Skip{{Analyzer: "blocking-side-effect", Reason: "needs outgoing calls, which could not be measured"}},
		Verdict: Verdict{
			Status: Fail, Headline: "It carries 200 users; at 300 GET /courses/{id}/roster answers in 783 ms (p95, limit 300 ms), held up by a missing index",
			Reasons: []string{
				"GET /courses/{id}/roster misses p95<300ms at 300 users: 783 ms",
				"57 % of the requests in flight are in one statement on enrollments",
			},
			Exit: 1,
		},
	}
	rep.Bottleneck = &rep.Findings[0]
	return rep
}

func sampleWindow(step int, users, rps float64) evidence.Window {
	lag := evidence.NewHistogram()
	lag.RecordN(900*time.Microsecond, 980)
	lag.RecordN(2100*time.Microsecond, 20)
	st := func(id string, perSecond, mean, rows, blocks float64) evidence.Statement {
		calls := perSecond * 25
		return evidence.Statement{ID: id, Calls: calls, Seconds: calls * mean, Rows: calls * rows, Hit: calls * blocks * 0.97, Read: calls * blocks * 0.03}
	}
	return evidence.Window{
		Phase: evidence.Measure, Step: step, Start: sampleTime.Add(time.Duration(step) * 30 * time.Second), Length: 25, Users: users,
		Generator: evidence.Generator{Clock: evidence.IntendedStart, Started: int64(rps * 25), Completed: int64(rps * 25), Lag: lag},
		Statements: []evidence.Statement{
			st("a1", rps*0.3, 0.046, 25, 4210), st("b2", rps*0.4*26, 0.00034, 1, 6), st("c3", rps*0.8, 0.00012, 1, 4),
			st("d4", rps*0.1, 0.0011, 1, 9), st("e5", rps*0.7, 0.0002, 1, 12), st("f6", 4, 0.0009, 1, 21),
			{ID: "own", Calls: 500, Seconds: 0.2, Own: true},
		},
		Tables: []evidence.TableIO{{Schema: "public", Name: "submissions", Inserted: rps * 2.5}, {Schema: "public", Name: "river_job", Updated: 100}},
		Jobs: []evidence.JobQueue{
			{Queue: "default", Kind: "send_email", Waiting: 412, Before: 340, Running: 2, Oldest: 94, Arrived: 152, Finished: 97, Failed: 2, Work: 0.51},
			{Queue: "default", Kind: "recompute_progress", Arrived: 40, Finished: 40, Running: 0.1, Work: 0.06},
		},
		Pools: []evidence.PoolStats{{Name: "main", Max: 10, InUse: 9.7, Acquires: 2400, Waits: 1890, Wait: 98}},
		Calls: []evidence.Call{{Dependency: "smtp", System: "smtp", Count: 97, Seconds: 49.1, Failed: 2}},
	}
}

// passing is the same without the fault.
func passing() *Report {
	r := failing()
	m := r.Model
	for i := range m.Steps {
		s := &m.Steps[i]
		scale := 0.02 / s.Latency.P95
		s.Latency.Mean, s.Latency.P50, s.Latency.P95, s.Latency.P99, s.Latency.Max = 0.009+float64(i)/1e3, 0.0066+float64(i)/1e3, 0.02+float64(i)/1e3, 0.036+float64(i)/1e3, 0.06+float64(i)/1e3
		s.InFlight *= scale
		s.Unattributed *= scale
		s.Status, s.Failed = capacity.Met, 0
		s.Throughput = s.Users * 0.392
		for j := range s.Stations {
			s.Stations[j].Load *= scale
		}
		for j := range s.Verdicts {
			s.Verdicts[j].Status = capacity.Met
			if s.Verdicts[j].Limit == 0.3 {
				s.Verdicts[j].Got = 0.02
			} else {
				s.Verdicts[j].Got = 0
			}
		}
		for j := range s.Endpoints {
			s.Endpoints[j].Status, s.Endpoints[j].Failed, s.Endpoints[j].Errors = capacity.Met, 0, nil
			s.Endpoints[j].InFlight *= scale
		}
		for j := range s.Ledger.Time {
			s.Ledger.Time[j].Amount *= scale
		}
	}
	m.Judged = 5
	m.Capacity = capacity.Capacity{Users: 600, RPS: 235}
	m.Knee = capacity.Knee{Ceiling: 640, Resource: "postgres cpu"}
	r.Findings, r.Bottleneck, r.Run.Bundled.Faults = nil, nil, nil
	r.Verdict = Verdict{Status: Pass, Headline: "It carries 600 users (235 requests/s) within p95<300ms and errors<1%; nothing is held up"}
	return r
}

// scripted is a run of a plain k6 script: no stages, no footprints, a rate that nobody planned, one threshold missed.
func scripted() *Report {
	r := failing()
	r.Run.Plan.Kind, r.Run.Plan.Source, r.Run.Plan.Stages, r.Run.Plan.Objectives = scenarios.Script, "checkout.js", nil, nil
	r.Run.Bundled, r.Run.Footprints = nil, nil
	r.Run.Thresholds = []evidence.Threshold{
		{Metric: "http_req_duration{name:checkout}", Source: "p(95)<500", OK: false}, {Metric: "checks", Source: "rate>0.99", OK: true},
	}
	for i := range r.Run.Windows {
		r.Run.Windows[i].Users = 0
		r.Run.Windows[i].Generator.Clock, r.Run.Windows[i].Generator.Lag = evidence.ServiceTime, nil
	}
	for i := range r.Model.Steps {
		s := &r.Model.Steps[i]
		s.Users, s.Verdicts, s.Status = 0, nil, ""
		for j := range s.Endpoints {
			s.Endpoints[j].Status = ""
		}
	}
	r.Model.Judged = 5
	r.Model.Capacity, r.Model.Knee = capacity.Capacity{}, capacity.Knee{}
	r.Verdict = Verdict{Status: Fail, Headline: "The script's own threshold p(95)<500 on http_req_duration was missed", Exit: 1}
	return r
}

// dead is a run whose target never answered.
func dead() *Report {
	r := failing()
	return &Report{
		Run: &evidence.Run{
			Format: 1, Tool: r.Run.Tool, Started: sampleTime, Plan: r.Run.Plan,
			End: &evidence.End{Reason: evidence.TargetLost, Detail: "connection refused", At: sampleTime.Add(9 * time.Second)},
			Missing: map[evidence.Kind][]string{
				evidence.Statements: {"pg_stat_statements is not loaded"}, evidence.Latency: {"no request was answered"}, evidence.Jobs: {"no River tables", "no permission"},
			},
		},
		Model: &capacity.Model{Judged: -1, Gates: []capacity.Gate{
			{Name: "duration", Reason: "only 0 s of load were measured; it takes at least 15 s to say anything"}, {Name: "samples", Reason: "no request was measured"},
		}},
		Skipped: []analyzers.Skip{{Analyzer: "missing-index", Reason: "no load was measured"}, {Analyzer: "n-plus-one", Reason: "no load was measured"}},
		Verdict: Verdict{Status: Inconclusive, Headline: "Nothing was measured: the target was lost after 9 s", Reasons: []string{"target lost: connection refused"}, Exit: 3},
	}
}

// odd has what arithmetic must not trip over: one step, zeros, NaN, infinities, huge values, rates instead of users.
func odd() *Report {
	nan, inf := math.NaN(), math.Inf(1)
	return &Report{
		Run: &evidence.Run{
			Tool: "scalecheck devel", Started: sampleTime, Unread: 1,
			Plan: scenarios.Plan{Name: "odd", Objectives: []scenarios.Objective{{Endpoint: "GET /x", Quantile: 0.999, Limit: 2}}},
			Windows: []evidence.Window{{
				Phase: evidence.Measure, Length: 10, Rate: 5e6,
				Statements: []evidence.Statement{{ID: "z", Calls: 0, Seconds: 0}, {ID: "y", Calls: 1e12, Seconds: inf}},
			}},
			Footprints: []evidence.Footprint{{Endpoint: "GET /x", Statements: []evidence.FootprintStatement{{ID: "gone", Calls: 3}}}},
		},
		Model: &capacity.Model{
			Judged: 0, Knee: capacity.Knee{RPS: inf},
			Steps: []capacity.Step{{
				Rate: 5e6, Seconds: 10, Requests: 0, Throughput: nan, InFlight: nan, Unattributed: inf, Coverage: nan, Status: capacity.Unmeasured,
				Stations:  []capacity.Station{{Name: "nothing", Load: nan, Utilization: nan, Demand: inf}},
				Endpoints: []capacity.EndpointStep{{Name: "GET /x", InFlight: nan, Throughput: 0, Status: capacity.Unmeasured}},
				Verdicts:  []capacity.Judgement{{Objective: scenarios.Objective{Endpoint: "GET /x", Quantile: 0.999, Limit: 2}, Endpoint: "GET /x", Status: capacity.Unmeasured, Limit: 2, Need: 2995}},
				Ledger:    &capacity.Ledger{Time: []capacity.Entry{{Amount: nan, Key: capacity.Key{Statement: "z"}}}},
			}},
		},
		Findings:   []analyzers.Finding{{Cause: "busiest-station", Load: nan, Share: inf, Confidence: nan, Exhibits: []analyzers.Exhibit{{Value: inf}}}},
		Bottleneck: &analyzers.Finding{Cause: "elsewhere", Share: nan},
		Verdict:    Verdict{Status: Inconclusive, Headline: "Too little to say", Exit: 3},
	}
}

// wide is a long staircase with many endpoints, statements and stations, over four decades of latency.
func wide() *Report {
	r := failing()
	r.Run.Footprints = nil
	var steps []capacity.Step
	for i := range 12 {
		s := r.Model.Steps[min(i/2, 5)]
		s.Index, s.Users = i, 10*math.Pow(1.9, float64(i))
		s.Throughput = s.Users * 0.39 / (1 + s.Users/4000)
		s.Latency.P50 = 0.002 * math.Pow(1.9, float64(i))
		s.Latency.P95, s.Latency.P99 = s.Latency.P50*2.2, s.Latency.P50*3.1
		s.Stations, s.Endpoints = nil, nil
		for j := range 14 {
			s.Stations = append(s.Stations, capacity.Station{
				Name: fmt.Sprintf("dependency-%02d.internal.example.com:8443", j), Bound: capacity.External, Load: s.InFlight * 0.94 / 14, Utilization: -1,
			})
			s.Endpoints = append(s.Endpoints, capacity.EndpointStep{
				Name: fmt.Sprintf("GET /a/rather/long/route/with/many/segments/%02d/{id}/and/{more}", j), Requests: 900, Throughput: 36, InFlight: s.InFlight / 14,
				Latency: s.Latency, Status: s.Status,
			})
		}
		steps = append(steps, s)
	}
	r.Model.Steps, r.Model.Judged = steps, 7
	r.Run.Windows = nil
	for i := range 12 {
		w := sampleWindow(i, steps[i].Users, steps[i].Throughput)
		for j := range 30 {
			w.Statements = append(w.Statements, evidence.Statement{ID: fmt.Sprintf("s%02d", j), Calls: float64(1000 - j), Seconds: float64(30-j) / 10})
		}
		r.Run.Windows = append(r.Run.Windows, w)
	}
	for j := range 14 {
		f := evidence.Footprint{Endpoint: steps[0].Endpoints[j].Name, Seconds: 0.01}
		for k := range 30 {
			if (j+k)%3 == 0 {
				f.Statements = append(f.Statements, evidence.FootprintStatement{ID: fmt.Sprintf("s%02d", k), Calls: float64(1 + j*k%40), Seconds: 0.001})
			}
		}
		r.Run.Footprints = append(r.Run.Footprints, f)
	}
	r.Model.Capacity = capacity.Capacity{Users: steps[6].Users, RPS: steps[6].Throughput, NextUsers: steps[7].Users, NextRPS: steps[7].Throughput, LimitedBy: capacity.External}
	r.Model.Knee = capacity.Knee{Users: 2400, RPS: 590, Ceiling: 1500, Resource: "dependency-03"}
	return r
}

// samples are all of them.
var samples = map[string]func() *Report{
	"failing": failing, "passing": passing, "scripted": scripted, "dead": dead, "odd": odd, "wide": wide,
}
