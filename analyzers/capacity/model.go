package capacity

import (
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A Bound is what a station is short of.
type Bound string

const (
	CPU      Bound = "cpu"
	Memory   Bound = "memory"
	IO       Bound = "io" // reads, writes, WAL and commit
	Lock     Bound = "lock"
	Pool     Bound = "pool"
	Workers  Bound = "workers"
	Network  Bound = "network"
	External Bound = "external"
)

// A Model is what the arithmetic says of a run.
type Model struct {
	Steps []Step // in the order of load

	// Judged is the index in Steps that findings are about: the first step that
	// misses an objective, undisturbed by other processes; the first disturbed one
	// where no quiet step decides; the last where none misses; -1 without any step.
	Judged int

	Capacity Capacity
	Knee     Knee
	Gates    []Gate   // is there enough evidence to say anything?
	Caveats  []string // what weakens all of this
}

// Step returns the judged step, and nil where nothing was measured.
func (m *Model) Step() *Step {
	if m.Judged < 0 || m.Judged >= len(m.Steps) {
		return nil
	}
	return &m.Steps[m.Judged]
}

// Capacity is the load that the system carries within its objectives, offered in
// users or, in open load, in sessions that start per second.
type Capacity struct {
	Users, Sessions float64 // of the highest step that met every objective; 0 when none did, or not offered so
	RPS             float64 // requests per second answered in that step
	// Next is the lowest step that missed: the truth lies between. 0 where none missed.
	NextUsers, NextSessions, NextRPS float64
	LimitedBy                        Bound // of the station that holds most requests in the judged step; empty where nothing was missed
}

// A Knee is where throughput stops following the load.
type Knee struct {
	Users, Sessions, RPS float64 // 0 where it was not reached
	// Ceiling is the throughput that the most used resource allows, X ≤ min c/D
	// (Denning & Buzen 1978, asymptotic bounds), in requests per second, for the
	// least demand that any step showed; 0 where no demand could be measured. No
	// step's throughput exceeds it.
	Ceiling  float64
	Resource string // that the ceiling comes from
}

// A Step is one level of load, measured.
type Step struct {
	Index       int
	Users, Rate float64           // offered
	Seconds     scenarios.Seconds // measured
	Requests    int64             // ended in Window
	Failed      int64             //
	Throughput  float64           // requests answered without failure, per second
	Latency     Quantiles         // of requests that did not fail, in seconds
	Endpoints   []EndpointStep    // most requests in flight first

	Verdicts []Judgement // one for each objective and endpoint that it covers
	Status   Status      // the worst of them

	InFlight     float64   // N = X·R
	Stations     []Station // heaviest first; their loads and Unattributed add up to InFlight
	Unattributed float64   // requests in flight that nothing measured
	Coverage     float64   // 1 − Unattributed ÷ InFlight
	Ledger       *Ledger   // what the stations are made of; of the judged step only, for it may be large

	CPU CPUUse

	Workload Workload
	Paths    []PathStep // in the order of the scenario, as far as somebody walked them

	window  evidence.Window // all measured windows of the step as one
	spent   evidence.Window // see Window
	caveats []string
	routes  map[string][]string // sender, as a statement's comment has it → endpoints
}

// Window returns the step's measured windows as one, in which its requests spent
// their time; with the settling before them where much of it was spent there.
func (s *Step) Window() evidence.Window { return s.spent }

// SentFor returns the endpoints that a session works for whose statement says that
// sender sent it (evidence.Activity): those of the same route, and method where it
// names one.
func (s *Step) SentFor(sender string) []string { return s.routes[sender] }

// PathStep is one of the scenario's paths in one step: a sequence of requests
// that users wait for as a whole.
type PathStep struct {
	Name      string
	Endpoints []string  // that it leads through; none in files from before they were recorded
	Walked    int64     // to the end
	Failed    int64     // with a request that failed
	Latency   Quantiles // of those without a failure: the requests' latencies added up, without the think time
	Status    Status    // against the objectives that name it
}

// Quantiles are latencies in seconds.
type Quantiles struct {
	N                        int64
	Mean, P50, P95, P99, Max float64
}

// EndpointStep is one endpoint in one step.
type EndpointStep struct {
	Name       string
	Requests   int64
	Failed     int64
	Errors     map[string]int64
	Throughput float64 // per second, failed ones included
	Latency    Quantiles
	InFlight   float64
	Status     Status // against the objectives that cover it
}

// A Status is the outcome of holding a measurement against an objective.
type Status string

const (
	Met        Status = "met"
	Missed     Status = "missed"
	Boundary   Status = "boundary"   // on the wrong side of the limit, but chance could explain it
	TooFew     Status = "too few"    // samples, to say anything
	Unmeasured Status = "unmeasured" // no requests at all
)

// A Judgement holds one endpoint against one objective in one step.
type Judgement struct {
	Objective scenarios.Objective
	Endpoint  string
	Status    Status
	Got       float64 // seconds, +Inf where the quantile is that of a request that failed or is overdue; or share of failed requests
	Limit     float64 // likewise
	N         int64   // requests, those that are overdue included
	Failed    int64   // of these
	Overdue   int64   // of these: longer under way than allowed when the step ended
	Need      int64   // requests that it would take, where N is too few
}

// A Station is a place where requests spend time.
type Station struct {
	Name        string  // "postgres cpu", "lock", "pool", "smtp", "app cpu", …
	Bound       Bound   //
	Load        float64 // requests in flight here
	Utilization float64 // busy share of its servers, 0…1; -1 where there is no such figure
	Demand      float64 // busy seconds a request, D = U·c/X; 0 where not measured
}

// CPUUse is who used the CPU in a step, in cores.
type CPUUse struct {
	Cores     float64 // that there are; 0 where not measured
	App       float64
	Postgres  float64
	Generator float64
	Recorder  float64
	Foreign   float64 // everybody else
	Steal     float64 // taken by the hypervisor
	// Queue is how many threads were ready but had no CPU, on average.
	AppQueue, PostgresQueue, GeneratorQueue float64
}

// Utilization returns the busy share of the machine, and -1 where not measured.
func (c CPUUse) Utilization() float64 {
	if c.Cores == 0 {
		return -1
	}
	return min(1, (c.App+c.Postgres+c.Generator+c.Recorder+c.Foreign+c.Steal)/c.Cores)
}

// saturated: above this busy share a processor is not to be had at once. With
// c servers and Poisson arrivals the wait at 90 % is several service times
// (Erlang C: 4.3 for c = 2), so that queueing dominates.
const saturated = 0.9

// Saturated reports whether processors are short: nearly always busy, or, where
// the load comes in bursts, threads that wait for one as long as they run.
func (c CPUUse) Saturated() bool {
	queue := c.AppQueue + c.PostgresQueue + c.GeneratorQueue
	return c.Utilization() >= saturated || c.Cores > 0 && queue >= max(c.App+c.Postgres+c.Generator, minBusy*c.Cores)
}

// minBusy: on a machine that is nearly idle the few threads there are may well
// wait as long as they run, and nobody notices.
const minBusy = 0.5

// A Gate is a condition that the evidence must meet before a verdict means
// anything.
type Gate struct {
	Name   string // duration, samples, generator, host, workload, statistics
	OK     bool
	Reason string // one sentence with the figure and the limit, where not OK
}
