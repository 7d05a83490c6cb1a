package capacity

import "github.com/scalecheck/scalecheck/evidence"

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
