package capacity

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Class is what a request is doing while it spends time.
type Class string

const (
	ClassCPU      Class = "cpu"      // a statement or the app on a processor
	ClassQueue    Class = "queue"    // ready to run, no processor
	ClassIO       Class = "io"       // reading or writing data files
	ClassCommit   Class = "commit"   // waiting for the log to be flushed
	ClassLock     Class = "lock"     // waiting for a row, a table or an advisory lock
	ClassLatch    Class = "latch"    // waiting for a lightweight lock inside PostgreSQL
	ClassNetwork  Class = "network"  // on the way between app and database: results being sent, round trips
	ClassPool     Class = "pool"     // waiting for a connection
	ClassExternal Class = "external" // waiting for a dependency
	ClassSleep    Class = "sleep"    // asleep on purpose (pg_sleep, a delay)
	ClassIdleTx   Class = "idle in transaction"
	ClassOther    Class = "unattributed" // time of the request that nothing measured
)

// Waits reports whether a session that does this has a connection and gets nothing
// done: it waits for a lock, the disk, or the app.
func (c Class) Waits() bool {
	switch c {
	case ClassLock, ClassLatch, ClassIO, ClassCommit, ClassIdleTx:
		return true
	}
	return false
}

// A Key says where requests spend time. Empty fields are unknown or do not apply.
type Key struct {
	Class      Class
	Endpoint   string
	Statement  string // ID
	Dependency string
}

// An Entry is an amount at a key.
type Entry struct {
	Key
	Amount float64
}

// A Ledger holds a step's requests in flight, split additively, and who uses
// the two things that requests queue for.
type Ledger struct {
	Time       []Entry // requests in flight; add up to the step's InFlight, ClassOther included
	CPU        []Entry // cores used: by the app (no statement) and by statements
	Hold       []Entry // connections in use by requests, by what their holders do
	Background []Entry // sessions in the database, and calls, that no request waits for
	// Inferred is the part of Time, by class, that no counter showed but what is
	// otherwise unattributed is taken for. Of ClassQueue: threads that wait for a
	// processor are seen, requests that wait for a thread inside the app's runtime are
	// not. The part that was under way while processors were short is counted as such:
	// all where they were short on average (CPUUse.Saturated), else by
	// evidence.Window.Seconds. Of ClassPool: requests that wait while nearly all
	// sessions that the app ever uses are busy, and wait themselves.
	Inferred map[Class]float64
	// Guessed says that no footprints tell which endpoint a statement belongs
	// to: time in the database was given to endpoints in proportion to their
	// unexplained time, but for sessions that say whom they work for.
	Guessed bool
}

// A builder fills a ledger for one step.
type builder struct {
	run    *evidence.Run
	window evidence.Window
	step   *Step

	seconds  float64
	rate     map[string]float64            // endpoint → requests a second
	inFlight map[string]float64            // endpoint → N
	spent    map[string]float64            // endpoint → part of N that is explained
	feet     map[string]evidence.Footprint // endpoint → footprint
	users    map[string]map[string]float64 // statement → endpoint → expected calls a second
	calls    map[string]float64            // statement → calls a second, measured
	jobsApps map[string]bool               // application names that run no request's statements
	time     map[Key]float64
	cpu      map[Key]float64
	hold     map[Key]float64
	back     map[Key]float64
	ledger   *Ledger
}

func buildLedger(r *evidence.Run, w evidence.Window, s *Step) *Ledger {
	b := &builder{
		run: r, window: w, step: s, seconds: float64(w.Length),
		rate: map[string]float64{}, inFlight: map[string]float64{}, spent: map[string]float64{},
		feet: map[string]evidence.Footprint{}, users: map[string]map[string]float64{}, calls: map[string]float64{},
		jobsApps: map[string]bool{},
		time:     map[Key]float64{}, cpu: map[Key]float64{}, hold: map[Key]float64{}, back: map[Key]float64{},
		ledger: &Ledger{Guessed: len(r.Footprints) == 0, Inferred: map[Class]float64{}},
	}
	if b.seconds <= 0 {
		return b.ledger
	}
	b.traffic()
	b.sessions()
	b.app()
	b.dependencies()
	b.trim()
	b.pools()
	b.trips()
	b.queue()
	b.slots()
	b.rest()
	b.ledger.Time = entries(b.time)
	b.ledger.CPU = entries(b.cpu)
	b.ledger.Hold = entries(b.hold)
	b.ledger.Background = entries(b.back)
	return b.ledger
}

// traffic notes how often each endpoint was requested and which statements it
// should have sent.
func (b *builder) traffic() {
	for _, e := range b.step.Endpoints {
		b.rate[e.Name] = e.Throughput
		b.inFlight[e.Name] = e.InFlight
	}
	// Who has no answer yet has sent statements as well.
	for _, e := range b.window.Endpoints {
		b.rate[e.Name] += float64(e.Pending.Count()) / b.seconds
	}
	for _, f := range b.run.Footprints {
		b.feet[f.Endpoint] = f
		rate := b.rate[f.Endpoint]
		if rate == 0 {
			continue
		}
		for _, s := range f.Statements {
			if b.users[s.ID] == nil {
				b.users[s.ID] = map[string]float64{}
			}
			b.users[s.ID][f.Endpoint] += rate * s.Calls
		}
	}
	for _, s := range b.window.Statements {
		b.calls[s.ID] += s.Calls / b.seconds
	}
}

// explained is the share of a statement's calls that must be expected from
// requests before an application that sends it counts as serving requests.
const explained = 0.1

// sessions splits the active sessions.
func (b *builder) sessions() {
	if b.window.Sessions == nil {
		return
	}
	rows := b.window.Sessions.Activity
	// Whose sessions work for requests? Workers send statements that no endpoint's
	// footprint holds. So may an app that serves requests, at times: what fills a
	// cache was not sent by requests that were alone. But it sends the others as well.
	if !b.ledger.Guessed {
		all, ours := map[string]float64{}, map[string]float64{}
		for _, r := range rows {
			all[r.Application] += r.AAS
			if b.requestShare(r.Statement) > explained || b.named(r) != nil {
				ours[r.Application] += r.AAS
			}
		}
		var most float64
		for _, aas := range ours {
			most = max(most, aas)
		}
		for app, aas := range all {
			b.jobsApps[app] = ours[app] < explained*aas && ours[app] <= explained*most
		}
	}
	queued := b.queuedShare()
	scale := b.undersampled()
	running := map[Key]float64{} // endpoint and statement → AAS on a processor, parallel workers included
	var total float64
	for _, r := range rows {
		if f, ok := scale[r.Statement]; ok && r.State == active {
			r.AAS *= f
		}
		class := ClassOf(r)
		key := Key{Class: class, Statement: r.Statement}
		client := r.Backend == evidence.ClientBackend
		if !client && r.Backend != "parallel worker" {
			b.back[key] += r.AAS
			continue
		}
		named := b.named(r)
		parts := named
		if parts == nil {
			parts = b.split(r.Statement)
		}
		if class == ClassCPU && r.WaitClass == "" {
			for endpoint, part := range parts {
				running[Key{Class: ClassCPU, Endpoint: endpoint, Statement: r.Statement}] += r.AAS * part
			}
			total += r.AAS
		}
		if !client {
			continue // its leader is the request
		}
		share := 1.0
		if !b.ledger.Guessed && named == nil {
			share = b.requestShare(r.Statement)
			if share <= explained {
				share = 1
				if b.jobsApps[r.Application] {
					share = 0
				}
			}
		}
		b.back[key] += r.AAS * (1 - share)
		for endpoint, part := range parts {
			amount := r.AAS * share * part
			if class == ClassIdleTx {
				// The request is elsewhere: in the app, on the wire, at a
				// dependency, where it is counted. It holds a connection.
				b.hold[Key{Class: class, Endpoint: endpoint, Statement: r.Statement}] += amount
				continue
			}
			if class == ClassCPU {
				b.add(Key{Class: ClassCPU, Endpoint: endpoint, Statement: r.Statement}, amount*(1-queued))
				b.add(Key{Class: ClassQueue, Endpoint: endpoint, Statement: r.Statement}, amount*queued)
			} else {
				b.add(Key{Class: class, Endpoint: endpoint, Statement: r.Statement}, amount)
			}
			b.hold[Key{Class: class, Endpoint: endpoint, Statement: r.Statement}] += amount
		}
	}
	// The cores that server processes used, by statement as it was seen running.
	if total > 0 {
		for k, aas := range running {
			b.cpu[k] += b.step.CPU.Postgres * aas / total
		}
	}
}

func (b *builder) add(k Key, amount float64) {
	if amount <= 0 {
		return
	}
	b.time[k] += amount
	b.spent[k.Endpoint] += amount
}

// requestShare returns the share of a statement's calls that requests account for.
func (b *builder) requestShare(statement string) float64 {
	var expected float64
	for _, endpoint := range sorted(b.users[statement]) {
		expected += b.users[statement][endpoint]
	}
	if expected == 0 {
		return 0
	}
	measured := b.calls[statement]
	if measured <= expected {
		return 1
	}
	return expected / measured
}

// split returns how a statement's time is shared among endpoints; it sums to 1.
func (b *builder) split(statement string) map[string]float64 {
	out := map[string]float64{}
	var sum float64
	for _, endpoint := range sorted(b.users[statement]) {
		n := b.users[statement][endpoint]
		out[endpoint] = n
		sum += n
	}
	if sum == 0 { // no footprint names it: by the endpoints' time
		for _, endpoint := range sorted(b.inFlight) {
			n := b.inFlight[endpoint]
			out[endpoint] = n
			sum += n
		}
	}
	if sum == 0 {
		return map[string]float64{"": 1}
	}
	for endpoint := range out {
		out[endpoint] /= sum
	}
	return out
}

// named returns how a session's time is shared among the endpoints that it says it
// works for; nil where it says nothing, or another name than any endpoint's. Those of
// one route with several methods share it as they do the statement.
func (b *builder) named(r evidence.Activity) map[string]float64 {
	endpoints := b.step.SentFor(r.Sender)
	if len(endpoints) == 0 {
		return nil
	}
	all := b.split(r.Statement)
	out := map[string]float64{}
	var sum float64
	for _, e := range endpoints {
		out[e] = all[e]
		sum += all[e]
	}
	for _, e := range endpoints {
		if sum > 0 {
			out[e] /= sum
		} else {
			out[e] = 1 / float64(len(endpoints))
		}
	}
	return out
}

const active = "active"

// afterwards is what a leader waits for when pg_stat_statements has stopped the
// clock already: ExecutorEnd, not ExecutorRun.
const afterwards = "BgWorkerShutdown"

// undersampled returns by how much the samples of a statement fall short of the
// time that pg_stat_statements measured. The sampler's own session needs a
// processor to look, so it looks more often when one is free, which is when
// fewer sessions are active. The clock has no such bias: it gives the amount,
// the samples give the split.
func (b *builder) undersampled() map[string]float64 {
	sampled := map[string]float64{}
	for _, r := range b.window.Sessions.Activity {
		if r.State == active && r.Backend == evidence.ClientBackend && r.WaitEvent != afterwards {
			sampled[r.Statement] += r.AAS
		}
	}
	scale := map[string]float64{}
	for _, s := range b.window.Statements {
		if n := sampled[s.ID]; n > 0 && !s.Nested {
			scale[s.ID] += s.Seconds / b.seconds / n
		}
	}
	for id, f := range scale {
		// Less than that is the statement's planning, or its commit: time that
		// the clock leaves out and the samples rightly have.
		scale[id] = max(1, f)
	}
	return scale
}

// queuedShare returns which part of the server processes' "not waiting" was in
// truth waiting for a processor: pg_stat_activity cannot tell, schedstat can.
func (b *builder) queuedShare() float64 {
	run, queue := b.step.CPU.Postgres, b.step.CPU.PostgresQueue
	if run+queue <= 0 {
		return 0
	}
	return queue / (run + queue)
}

// ClassOf returns what sessions that are counted in r were doing.
func ClassOf(r evidence.Activity) Class {
	if strings.HasPrefix(r.State, "idle in transaction") {
		return ClassIdleTx
	}
	switch r.WaitClass {
	case "", "IPC": // IPC: a leader waits for its parallel workers, which run
		if r.WaitEvent == "SyncRep" {
			return ClassCommit
		}
		return ClassCPU
	case "IO":
		if strings.HasPrefix(strings.ToLower(r.WaitEvent), "wal") {
			return ClassCommit
		}
		return ClassIO
	case "LWLock":
		if strings.HasPrefix(strings.ToLower(r.WaitEvent), "wal") {
			return ClassCommit
		}
		return ClassLatch
	case "Lock", "BufferPin":
		return ClassLock
	case "Client":
		return ClassNetwork
	case "Timeout":
		return ClassSleep
	}
	return ClassOther
}

// app splits the app's processors among endpoints, by what a request of each
// used when it was alone.
func (b *builder) app() {
	weight := map[string]float64{}
	var sum float64
	for _, e := range sorted(b.feet) {
		f := b.feet[e]
		weight[e] = b.rate[e] * f.AppCPU
		sum += weight[e]
	}
	if sum == 0 {
		for _, e := range sorted(b.rate) {
			x := b.rate[e]
			weight[e] = x
			sum += x
		}
	}
	if sum == 0 {
		return
	}
	for _, e := range sorted(weight) {
		x := weight[e]
		b.add(Key{Class: ClassCPU, Endpoint: e}, b.step.CPU.App*x/sum)
		b.cpu[Key{Class: ClassCPU, Endpoint: e}] += b.step.CPU.App * x / sum
	}
}

// dependencies splits outgoing calls into those that a request waits for and
// those that a job makes later.
func (b *builder) dependencies() {
	for _, c := range b.window.Calls {
		if c.Count == 0 {
			continue
		}
		total := c.Seconds / b.seconds
		mean := c.Seconds / c.Count
		left := total
		if b.ledger.Guessed {
			// Nothing tells requests' calls from jobs' calls; no more can be
			// requests' than there are requests in flight.
			for _, e := range sorted(b.inFlight) {
				n := b.inFlight[e]
				room := max(0, n-b.spent[e])
				amount := min(room, total*n/max(b.step.InFlight, 1e-9))
				b.add(Key{Class: ClassExternal, Endpoint: e, Dependency: c.Dependency}, amount)
				left -= amount
			}
		}
		for _, e := range sorted(b.feet) {
			f := b.feet[e]
			if n := Blocking(f, c.Dependency); n > 0 {
				amount := min(left, b.rate[e]*n*mean)
				b.add(Key{Class: ClassExternal, Endpoint: e, Dependency: c.Dependency}, amount)
				left -= amount
			}
		}
		b.back[Key{Class: ClassExternal, Dependency: c.Dependency}] += max(0, left)
	}
}

// Blocking returns how many calls a request makes to the dependency and waits
// for, and 0 where the calls that followed a request were made behind its back.
//
// A request that waited was at least as long as its calls, and so was every
// other one of its kind: a call now and then may be a job that happened by. What
// it waited for must fit into it together (calls side by side are rare). Where
// that is too much, the calls that take longest are the request's: they explain
// most of its time, and the job behind it makes the others.
func Blocking(f evidence.Footprint, dependency string) float64 {
	calls := slices.Clone(f.Calls)
	slices.SortStableFunc(calls, func(a, b evidence.FootprintCall) int { return cmp.Compare(b.Seconds, a.Seconds) })
	room := f.Seconds / 0.9 // two clocks measure the same wait
	for _, c := range calls {
		if !c.Every || c.Seconds > room {
			continue
		}
		if c.Dependency == dependency {
			return c.Calls
		}
		room -= c.Seconds
	}
	return 0
}

// trim scales an endpoint's entries down where samples explain more than there
// is: twenty looks a second at few requests are a rough measure.
func (b *builder) trim() {
	for k, amount := range b.time {
		if n := b.inFlight[k.Endpoint]; b.spent[k.Endpoint] > n {
			b.time[k] = amount * n / b.spent[k.Endpoint]
		}
	}
	for e, n := range b.inFlight {
		b.spent[e] = min(b.spent[e], n)
	}
}

func (b *builder) unexplained() (map[string]float64, float64) {
	rest := map[string]float64{}
	var sum float64
	for _, e := range sorted(b.inFlight) {
		n := b.inFlight[e]
		if r := n - b.spent[e]; r > 1e-12 {
			rest[e] = r
			sum += r
		}
	}
	return rest, sum
}

// spread gives amount to the endpoints in proportion to their unexplained time.
func (b *builder) spread(class Class, amount float64) {
	rest, sum := b.unexplained()
	amount = min(amount, sum)
	for _, e := range sorted(rest) {
		r := rest[e]
		b.add(Key{Class: class, Endpoint: e}, amount*r/sum)
	}
}

func (b *builder) pools() {
	for _, p := range b.window.Pools {
		b.spread(ClassPool, p.Wait/b.seconds)
	}
}

// queue adds what waited for a processor in the app, or in the generator to take
// the answer.
func (b *builder) queue() {
	b.spread(ClassQueue, b.step.CPU.AppQueue+b.step.CPU.GeneratorQueue)
	short := shortOfCPU(b.window.Seconds)
	if b.step.CPU.Saturated() {
		short = 1
	}
	rest, _ := b.unexplained()
	for _, e := range sorted(rest) {
		b.infer(Key{Class: ClassQueue, Endpoint: e}, rest[e]*short)
	}
}

// infer adds what no counter showed.
func (b *builder) infer(k Key, amount float64) {
	if amount > 0 {
		b.add(k, amount)
		b.ledger.Inferred[k.Class] += amount
	}
}

// shortOfCPU returns the share of the requests under way that were so in seconds
// without a processor to spare.
func shortOfCPU(seconds []evidence.Second) float64 {
	var short, all float64
	for _, s := range seconds {
		n := s.InFlight * float64(s.Length)
		all += n
		if s.Busy >= saturated {
			short += n
		}
	}
	if all == 0 {
		return 0
	}
	return short / all
}

func (b *builder) rest() {
	_, rest := b.unexplained()
	b.spread(ClassOther, rest)
}

// sorted returns the keys in order: sums of floats depend on it, and the same
// run must give the same bytes.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func entries(m map[Key]float64) []Entry {
	var out []Entry
	for k, amount := range m {
		if amount > 0 && !math.IsInf(amount, 0) {
			out = append(out, Entry{k, amount})
		}
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Amount, a.Amount), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Dependency, b.Dependency))
	})
	return out
}
