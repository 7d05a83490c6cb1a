package evidence

import (
	"slices"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A Phase says what a window is for.
type Phase string

const (
	Baseline Phase = "baseline" // before the load: what the system does by itself
	Settle   Phase = "settle"   // load has risen, nothing is judged
	Measure  Phase = "measure"  // load is on and counts
	Drain    Phase = "drain"    // after the load: do the queues empty?
)

// A Window is a stretch of time with everything that happened in it. All
// counters are differences over the window.
type Window struct {
	Phase  Phase             `json:"phase"`
	Step   int               `json:"step"` // index into Plan.Stages, or of the time slice of a k6 script; -1 outside the load
	Start  time.Time         `json:"start"`
	Length scenarios.Seconds `json:"length"`

	Users float64 `json:"users,omitempty"` // offered: users active at once
	Rate  float64 `json:"rate,omitempty"`  // offered: sessions started per second

	Endpoints []Endpoint    `json:"endpoints,omitempty"`
	Paths     []PathTime    `json:"paths,omitempty"` // of the scenario, as far as somebody walked them
	Generator Generator     `json:"generator"`
	Sessions  *SessionStats `json:"sessions,omitempty"`

	Statements []Statement `json:"statements,omitempty"`
	Tables     []TableIO   `json:"tables,omitempty"`
	Database   *Database   `json:"database,omitempty"`
	Processes  []Process   `json:"processes,omitempty"`
	Host       *Host       `json:"host,omitempty"`
	Jobs       []JobQueue  `json:"jobs,omitempty"`
	Pools      []PoolStats `json:"pools,omitempty"`
	Calls      []Call      `json:"calls,omitempty"`

	Server  *ServerStats `json:"server,omitempty"`
	Holders []Holder     `json:"holders,omitempty"` // oldest first, as they stood at the end of the window
	Groups  []Group      `json:"groups,omitempty"`
	Disks   []Disk       `json:"disks,omitempty"`
	Slices  []Slice      `json:"slices,omitempty"`  // of a window that is long enough for two
	Seconds []Second     `json:"seconds,omitempty"` // of the load; none of a k6 script, which does not tell when requests begin

	// Caveats say what in this window is not to be trusted: a counter that
	// went backwards, samples that were missed.
	Caveats []string `json:"caveats,omitempty"`
}

// An Endpoint is the traffic of one route as the users saw it.
type Endpoint struct {
	Name     string           `json:"name"`               // "GET /courses/{id}"
	Requests int64            `json:"requests"`           // ended in this window, failed ones included
	Failed   int64            `json:"failed"`             // no answer, wrong status, or a check on the answer failed
	Errors   map[string]int64 `json:"errors,omitempty"`   // why: "connection refused", "timeout", "status 500", "check: body"
	Statuses map[int]int64    `json:"statuses,omitempty"` // HTTP status → answers
	Bytes    int64            `json:"bytes"`              // received
	Latency  *Histogram       `json:"latency"`            // of requests that did not fail; see Generator.Clock

	// FailedLatency is how long the failed ones took. They are kept apart: a
	// target that refuses everything at once must not look fast, and one that
	// times out must not hide in an average. Nil where none failed; files from
	// before it existed have all requests in Latency.
	FailedLatency *Histogram `json:"failed_latency,omitempty"`

	// Pending is how old requests were, from their intended start, that had no
	// answer when the window ended. They count with the window in which they end;
	// but one that never does must not look like none. Those of less than a tenth of
	// a second are left out. Nil where there are none, and of a k6 script.
	Pending *Histogram `json:"pending,omitempty"`
}

// Mean returns the mean latency of all requests in seconds, failed ones
// included: that is how long requests were under way.
func (e *Endpoint) Mean() float64 {
	n, failed := float64(e.Latency.Count()), float64(e.FailedLatency.Count())
	if n+failed == 0 {
		return 0
	}
	return (e.Latency.Mean()*n + e.FailedLatency.Mean()*failed) / (n + failed)
}

// A PathTime is how long users waited for one of the scenario's paths as a
// whole: the sum of the latencies of its requests, without the think time.
type PathTime struct {
	Name    string     `json:"name"`
	Walked  int64      `json:"walked"`  // to the end, in this window, failures included; who turned off does not count
	Failed  int64      `json:"failed"`  // with a request that failed
	Latency *Histogram `json:"latency"` // of those without a failure
}

// Clocks of Generator.Clock.
const (
	IntendedStart = "intended start" // latency counts from when the request should have been sent
	ServiceTime   = "service time"   // from when it was sent: waits inside the generator do not show
)

// A Generator says how the load itself did. A generator that is late or out of
// CPU measures itself.
//
// Nothing gets lost between schedule and wire: summed from the beginning of the
// load, Offered = Sessions + Dropped + Waiting.
type Generator struct {
	Clock       string     `json:"clock"`         // IntendedStart or ServiceTime
	Started     int64      `json:"started"`       // requests sent; of a k6 script those completed, it tells no others
	Completed   int64      `json:"completed"`     // requests answered, failed or cut off
	Offered     int64      `json:"offered"`       // user sessions that were due; 0 in files from before it existed
	Sessions    int64      `json:"sessions"`      // of these, begun: their first request was sent
	Dropped     int64      `json:"dropped"`       // of these, given up: they never became a request
	Waiting     int64      `json:"waiting"`       // of these, due but not begun when the window ended
	Lag         *Histogram `json:"lag,omitempty"` // how late requests were started; nil where nothing intended a start
	InFlight    float64    `json:"in_flight"`     // average requests under way, sum of latencies ÷ length
	ActiveUsers float64    `json:"active_users"`  // average
}

// A Statement is what one statement of pg_stat_statements did.
type Statement struct {
	ID       string  `json:"id"`                  // see StatementID
	Nested   bool    `json:"nested,omitempty"`    // ran inside a function or trigger
	Calls    float64 `json:"calls"`               //
	Seconds  float64 `json:"seconds"`             // execution
	Plan     float64 `json:"plan,omitempty"`      // seconds of planning; 0 unless track_planning
	Rows     float64 `json:"rows"`                // returned or changed
	Hit      float64 `json:"hit"`                 // shared blocks found in shared buffers
	Read     float64 `json:"read"`                // shared blocks not found there
	Dirtied  float64 `json:"dirtied,omitempty"`   // shared blocks
	Written  float64 `json:"written,omitempty"`   // shared blocks
	Temp     float64 `json:"temp,omitempty"`      // temporary blocks, read and written
	ReadTime float64 `json:"read_time,omitempty"` // seconds; 0 unless track_io_timing
	WAL      float64 `json:"wal,omitempty"`       // bytes
	Plans    float64 `json:"plans,omitempty"`     // times planned; 0 unless track_planning
	SD       float64 `json:"sd,omitempty"`        // standard deviation of a call's seconds, within the window

	TempRead    float64 `json:"temp_read,omitempty"`    // temporary blocks; Temp is both
	TempWritten float64 `json:"temp_written,omitempty"` //
	TempTime    float64 `json:"temp_time,omitempty"`    // seconds of reading and writing them (15 and later); 0 unless track_io_timing
	WriteTime   float64 `json:"write_time,omitempty"`   // seconds of writing shared blocks; 0 unless track_io_timing
	WALRecords  float64 `json:"wal_records,omitempty"`  //
	FullPages   float64 `json:"full_pages,omitempty"`   // full page images in the WAL
	JITTime     float64 `json:"jit_time,omitempty"`     // seconds of compiling, all stages (15 and later)
	JITUses     float64 `json:"jit_uses,omitempty"`     // functions compiled

	Own bool `json:"own,omitempty"` // scalecheck's own
}

// A Text is a statement without its literals.
type Text struct {
	SQL         string `json:"sql"`         // redacted; utility statements are their command tag only
	Fingerprint string `json:"fingerprint"` // same text, same fingerprint, on any server and version
	Kind        string `json:"kind"`        // SELECT, INSERT, UPDATE, DELETE, …
}

// SessionStats is pg_stat_activity, sampled.
type SessionStats struct {
	Samples  int               `json:"samples"`        // instants looked at
	Planned  int               `json:"planned"`        // that should have been
	Interval scenarios.Seconds `json:"interval"`       //
	Activity []Activity        `json:"activity"`       // sums over the samples ÷ Samples
	Peak     int               `json:"peak"`           // most sessions of clients in one sample that were not idle; 0 in files from before it existed
	Busy     []Busy            `json:"busy,omitempty"` // by application; none in files from before it existed
	Blockers []Blocker         `json:"blockers,omitempty"`
}

// An Activity is sessions that were doing the same thing, on average over the
// window (average active sessions, AAS).
type Activity struct {
	Statement   string  `json:"statement,omitempty"`   // ID; empty where it is not known
	State       string  `json:"state"`                 // active, idle in transaction, idle in transaction (aborted); idle is left out
	WaitClass   string  `json:"wait_class,omitempty"`  // wait_event_type; empty: on CPU or waiting for one
	WaitEvent   string  `json:"wait_event,omitempty"`  //
	Application string  `json:"application,omitempty"` // application_name
	Backend     string  `json:"backend"`               // backend_type: client backend, parallel worker, …
	Sender      string  `json:"sender,omitempty"`      // by the statement's comment, see Sender; empty where it has none
	AAS         float64 `json:"aas"`
}

// ClientBackend is the Backend of a session that a program has opened.
const ClientBackend = "client backend"

// A Busy says how many of an application's sessions, clients only, were not idle at a
// time. Looks[i] is in how many samples i+1 were; in the others none was.
type Busy struct {
	Application string `json:"application"` // application_name
	Looks       []int  `json:"looks"`       // the last one is not zero
}

// A Blocker is a root of waiting: a transaction that others waited for and
// that itself waited for no lock.
type Blocker struct {
	LockType    string  `json:"lock_type"`            // of the waiters: transactionid, tuple, relation, advisory, …
	Relation    string  `json:"relation,omitempty"`   // "schema.table" that the waiters work on; empty where it is not known
	Mode        string  `json:"mode,omitempty"`       // that they want
	Waiter      string  `json:"waiter,omitempty"`     // statement ID of the waiters
	Holder      string  `json:"holder,omitempty"`     // statement ID: what the root ran, or ran last
	State       string  `json:"state"`                // of the root: active, idle in transaction; Circle where there is none
	WaitClass   string  `json:"wait_class,omitempty"` // what the root itself waits for
	WaitEvent   string  `json:"wait_event,omitempty"`
	Application string  `json:"application,omitempty"` // of the root
	Waiting     float64 `json:"waiting"`               // average sessions that waited for it
	HeldSeconds float64 `json:"held_seconds"`          // mean age of the root's transaction when seen
}

// Circle is the State of a Blocker without a root: sessions that wait for each other,
// until PostgreSQL ends one of them (deadlock_timeout).
const Circle = "circle"

// A Table is a relation and its indexes, as the catalog had them before the load.
type Table struct {
	Schema   string     `json:"schema"`
	Name     string     `json:"name"`
	Rows     float64    `json:"rows"`                     // planner's estimate
	Pages    float64    `json:"pages"`                    // of 8 kB; heap only
	Bytes    int64      `json:"bytes"`                    // with indexes and TOAST
	Toast    int64      `json:"toast,omitempty"`          // bytes of the TOAST table and its index, by the planner's estimate
	Live     float64    `json:"live,omitempty"`           // rows, as counted since the last VACUUM or ANALYZE
	Dead     float64    `json:"dead,omitempty"`           // dead rows, likewise
	Changed  float64    `json:"changed,omitempty"`        // rows changed since the last ANALYZE
	Never    bool       `json:"never_analyzed,omitempty"` // never vacuumed or analyzed: Rows is not known (14 and later)
	Vacuumed *time.Time `json:"vacuumed,omitempty"`       // last, by hand or autovacuum; nil: not since the statistics began
	Analyzed *time.Time `json:"analyzed,omitempty"`       // likewise
	Columns  []string   `json:"columns,omitempty"`
	Indexes  []Index    `json:"indexes,omitempty"`

	ForeignKeys []ForeignKey `json:"foreign_keys,omitempty"`
}

// A ForeignKey is a reference from the table that has it to another one.
type ForeignKey struct {
	Name       string   `json:"name"`
	Columns    []string `json:"columns"`    // of the table that has it
	Schema     string   `json:"schema"`     // of the table that it refers to
	Table      string   `json:"table"`      // likewise
	Referenced []string `json:"referenced"` // columns of that table, in the order of Columns
}

// An Index is one of a table's.
type Index struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"` // in order; an expression is its text
	Unique  bool     `json:"unique,omitempty"`
	Partial bool     `json:"partial,omitempty"`
	Valid   bool     `json:"valid"`
	Bytes   int64    `json:"bytes"`
	Method  string   `json:"method,omitempty"`  // btree, hash, gin, gist, brin, …
	Include []string `json:"include,omitempty"` // columns beyond the key
	// Definition is CREATE INDEX, literals replaced.
	Definition string  `json:"definition,omitempty"`
	Constraint bool    `json:"constraint,omitempty"` // it is a primary key, UNIQUE or EXCLUDE: can't be dropped by itself
	Scans      float64 `json:"scans,omitempty"`      // since the server's statistics began
}

// TableIO is what happened to one table.
type TableIO struct {
	Schema     string             `json:"schema"`
	Name       string             `json:"name"`
	SeqScans   float64            `json:"seq_scans"`
	SeqRows    float64            `json:"seq_rows"` // read by sequential scans
	IndexScans float64            `json:"index_scans"`
	IndexRows  float64            `json:"index_rows"`
	Inserted   float64            `json:"inserted"`
	Updated    float64            `json:"updated"`
	HotUpdated float64            `json:"hot_updated"`
	Deleted    float64            `json:"deleted"`
	DeadRows   float64            `json:"dead_rows"` // at the end of the window
	HeapRead   float64            `json:"heap_read"` // blocks not found in shared buffers
	HeapHit    float64            `json:"heap_hit"`
	ByIndex    map[string]float64 `json:"by_index,omitempty"`   // index → scans
	IndexRead  float64            `json:"index_read,omitempty"` // blocks of all its indexes not found in shared buffers
	IndexHit   float64            `json:"index_hit,omitempty"`
	ToastRead  float64            `json:"toast_read,omitempty"` // blocks of its TOAST table
	ToastHit   float64            `json:"toast_hit,omitempty"`
	Moved      float64            `json:"moved,omitempty"`     // updates whose new row went to another page (16 and later)
	LiveRows   float64            `json:"live_rows,omitempty"` // at the end of the window
	Changed    float64            `json:"changed,omitempty"`   // rows changed since the last ANALYZE, at the end
	Vacuums    float64            `json:"vacuums,omitempty"`   // by hand and by autovacuum, that ended
	Analyzes   float64            `json:"analyzes,omitempty"`  // likewise
}

// Database is pg_stat_database and what else counts per database.
type Database struct {
	Commits     float64 `json:"commits"`
	Rollbacks   float64 `json:"rollbacks"`
	Deadlocks   float64 `json:"deadlocks"`
	TempBytes   float64 `json:"temp_bytes"`
	BlocksRead  float64 `json:"blocks_read"`
	BlocksHit   float64 `json:"blocks_hit"`
	Connections float64 `json:"connections"`     // sessions of this database at the end
	Connects    float64 `json:"connects"`        // sessions opened
	Dealloc     float64 `json:"dealloc"`         // times that pg_stat_statements evicted
	Limit       float64 `json:"max_connections"` //
	TempFiles   float64 `json:"temp_files,omitempty"`
	Conflicts   float64 `json:"conflicts,omitempty"`  // statements cancelled by recovery; standbys only
	ReadTime    float64 `json:"read_time,omitempty"`  // seconds; 0 unless track_io_timing
	WriteTime   float64 `json:"write_time,omitempty"` // likewise

	Times *SessionTimes `json:"times,omitempty"` // nil before PostgreSQL 14
}

// Roles of Process.Role.
const (
	App       = "app"
	Postgres  = "postgres"
	LoadGen   = "generator"
	Recorder  = "scalecheck"
	OwnServer = "scalecheck session" // server processes of scalecheck's own sessions
)

// A Process is CPU, memory and IO of processes that play one role.
type Process struct {
	Role    string  `json:"role"`
	Name    string  `json:"name,omitempty"` // of a PostgreSQL process: its backend type
	Count   float64 `json:"count"`          // processes seen
	Run     float64 `json:"run"`            // seconds on a CPU, all threads
	Queue   float64 `json:"queue"`          // seconds runnable but without a CPU (schedstat)
	RSS     float64 `json:"rss"`            // bytes at the end; of PostgreSQL processes, what they do not share
	Read    float64 `json:"read"`           // bytes from storage
	Written float64 `json:"written"`        // bytes to storage
}

// A Host is the whole machine's CPU, so that neighbours can be told apart.
type Host struct {
	Cores   int     `json:"cores"`
	Busy    float64 `json:"busy"`   // seconds, all cores
	Steal   float64 `json:"steal"`  // seconds taken by the hypervisor
	IOWait  float64 `json:"iowait"` // seconds
	Foreign float64 `json:"foreign"`
	// Throttled is how long a CPU quota held the processes back, in seconds; 0 without a quota.
	Throttled float64 `json:"throttled,omitempty"`

	Pressure *Pressure `json:"pressure,omitempty"` // nil where the kernel does not tell
	Refaults float64   `json:"refaults,omitempty"` // file pages read again soon after they had been dropped from the page cache
}

// A JobQueue is the background jobs of one kind in one queue.
type JobQueue struct {
	Queue    string  `json:"queue"`
	Kind     string  `json:"kind"`
	Waiting  float64 `json:"waiting"`        // ready to run, at the end of the window
	Before   float64 `json:"waiting_before"` // likewise, at its start
	Running  float64 `json:"running"`        // average over the window
	Oldest   float64 `json:"oldest"`         // seconds that the oldest ready job has waited, at the end
	Arrived  float64 `json:"arrived"`        // became known in the window
	Finished float64 `json:"finished"`       // completed, cancelled or discarded
	Failed   float64 `json:"failed"`         // attempts
	Work     float64 `json:"work"`           // mean seconds from attempt to end; 0 when none ended
}

// PoolStats is one connection pool of the app.
type PoolStats struct {
	Name     string  `json:"name"`
	Max      float64 `json:"max"`
	InUse    float64 `json:"in_use"`   // average
	Acquires float64 `json:"acquires"` //
	Waits    float64 `json:"waits"`    // acquires that found the pool empty, or requests seen pending
	Wait     float64 `json:"wait"`     // seconds spent waiting, all acquires together and those who still wait at the end
	Use      float64 `json:"use"`      // seconds that connections were held, all together; 0 where not measured
}

// A Call is the app's outgoing calls to one dependency.
type Call struct {
	Dependency string  `json:"dependency"` // "smtp", or host:port
	System     string  `json:"system"`     // "smtp", "http"
	Count      float64 `json:"count"`
	Seconds    float64 `json:"seconds"` // all calls together
	Failed     float64 `json:"failed"`
	Throttled  float64 `json:"throttled"` // answered 429 or 503, or 421 and 451 for SMTP
}

// A Footprint is what one request of an endpoint does when it is alone.
type Footprint struct {
	Endpoint   string               `json:"endpoint"`
	Requests   int                  `json:"requests"`
	Failed     int                  `json:"failed,omitempty"`
	Seconds    float64              `json:"seconds"`              // mean latency
	Statements []FootprintStatement `json:"statements,omitempty"` // most calls first
	Calls      []FootprintCall      `json:"calls,omitempty"`      //
	AppCPU     float64              `json:"app_cpu,omitempty"`    // seconds a request; 0 where /proc is not ours
	ServerCPU  float64              `json:"server_cpu,omitempty"` // seconds a request in PostgreSQL
	DBSeconds  float64              `json:"db_seconds,omitempty"` // execution time a request
}

// Sends reports whether requests of the endpoint sent the statement.
func (f Footprint) Sends(id string) bool {
	return slices.ContainsFunc(f.Statements, func(s FootprintStatement) bool { return s.ID == id })
}

// A FootprintStatement is one statement's part of a Footprint, a request.
type FootprintStatement struct {
	ID      string  `json:"id"`
	Calls   float64 `json:"calls"`
	Rows    float64 `json:"rows"`
	Blocks  float64 `json:"blocks"`
	Seconds float64 `json:"seconds"`
	// Each is what each of the requests sent, in their order; none in files from
	// before it existed. Background is in it.
	Each []Sent `json:"each,omitempty"`
}

// Sent is what one request sent of a statement.
type Sent struct {
	Calls float64 `json:"calls"`
	Rows  float64 `json:"rows"`
}

// A FootprintCall is one dependency's part of a Footprint, a request.
type FootprintCall struct {
	Dependency string  `json:"dependency"`
	System     string  `json:"system"`
	Calls      float64 `json:"calls"`
	Seconds    float64 `json:"seconds"`
	// Every says that each of the requests was followed by a call. Where only
	// some were, it may have been a job that happened by.
	Every bool `json:"every"`
}

// StatisticsBroken begins the caveat of a window in which the server's counters
// were reset or evicted: their differences say nothing.
const StatisticsBroken = "statistics broken: "
