package analyzers

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// TransactionConflicts finds work that is thrown away because transactions
// collide.
var TransactionConflicts = &Analyzer{
	Name:  "transaction-conflicts",
	Needs: []evidence.Kind{evidence.Tables, evidence.Sessions},
	Run:   transactionConflicts,
	Doc: `transactions are rolled back because they collide

Two transactions that lock the same two rows in opposite order wait for each other.
After deadlock_timeout, a second, PostgreSQL ends one of them (error 40P01); all that
time both hold their locks, and everybody who wants one of the rows queues up. Under
SERIALIZABLE or REPEATABLE READ, a transaction that has read what another changed is
refused (40001) and must be repeated. Both grow with the square of the load: alone on
the machine nobody ever sees them. What was rolled back leaves no line in
pg_stat_statements, so the time seems to vanish.

How to confirm it by hand, twice, a minute apart:

    SELECT deadlocks, xact_rollback, xact_commit
    FROM   pg_stat_database
    WHERE  datname = current_database();

The server's log names both statements of every deadlock.

What to do: lock rows in one order everywhere, by primary key; sort before you update in
a loop, or update in one statement with ORDER BY … FOR UPDATE in a subquery. Keep
serializable transactions short and read less in them. Repeat after 40001 and 40P01,
with a pause that grows.

When it is wrong: rollbacks alone mean nothing; some drivers roll back after every
read. So they count only where their share grows with the load, or where as many
statements too many were run as transactions rolled back: the repetitions. What a
request waits between two attempts is what nothing else explains. Who collides with
whom is in the server's log, not here.`,
}

const (
	// deadlockTimeout is PostgreSQL's default, and hardly ever changed: so long both
	// wait before one of them is ended.
	deadlockTimeout = 1.0
	// oftenLocked: with a deadlock in a twentieth of the time, the queues it leaves
	// are seen in a 95th percentile.
	oftenLocked = 0.05
	// rollbacksGrew by this factor: the share of routine rollbacks is the same at
	// low load as at high load.
	rollbacksGrew = 2
	// minRollbacks for each request of the endpoints that miss an objective; fewer are
	// not seen in a 95th percentile. Not of all transactions: a statement outside of
	// one counts as one, and there may be ten in a request.
	minRollbacks = 0.02
)

func transactionConflicts(p *Pass) {
	d := p.Window.Database
	if d == nil || p.Window.Sessions == nil {
		return
	}
	seconds := float64(p.Window.Length)
	now, before := rollbackShare(d), firstRollbacks(p.Run)
	more := amplified(p, d.Rollbacks)
	conflicts := d.Rollbacks >= minRollbacks*slowRequests(p.Step) && (now > rollbacksGrew*before || accountFor(more, d.Rollbacks))
	if d.Deadlocks == 0 && !conflicts {
		return
	}
	lock := func(k capacity.Key) float64 { return is(k.Class == capacity.ClassLock) }
	// The two of a deadlock wait for its end. Who else wants their locks queues up,
	// and goes on waiting while that queue is worked off.
	var locked float64
	for _, e := range p.Step.Ledger.Time {
		locked += e.Amount * lock(e.Key)
	}
	part := 0.0
	if locked > 0 {
		part = min(1, d.Deadlocks*deadlockTimeout*2/seconds/locked)
	}
	if d.Deadlocks*deadlockTimeout > oftenLocked*seconds && waitingShare(p, heldTooLong) >= 0.5 {
		part = 1
	}
	if d.Deadlocks > 0 {
		part = max(part, waitingShare(p, rootless))
	}
	repeated := map[string]float64{} // statement → share of its calls that are repetitions
	var again, between map[string]float64
	if conflicts {
		for id, m := range more {
			repeated[id] = 1 - m.expected/m.calls
		}
		again, between = repetitions(p, more)
	}
	claim := func(k capacity.Key) float64 {
		switch {
		case k.Statement != "" || k.Class == capacity.ClassLock:
			return max(part*lock(k), repeated[k.Statement])
		case k.Class == capacity.ClassCPU:
			return again[k.Endpoint]
		case k.Class == capacity.ClassOther:
			return between[k.Endpoint]
		}
		return 0
	}
	blame := p.Step.Blame(claim)
	endpoint := heaviest(p.Step, claim)
	statement := repeatedMost(p, endpoint, claim, more)
	explains, paused := pauses(p, endpoint, d.Rollbacks, claim)
	each := d.Rollbacks / max(1, float64(p.Step.Requests))
	message := fmt.Sprintf("for each hundred requests %.0f transactions are rolled back, %.1f %% of all; %.1f %% at the lowest load", 100*each, 100*now, 100*before)
	if d.Deadlocks > 0 {
		message = fmt.Sprintf("%.1f deadlocks a minute, each for a second; %.1f %% of the transactions are rolled back", 60*d.Deadlocks/seconds, 100*now)
	}
	p.Report(Finding{
		Bound:   capacity.Lock,
		Subject: Subject{Kind: Endpoint, Name: endpoint, Endpoint: endpoint, Statement: statement, Detail: p.Run.Text(statement)},
		Message: message,
		Load:    blame.Load, Share: blame.Share, Explains: explains,
		Exhibits: []Exhibit{
			{"deadlocks", 60 * d.Deadlocks / seconds, "1/min", "pg_stat_database"},
			{"rolled back transactions", now, "share", "pg_stat_database"},
			{"rolled back transactions for each request", each, "", "pg_stat_database"},
			{"share of the endpoint's work that is repetition", again[endpoint], "share", "isolation probe, pg_stat_statements"},
			{"rolled back transactions at the lowest load", before, "share", "pg_stat_database"},
			{"answers 5xx of the endpoint", float64(serverErrors(p.Window, endpoint)), "", "the users"},
			{"share of its unexplained time that lies in as few of its requests as were rolled back", paused, "share", "the users, pg_stat_database"},
		},
		Remedy:  &Remedy{Title: "lock rows in one order everywhere, and repeat with a growing pause what was refused. One of the statements: " + p.Run.Text(statement)},
		Caveats: []string{"the server's log says which statements collided; here they are known by where sessions waited"},
	})
}

// slowRequests returns how many requests the endpoints had that miss an objective; all
// requests where none does.
func slowRequests(s *capacity.Step) float64 {
	var n int64
	for _, e := range s.Endpoints {
		if e.Status == capacity.Missed {
			n += e.Requests
		}
	}
	if n == 0 {
		n = s.Requests
	}
	return float64(n)
}

// repeatedMost returns the statement in which the endpoint spends the most time because
// of conflicts, or the one that ran too often most often where that is no time.
func repeatedMost(p *Pass, endpoint string, claim capacity.Claim, more map[string]surplus) string {
	statements := map[string]float64{}
	for _, e := range p.Step.Ledger.Time {
		if e.Endpoint == endpoint && e.Statement != "" {
			statements[e.Statement] += e.Amount * claim(e.Key)
		}
	}
	if len(statements) == 0 {
		for id, m := range more {
			if t := p.Run.Texts[id]; t.SQL != t.Kind { // no COMMIT
				statements[id] = m.calls - m.expected
			}
		}
	}
	return largest(statements)
}

// nearlyAll of the unexplained time.
const nearlyAll = 0.75

// pauses returns how much of the endpoint's time that nothing explains is explained by
// pauses between attempts: what the claim says, if it lies in as few of its requests as
// there were rollbacks. A lock inside the application, or a call that nobody measures,
// has no reason to do that. share is the part of it that lies there.
//
// What counts is what they took longer than the median, which is that of a request
// without a pause unless half of them have paused.
func pauses(p *Pass, endpoint string, rollbacks float64, claim capacity.Claim) (amount, share float64) {
	unexplained := unexplainedOf(p.Step)[endpoint]
	for _, e := range p.Window.Endpoints {
		if e.Name != endpoint || unexplained == 0 {
			continue
		}
		n := min(int64(math.Ceil(rollbacks)), e.Requests/2)
		more := e.Latency.Slowest(n) - float64(n)*e.Latency.Quantile(0.5)
		share = min(1, max(0, more/(unexplained*float64(p.Window.Length))))
		if share >= nearlyAll {
			amount = unexplained * claim(capacity.Key{Class: capacity.ClassOther, Endpoint: endpoint})
		}
	}
	return amount, share
}

// heldTooLong says that the root was older than any transaction should be: it has
// waited for the end of a deadlock itself.
func heldTooLong(b evidence.Blocker) bool { return b.HeldSeconds >= deadlockTimeout/2 }

// rootless says that waits go round in a circle: a deadlock that nobody has ended yet.
func rootless(b evidence.Blocker) bool { return b.State == evidence.Circle }

// waitingShare returns the share of the waiting for locks at such blockers.
func waitingShare(p *Pass, such func(evidence.Blocker) bool) float64 {
	var some, all float64
	for _, b := range p.Window.Sessions.Blockers {
		all += b.Waiting
		if such(b) {
			some += b.Waiting
		}
	}
	if all == 0 {
		return 0
	}
	return some / all
}

func rollbackShare(d *evidence.Database) float64 {
	if n := d.Commits + d.Rollbacks; n > 0 {
		return d.Rollbacks / n
	}
	return 0
}

// firstRollbacks returns the share of rollbacks in the first measured window.
func firstRollbacks(r *evidence.Run) float64 {
	for _, w := range r.Measured() {
		if w.Database != nil {
			return rollbackShare(w.Database)
		}
	}
	return 0
}

// moreCalls than the requests account for: what a cache or a job does to a
// statement's calls can look alike up to there, unless it is as many as were rolled
// back.
const moreCalls = 1.25

// A surplus is a statement that ran more often than the requests ask for.
type surplus struct{ expected, calls float64 }

// amplified returns the statements that ran more often than the requests of the
// window ask for. Statements that jobs send as well are among them.
func amplified(p *Pass, rollbacks float64) map[string]surplus {
	expected := map[string]float64{}
	requests := requestsOf(p)
	for _, f := range p.Run.Footprints {
		for _, s := range f.Statements {
			expected[s.ID] += s.Calls * requests[f.Endpoint]
		}
	}
	out := map[string]surplus{}
	for _, s := range p.Window.Statements {
		if n := expected[s.ID]; !s.Nested && n > 0 && (s.Calls > moreCalls*n || asMany(s.Calls-n, rollbacks)) {
			out[s.ID] = surplus{n, s.Calls}
		}
	}
	return out
}

// requestsOf returns how many requests of each endpoint ended in the step, or have
// begun and have no answer.
func requestsOf(p *Pass) map[string]float64 {
	out := map[string]float64{}
	for _, e := range p.Window.Endpoints {
		out[e.Name] = float64(e.Requests + e.Pending.Count())
	}
	return out
}

// sameNumber, give or take: what was rolled back is counted when the session is idle, up to a
// second late, and the statement that was refused is not counted at all.
const sameNumber = 0.5

// accountFor reports whether a statement ran about as many times too often as
// transactions were rolled back: each was begun again.
func accountFor(more map[string]surplus, rollbacks float64) bool {
	for _, m := range more {
		if asMany(m.calls-m.expected, rollbacks) {
			return true
		}
	}
	return false
}

func asMany(n, rollbacks float64) bool {
	return n > 0 && n >= sameNumber*rollbacks && sameNumber*n <= rollbacks
}

// repetitions returns by endpoint which share of its work is repetition, by the
// statements that only its requests send, and which share of its time that
// nothing explains came with that: what a request that was alone did not need.
func repetitions(p *Pass, more map[string]surplus) (again, between map[string]float64) {
	again, between = map[string]float64{}, map[string]float64{}
	senders := map[string]int{}
	for _, f := range p.Run.Footprints {
		for _, s := range f.Statements {
			senders[s.ID]++
		}
	}
	unexplained := unexplainedOf(p.Step)
	requests := requestsOf(p)
	for _, f := range p.Run.Footprints {
		var expected, calls float64
		for _, s := range f.Statements {
			if m, ok := more[s.ID]; ok && senders[s.ID] == 1 {
				expected, calls = expected+m.expected, calls+m.calls
			}
		}
		if calls == 0 {
			continue
		}
		again[f.Endpoint] = 1 - expected/calls
		alone := f.Seconds - f.DBSeconds - f.AppCPU
		for _, c := range f.Calls {
			alone -= c.Seconds
		}
		if now := unexplained[f.Endpoint]; now > 0 {
			rate := requests[f.Endpoint] / float64(p.Window.Length)
			between[f.Endpoint] = max(again[f.Endpoint], 1-rate*max(0, alone)/now)
		}
	}
	return again, between
}

// unexplainedOf returns each endpoint's requests in flight that nothing measured.
func unexplainedOf(s *capacity.Step) map[string]float64 {
	out := map[string]float64{}
	for _, e := range s.Ledger.Time {
		if e.Class == capacity.ClassOther {
			out[e.Endpoint] += e.Amount
		}
	}
	return out
}

func serverErrors(w evidence.Window, endpoint string) int64 {
	var n int64
	for _, e := range w.Endpoints {
		if e.Name != endpoint {
			continue
		}
		for status, count := range e.Statuses {
			if strings.HasPrefix(strconv.Itoa(status), "5") {
				n += count
			}
		}
	}
	return n
}
