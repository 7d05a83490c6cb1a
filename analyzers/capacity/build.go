package capacity

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/scalecheck/scalecheck/evidence"
)

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

func (b *builder) add(k Key, amount float64) {
	if amount <= 0 {
		return
	}
	b.time[k] += amount
	b.spent[k.Endpoint] += amount
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
