package capacity

// A Claim says which share of an entry, 0…1, a cause is responsible for.
type Claim func(Key) float64

// A Blame is what a cause is responsible for in a step.
type Blame struct {
	// Load is how many requests in flight there are because of it: those that
	// spend their time in it, and its part of those that queue behind it.
	Load float64
	// Share is Load ÷ all requests in flight, both of the endpoints that miss an
	// objective only; of all endpoints where none does.
	Share float64
	// CPU is the share of all used processor time that it takes.
	CPU float64
}

// Blame pushes every waiting request down to what it waits for.
//
// Time in a statement, at a dependency or in the app is the cause's by the
// claim. Requests that wait for a processor wait for whoever has it: they are
// shared out by processor use. Requests that wait for a connection wait for
// whoever holds one: by holding time. A queue is never a cause while something
// makes its servers slow (the container rule).
func (s *Step) Blame(claim Claim) Blame {
	if s.Ledger == nil {
		return Blame{}
	}
	cpu := s.cpuShare(claim)
	return s.blame(claim, cpu, s.holdShare(claim, cpu), cpu)
}

// BlameQueue is Blame for a cause that is the queue itself, whoever is being
// served: a pool with too few connections, a processor that is taken away. pool
// and cpu are the shares of those that wait for a connection and for a processor
// that wait because of it.
func (s *Step) BlameQueue(claim Claim, pool, cpu float64) Blame {
	if s.Ledger == nil {
		return Blame{}
	}
	return s.blame(claim, cpu, pool, s.cpuShare(claim))
}

func (s *Step) blame(claim Claim, queue, pool, cpu float64) Blame {
	missing := s.missing()
	b := Blame{CPU: cpu}
	var all float64
	for _, e := range s.Ledger.Time {
		if len(missing) > 0 && !missing[e.Endpoint] {
			continue
		}
		all += e.Amount
		switch e.Class {
		case ClassQueue:
			b.Load += e.Amount * queue
		case ClassPool:
			b.Load += e.Amount * pool
		default:
			b.Load += e.Amount * claim(e.Key)
		}
	}
	if all > 0 {
		b.Share = b.Load / all
	}
	return b
}

// BlameEach returns what Blame would say of each of many causes that share no
// entry: group returns the cause that an entry belongs to. The zero value of G is
// no cause. One pass does for all of them, since blame is a sum over entries.
func BlameEach[G comparable](s *Step, group func(Key) G) map[G]Blame {
	out := map[G]Blame{}
	if s.Ledger == nil {
		return out
	}
	var none G
	cpu, hold := map[G]float64{}, map[G]float64{}
	for _, e := range s.Ledger.CPU {
		cpu[group(e.Key)] += e.Amount
	}
	total := s.cpuTotal()
	var held, queueing float64
	for _, e := range s.Ledger.Hold {
		held += e.Amount
		if s.holdQueues(e.Class) {
			queueing += e.Amount
		} else {
			hold[group(e.Key)] += e.Amount
		}
	}
	missing := s.missing()
	direct := map[G]float64{}
	var all, queue, pool float64
	for _, e := range s.Ledger.Time {
		if len(missing) > 0 && !missing[e.Endpoint] {
			continue
		}
		all += e.Amount
		switch e.Class {
		case ClassQueue:
			queue += e.Amount
		case ClassPool:
			pool += e.Amount
		default:
			direct[group(e.Key)] += e.Amount
		}
	}
	for _, m := range []map[G]float64{direct, cpu, hold} {
		for g := range m {
			if _, done := out[g]; done || g == none {
				continue
			}
			b := Blame{Load: direct[g]}
			if total > 0 {
				b.CPU = cpu[g] / total
			}
			b.Load += queue * b.CPU
			if held > 0 {
				b.Load += pool * (hold[g] + queueing*b.CPU) / held
			}
			if all > 0 {
				b.Share = b.Load / all
			}
			out[g] = b
		}
	}
	return out
}

// missing returns the endpoints that miss an objective, and those that a path
// leads through that misses one.
func (s *Step) missing() map[string]bool {
	out := map[string]bool{}
	for _, e := range s.Endpoints {
		if e.Status == Missed {
			out[e.Name] = true
		}
	}
	for _, p := range s.Paths {
		if p.Status != Missed {
			continue
		}
		for _, e := range p.Endpoints {
			out[e] = true
		}
	}
	return out
}

// cpuShare returns the claimed part of the processor time that everybody on
// the machine used.
func (s *Step) cpuShare(claim Claim) float64 {
	all := s.cpuTotal()
	if all <= 0 {
		return 0
	}
	var claimed float64
	for _, e := range s.Ledger.CPU {
		claimed += e.Amount * claim(e.Key)
	}
	return claimed / all
}

// cpuTotal returns the cores that everybody used.
func (s *Step) cpuTotal() float64 {
	var known float64
	for _, e := range s.Ledger.CPU {
		known += e.Amount
	}
	c := s.CPU
	return max(known, c.App+c.Postgres) + c.Generator + c.Recorder + c.Foreign
}

// holdQueues reports whether holders of connections that seem to run mostly wait
// for a processor.
func (s *Step) holdQueues(c Class) bool { return c == ClassCPU && s.CPU.PostgresQueue > s.CPU.Postgres }

// holdShare returns the claimed part of the connections in use.
func (s *Step) holdShare(claim Claim, cpu float64) float64 {
	var claimed, all float64
	for _, e := range s.Ledger.Hold {
		all += e.Amount
		if s.holdQueues(e.Class) {
			claimed += e.Amount * cpu
			continue
		}
		claimed += e.Amount * claim(e.Key)
	}
	if all == 0 {
		return 0
	}
	return claimed / all
}

// ByClass returns the requests in flight by class, those of one statement
// only where statement is not empty.
func (s *Step) ByClass(statement string) map[Class]float64 {
	out := map[Class]float64{}
	if s.Ledger == nil {
		return out
	}
	for _, e := range s.Ledger.Time {
		if statement == "" || e.Statement == statement {
			out[e.Class] += e.Amount
		}
	}
	return out
}
