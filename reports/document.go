package reports

import (
	"encoding/json"
	"math"
	"time"
)

// documentFormat is the version of report.json. Fields are added, not renamed;
// it is raised when a reader of the former one would be misled.
const documentFormat = 1

// A number is a figure in base units. NaN says that it was not measured, and
// is null in JSON: not measured is not zero.
type number float64

// Known reports whether there is a figure.
func (n number) Known() bool { return n.known() }

func (n number) known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// unknown is a figure that nobody measured.
var unknown = number(math.NaN())

// A document is the content of report.json, and the only thing that a format
// prints: what one of them says, all of them say, with the same figures.
//
// Units are seconds, bytes, requests per second, cores and shares between 0
// and 1. A figure that was not measured is null. Lists and maps are never null.
// Comments here are the descriptions in schema.json.
type document struct {
	// Version of this format. Readers ignore fields that they do not know.
	Format int `json:"format"`
	// Program that wrote the run, such as "scalecheck 0.1.0".
	Tool string  `json:"tool"`
	Run  runPart `json:"run"`

	Verdict verdictPart `json:"verdict"`
	// The finding that the verdict names; null where nothing is held up, or where the evidence does not single one out.
	Bottleneck *causePart `json:"bottleneck" jsonschema:"nullable"`
	// All causes that were found, the heaviest first.
	Findings []findingPart `json:"findings"`
	// Analyzers that could not run, and why.
	Skipped  []skipPart   `json:"skipped"`
	Capacity capacityPart `json:"capacity"`

	// Levels of load in the order of load, as measured.
	Steps []stepPart `json:"steps"`
	// Position in steps of the step that findings, endpoints and statements are about: the first that misses an objective, or the last where none does; null where nothing was measured.
	Judged *int `json:"judged" jsonschema:"nullable"`
	// Routes in the judged step, most requests in flight first.
	Endpoints []endpointPart `json:"endpoints"`
	// Paths of the scenario in the judged step: what users wait for as a whole.
	Paths []pathPart `json:"paths"`
	// Statements in the judged step, the heaviest first; scalecheck's own are left out.
	Statements []statementPart `json:"statements"`
	// Statements there were, listed or not.
	StatementsTotal int `json:"statements_total"`
	// Which endpoint reads and writes which table; null where the isolation probe has nothing.
	Map *mapPart `json:"map" jsonschema:"nullable"`
	// Background jobs in the judged step.
	Jobs []jobPart `json:"jobs"`
	// Outgoing calls in the judged step.
	Dependencies []dependencyPart `json:"dependencies"`
	// Connection pools of the app in the judged step.
	Pools []poolPart `json:"pools"`

	Objectives []objectivePart `json:"objectives"`
	// Thresholds of a k6 script.
	Thresholds []thresholdPart `json:"thresholds"`

	// Share of the requests in flight of the judged step that is attributed to something measured.
	Coverage number `json:"coverage"`
	// Conditions that the evidence must meet before a verdict means anything.
	Gates []gatePart `json:"gates"`
	// What the users did in the judged step beside what they were meant to do.
	Workload workloadPart `json:"workload"`
	// Kind of evidence that could not be had, and why.
	Missing map[string][]string `json:"missing"`
	// What weakens all of this.
	Caveats     []string        `json:"caveats"`
	Generator   generatorPart   `json:"generator"`
	Overhead    overheadPart    `json:"overhead"`
	Environment environmentPart `json:"environment"`

	named int    // index in Findings of the bottleneck; -1 for none
	file  string // that the run is in, clean
}

// runPart says what was run.
type runPart struct {
	Started  time.Time  `json:"started"`
	Finished *time.Time `json:"finished" jsonschema:"nullable"` // Null where the run was cut short.
	Complete bool       `json:"complete"`                       // It went through all of its plan.
	End      string     `json:"end"`                            // Why it ended: "completed", "interrupted", …; empty where the file was cut short.
	Detail   string     `json:"detail"`                         // More on why it ended.
	Unread   int        `json:"unread"`                         // Records of the run file, at least, that could not be read; all others are here.
	Scenario string     `json:"scenario"`                       // Name.
	Kind     string     `json:"kind"`                           // "journeys", or "k6" for a plain k6 script.
	Source   string     `json:"source"`                         // Base name of the scenario's file, or "builtin:" and its name.
	SHA256   string     `json:"sha256"`                         // Of the scenario's text.
	Target   string     `json:"target"`                         // Base URL.
	Seed     int64      `json:"seed"`                           // Same seed, same users with the same choices.
	Faults   []string   `json:"faults"`                         // Of the bundled app, where it was the target.
	Size     string     `json:"size"`                           // Of the bundled app's data, where it was the target.
	// Levels of load that were planned; none for a k6 script.
	Stages []stagePart `json:"stages"`
}

// stagePart is a planned level of load.
type stagePart struct {
	Users   number `json:"users"`   // Active at once; null where the stage is given as a rate.
	Rate    number `json:"rate"`    // Sessions started per second; null where it is given in users.
	Settle  number `json:"settle"`  // Seconds in which nothing is judged.
	Measure number `json:"measure"` // Seconds that count.
}

// verdictPart is the answer.
type verdictPart struct {
	Status   Status   `json:"status" jsonschema:"enum=pass,enum=fail,enum=inconclusive"`
	Headline string   `json:"headline"` // One sentence.
	Reasons  []string `json:"reasons"`  // The heaviest first.
	Exit     int      `json:"exit"`     // Exit status that goes with it.
}

// subjectPart is what is at fault.
type subjectPart struct {
	Kind      string `json:"kind" jsonschema:"enum=query,enum=endpoint,enum=dependency,enum=table,enum=job,enum=station,enum="`
	Name      string `json:"name"`      // Text of the statement, route, dependency, table, job kind.
	Endpoint  string `json:"endpoint"`  // That it hurts most; empty for none.
	Statement string `json:"statement"` // ID of a statement that plays a part; empty for none.
	Detail    string `json:"detail"`    // Accomplice: the repeated query, the transaction that holds a lock, the queue of a job.
}

// causePart is a cause in short.
type causePart struct {
	Cause      string      `json:"cause"` // Name of the analyzer.
	Bound      string      `json:"bound"` // What it is short of: cpu, memory, io, lock, pool, workers, network or external.
	Subject    subjectPart `json:"subject"`
	Share      number      `json:"share"`      // Part of the requests in flight of the endpoints that miss their objective; of all, where none does.
	Confidence number      `json:"confidence"` // Between 0 and 1.
	Load       number      `json:"load"`       // Requests in flight because of it in the judged step; 0 where it holds up none.
	Message    string      `json:"message"`    // One sentence with the figures.
}

// findingPart is a cause with its evidence.
type findingPart struct {
	causePart
	Fails    bool          `json:"fails"`                        // The system falls short because of it although every request is within its objective.
	Exhibits []exhibitPart `json:"exhibits"`                     // Figures that speak for it.
	Against  []exhibitPart `json:"against"`                      // Figures that speak against it, or bound what it can explain.
	Rival    *rivalPart    `json:"rival" jsonschema:"nullable"`  // The next best explanation of the same requests; null where there is none.
	Remedy   *remedyPart   `json:"remedy" jsonschema:"nullable"` // What to try; null where there is nothing.
	Caveats  []string      `json:"caveats"`                      // What speaks against it, in words.
}

// rivalPart is another explanation of the requests that a finding explains.
type rivalPart struct {
	Cause string `json:"cause"` // Name of the analyzer, or of a station that no analyzer names.
	Name  string `json:"name"`  // Of what is at fault; empty for a station.
	Share number `json:"share"` // Part of the requests in flight that it explains.
}

// exhibitPart is a figure behind a finding.
type exhibitPart struct {
	Name   string `json:"name"`
	Value  number `json:"value"`
	Unit   string `json:"unit"`   // "s", "1/s", "share", "rows", "blocks", …; empty for a plain number.
	Source string `json:"source"` // Where in the evidence.
}

// remedyPart is what to try.
type remedyPart struct {
	Title string `json:"title"`
	SQL   string `json:"sql" text:"lines"` // Empty where it is a change of code.
}

// skipPart is an analyzer that could not run.
type skipPart struct {
	Analyzer string `json:"analyzer"`
	Reason   string `json:"reason"`
}

// capacityPart is the load that the system carries within its objectives.
type capacityPart struct {
	Users        number   `json:"users"`         // Of the highest step that met every objective; 0 where none did; null where the load is not given in users.
	RPS          number   `json:"rps"`           // Requests answered per second in that step; 0 where none did.
	SLO          []string `json:"slo"`           // The objectives, such as "p95<300ms".
	Sessions     number   `json:"sessions"`      // Sessions started per second in that step; 0 where none did; null where the load is not given as a rate.
	LimitedBy    string   `json:"limited_by"`    // What the heaviest station of the judged step is short of; empty where nothing was missed.
	NextUsers    number   `json:"next_users"`    // Of the lowest step that missed an objective; null where none did.
	NextRPS      number   `json:"next_rps"`      // Likewise.
	NextSessions number   `json:"next_sessions"` // Likewise, sessions started per second.
	Knee         kneePart `json:"knee"`
}

// kneePart is where throughput stops following the load.
type kneePart struct {
	Users    number `json:"users"`    // Null where it was not reached, or the load is not given in users.
	RPS      number `json:"rps"`      // Requests per second there; null where it was not reached.
	Sessions number `json:"sessions"` // Sessions started per second there; null where it was not reached, or the load is not given as a rate.
	Ceiling  number `json:"ceiling"`  // Throughput that the most used resource allows, in requests per second; null where no demand could be measured.
	Resource string `json:"resource"` // That the ceiling comes from.
}

// latencyPart is latencies in seconds.
type latencyPart struct {
	N    int64  `json:"n"` // Requests.
	Mean number `json:"mean"`
	P50  number `json:"p50"`
	P95  number `json:"p95"`
	P99  number `json:"p99"`
	Max  number `json:"max"`
}

// stepPart is one level of load, measured.
type stepPart struct {
	Index        int            `json:"index"`        // Of the stage, or of the time slice of a k6 script.
	Users        number         `json:"users"`        // Offered; null where the load is not given in users.
	Rate         number         `json:"rate"`         // Sessions started per second, offered; null where the load is not given as a rate.
	Seconds      number         `json:"seconds"`      // Measured.
	Requests     int64          `json:"requests"`     // That ended.
	Failed       int64          `json:"failed"`       //
	Throughput   number         `json:"throughput"`   // Requests answered without failure per second.
	Latency      latencyPart    `json:"latency"`      // Of requests that did not fail.
	InFlight     number         `json:"in_flight"`    // Requests under way, on average.
	Unattributed number         `json:"unattributed"` // Part of them that nothing measured.
	Coverage     number         `json:"coverage"`     // 1 - unattributed / in_flight.
	Stations     []stationPart  `json:"stations"`     // Their loads and unattributed add up to in_flight.
	CPU          cpuPart        `json:"cpu"`
	Dropped      int64          `json:"dropped"` // Arrivals that never became a request.
	Lag          number         `json:"lag"`     // p99 of how late requests were started.
	Status       string         `json:"status" jsonschema:"enum=met,enum=missed,enum=boundary,enum=too few,enum=unmeasured,enum="`
	Misses       []judgmentPart `json:"misses"`    // Objectives that were missed, or are on the boundary.
	Judgments    []judgmentPart `json:"judgments"` // All objectives, one for each endpoint that they cover.
}

// stationPart is a place where requests spend time.
type stationPart struct {
	Name        string `json:"name"`
	Bound       string `json:"bound"`
	Load        number `json:"load"`        // Requests in flight there.
	Utilization number `json:"utilization"` // Busy share; null where there is no such figure.
	Demand      number `json:"demand"`      // Busy seconds a request; null where not measured.
}

// cpuPart is who used the CPU, in cores.
type cpuPart struct {
	Cores       number `json:"cores"` // That there are; null where not measured, as are the others then.
	App         number `json:"app"`
	Postgres    number `json:"postgres"`
	Generator   number `json:"generator"`
	Recorder    number `json:"recorder"`
	Foreign     number `json:"foreign"`     // Everybody else.
	Steal       number `json:"steal"`       // Taken by the hypervisor.
	Utilization number `json:"utilization"` // Busy share of the machine.
	// Threads ready but without a CPU, on average.
	AppQueue       number `json:"app_queue"`
	PostgresQueue  number `json:"postgres_queue"`
	GeneratorQueue number `json:"generator_queue"`
}

// judgmentPart holds one endpoint against one objective.
type judgmentPart struct {
	Objective string `json:"objective"` // Such as "p95<300ms".
	Endpoint  string `json:"endpoint"`
	Status    string `json:"status" jsonschema:"enum=met,enum=missed,enum=boundary,enum=too few,enum=unmeasured"`
	Got       number `json:"got"`     // Seconds, null where the quantile is that of a request that failed or got no answer; or share of failed requests.
	Limit     number `json:"limit"`   // Likewise.
	N         int64  `json:"n"`       // Requests, overdue ones included.
	Failed    int64  `json:"failed"`  // Of these.
	Overdue   int64  `json:"overdue"` // Of these: longer under way than allowed when the step ended.
	Need      int64  `json:"need"`    // Requests that it would take, where n is too few.
}

// endpointPart is one route in the judged step.
type endpointPart struct {
	Name              string                  `json:"name"`
	Requests          int64                   `json:"requests"`
	Failed            int64                   `json:"failed"`
	Errors            map[string]int64        `json:"errors"`     // Why they failed.
	Throughput        number                  `json:"throughput"` // Requests per second, failed ones included.
	Latency           latencyPart             `json:"latency"`
	InFlight          number                  `json:"in_flight"`
	Status            string                  `json:"status"`
	Alone             number                  `json:"alone"`               // Latency when nothing else runs, from the isolation probe.
	QueriesPerRequest number                  `json:"queries_per_request"` // Likewise.
	Statements        []endpointStatementPart `json:"statements"`          // Most calls first.
	Calls             []endpointCallPart      `json:"calls"`               // To dependencies.
}

// endpointStatementPart is what one request of an endpoint asks of one statement, from the isolation probe.
type endpointStatementPart struct {
	ID              string `json:"id"`
	CallsPerRequest number `json:"calls_per_request"`
	CallsPerMinute  number `json:"calls_per_minute"` // In the judged step.
	Rows            number `json:"rows"`             // A request.
	Blocks          number `json:"blocks"`           // A request.
	Seconds         number `json:"seconds"`          // A request, alone.
	Load            number `json:"load"`             // Requests of this endpoint in flight in this statement in the judged step.
	ShareOfDBTime   number `json:"share_of_db_time"` // Of the judged step.
}

// endpointCallPart is what one request of an endpoint asks of one dependency.
type endpointCallPart struct {
	Dependency      string `json:"dependency"`
	CallsPerRequest number `json:"calls_per_request"`
	Seconds         number `json:"seconds"` // A request, alone.
}

// statementPart is one statement in the judged step.
type statementPart struct {
	ID             string   `json:"id"`
	Text           string   `json:"text"` // Without literals; utility statements are their command only.
	Fingerprint    string   `json:"fingerprint"`
	Kind           string   `json:"kind"`
	Nested         bool     `json:"nested"` // Ran inside a function or trigger; its time is in its caller's too.
	Calls          number   `json:"calls"`
	CallsPerMinute number   `json:"calls_per_minute"`
	Seconds        number   `json:"seconds"` // Of execution, all calls.
	Mean           number   `json:"mean"`    // Seconds a call.
	Rows           number   `json:"rows"`    // Returned or changed, all calls.
	Blocks         number   `json:"blocks"`  // Shared blocks touched, all calls.
	Read           number   `json:"read"`    // Part of them not found in shared buffers.
	ShareOfDBTime  number   `json:"share_of_db_time"`
	Load           number   `json:"load"`      // Requests in flight in it; null where the step has no ledger.
	Endpoints      []string `json:"endpoints"` // That send it, from the isolation probe.
}

// mapPart is which endpoint reads and writes which table.
type mapPart struct {
	Ordered   bool               `json:"ordered"`   // The scenario's order is known; without it, who reads right after whose write is not.
	Endpoints []mapEndpointPart  `json:"endpoints"` // By name.
	Tables    []mapTablePart     `json:"tables"`    // Most writers first.
	Across    []mapStatementPart `json:"across"`    // Statements that touch tables of several modules.
}

// mapEndpointPart is what one request of an endpoint does with tables.
type mapEndpointPart struct {
	Name    string        `json:"name"`
	Placing string        `json:"placing" jsonschema:"enum=replica,enum=replica after own,enum=primary,enum=unclear"` // Where its requests can be served; "replica after own": by a replica that has caught up with what the user's request right before wrote.
	Why     string        `json:"why"`                                                                                // Of "primary", where nothing is written, and of "unclear"; else empty.
	Own     []mapOwnPart  `json:"own"`                                                                                // Of "replica after own".
	Tables  []mapCellPart `json:"tables"`                                                                             // By name.
	Unknown []string      `json:"unknown"`                                                                            // Names that it reads and that are no tables of the catalog, such as views.
	Modules []string      `json:"modules"`                                                                            // That its tables belong to.
}

// mapOwnPart is a write that the same user's request right before may have made.
type mapOwnPart struct {
	Table  string `json:"table"`
	Writer string `json:"writer"` // Endpoint.
}

// mapCellPart is what one request does with one table, in calls of statements that do so.
type mapCellPart struct {
	Table  string `json:"table"`
	Reads  number `json:"reads"`
	Writes number `json:"writes"`
	Locks  number `json:"locks"` // Rows that are read are locked.
}

// mapTablePart is who touches a table.
type mapTablePart struct {
	Name    string   `json:"name"`
	Module  string   `json:"module"`  // Its schema, or the module of the bundled app that owns it.
	Readers []string `json:"readers"` // Endpoints.
	Writers []string `json:"writers"` // Endpoints.
	Changed number   `json:"changed"` // Rows inserted, changed and deleted a second under load, whoever did it.
}

// mapStatementPart is a statement that touches tables of several modules.
type mapStatementPart struct {
	Text      string   `json:"text"`
	Modules   []string `json:"modules"`
	Endpoints []string `json:"endpoints"` // That send it.
}

// jobPart is background jobs of one kind in one queue.
type jobPart struct {
	Queue    string `json:"queue"`
	Kind     string `json:"kind"`
	Waiting  number `json:"waiting"`  // Ready to run, at the end.
	Before   number `json:"before"`   // Likewise, at the start.
	Running  number `json:"running"`  // On average.
	Oldest   number `json:"oldest"`   // Seconds that the oldest ready job has waited, at the end.
	Arrived  number `json:"arrived"`  // Per second.
	Finished number `json:"finished"` // Per second.
	Failed   number `json:"failed"`   // Attempts.
	Work     number `json:"work"`     // Seconds an attempt; null where none ended.
}

// dependencyPart is outgoing calls to one dependency.
type dependencyPart struct {
	Name      string `json:"name"`
	System    string `json:"system"`
	Rate      number `json:"rate"` // Calls per second.
	Mean      number `json:"mean"` // Seconds a call.
	Failed    number `json:"failed"`
	Throttled number `json:"throttled"`
}

// poolPart is one connection pool of the app.
type poolPart struct {
	Name  string `json:"name"`
	Max   number `json:"max"`
	InUse number `json:"in_use"` // On average.
	Waits number `json:"waits"`  // Acquires that found it empty.
	Wait  number `json:"wait"`   // Seconds an acquire.
}

// objectivePart is a promise about the answers.
type objectivePart struct {
	Text     string `json:"text"`     // Such as "p95<300ms".
	Endpoint string `json:"endpoint"` // Empty for every endpoint by itself.
	Quantile number `json:"quantile"` // Null where errors are meant.
	Limit    number `json:"limit"`    // Seconds; null where errors are meant.
	Errors   number `json:"errors"`   // Share; null where a quantile is meant.
}

// thresholdPart is one of a k6 script's own.
type thresholdPart struct {
	Metric string `json:"metric"`
	Source string `json:"source"`
	OK     bool   `json:"ok"`
}

// gatePart is a condition on the evidence.
type gatePart struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
}

// workloadPart holds what the users did against what they were meant to do.
type workloadPart struct {
	Mix      []mixPart `json:"mix"`
	Shift    number    `json:"shift"`    // Share of the requests that went elsewhere than intended (total variation distance, requests that begin a session left out); null where there is no plan to compare with.
	Limit    number    `json:"limit"`    // Of shift: what is tolerated, and what chance adds.
	Requests int64     `json:"requests"` //
	Refused  int64     `json:"refused"`  // Answered 401, 403 or 429 where that was a failure.
	Offered  int64     `json:"offered"`  // Sessions that were due; 0 where not counted.
	Sessions int64     `json:"sessions"` // Of these, begun.
	Dropped  int64     `json:"dropped"`  // Of these, given up.
}

// mixPart is an endpoint's part of the requests.
type mixPart struct {
	Endpoint  string `json:"endpoint"`
	Intended  number `json:"intended"`  // Share in the long run.
	Delivered number `json:"delivered"` // Share in the judged step.
}

// pathPart is a sequence of requests that users wait for as a whole.
type pathPart struct {
	Name    string      `json:"name"`
	Walked  int64       `json:"walked"`  // To the end.
	Failed  int64       `json:"failed"`  // With a request that failed.
	Latency latencyPart `json:"latency"` // Of those without a failure: the requests' latencies added up, without the think time.
	Status  string      `json:"status"`  // Against the objectives that name it; empty where none does.
}

// generatorPart says how the load itself did in the judged step.
type generatorPart struct {
	CPU        number `json:"cpu"`        // Cores.
	Lag        number `json:"lag"`        // p99 of how late requests were started, in seconds; null where nothing intended a start.
	Dropped    int64  `json:"dropped"`    // Arrivals that never became a request.
	Started    int64  `json:"started"`    // Requests.
	Completed  int64  `json:"completed"`  // Requests.
	Clock      string `json:"clock"`      // "intended start" or "service time": what latency counts from.
	Bottleneck bool   `json:"bottleneck"` // It held itself up: the figures are about it, not about the system.
}

// overheadPart is what scalecheck cost while the load was on, generator not included.
type overheadPart struct {
	CPUSeconds      number `json:"cpu_seconds"`
	DatabaseCalls   number `json:"database_calls"`
	DatabaseSeconds number `json:"database_seconds"`
	Share           number `json:"share"` // Of the machine's CPU time.
}

// environmentPart is what two runs must share to be compared.
type environmentPart struct {
	Cores         int               `json:"cores"`
	MemoryBytes   int64             `json:"memory_bytes"`
	Kernel        string            `json:"kernel"`
	CPU           string            `json:"cpu"`
	Postgres      string            `json:"postgres"`
	PostgresLocal bool              `json:"postgres_local"`
	TargetLocal   bool              `json:"target_local"`
	Settings      map[string]string `json:"settings"`
	Extensions    map[string]string `json:"extensions"`
	DatabaseBytes int64             `json:"database_bytes"`
}
