package capacity

import "github.com/scalecheck/scalecheck/evidence"

const (
	// nearlyAll of the most sessions that were ever busy at once. Where nothing
	// limits it, the number that is busy varies as arrivals do: a Poisson number with
	// a mean below 150 stays below 0.8 of the highest of 600 looks in more than half of
	// them.
	nearlyAll = 0.8
	mostLooks = 0.5
)

// slots adds the requests that wait for a worker, a thread or a connection of an app
// that has no metrics of them. An app has only so many requests in the database at
// once as it has of these. While all are taken, the number of its sessions that are
// busy stays at its highest, and who comes next waits where PostgreSQL does not see
// it.
//
// That is said only where most of these sessions work for requests and wait
// themselves: for a lock, the disk, or the app to go on with the transaction. Busy on
// a processor that is not short, they may be too few, or others may wait for something
// else. No request waited longer than it took beyond what it takes alone.
func (b *builder) slots() {
	if b.window.Sessions == nil || b.ledger.Guessed {
		return
	}
	waits := map[string]float64{}
	for _, busy := range b.window.Sessions.Busy {
		if !b.full(busy) {
			continue
		}
		for _, e := range b.heldUp(busy.Application) {
			waits[e] = min(b.inFlight[e]-b.spent[e], b.inFlight[e]-b.rate[e]*b.feet[e].Seconds)
		}
	}
	for _, e := range sorted(waits) {
		b.infer(Key{Class: ClassPool, Endpoint: e}, waits[e])
	}
}

// full reports whether nearly as many sessions of the application were busy in most
// looks as in any look of the run.
func (b *builder) full(busy evidence.Busy) bool {
	most := 0
	for i := range b.run.Windows {
		s := b.run.Windows[i].Sessions
		if s == nil {
			continue
		}
		for _, other := range s.Busy {
			if other.Application == busy.Application {
				most = max(most, len(other.Looks))
			}
		}
	}
	looks := 0
	for i, n := range busy.Looks {
		if float64(i+1) >= nearlyAll*float64(most) {
			looks += n
		}
	}
	return looks > 0 && float64(looks) >= mostLooks*float64(b.window.Sessions.Samples)
}

// heldUp returns the endpoints that an application serves, by the statements that its
// sessions were seen with, if most of these sessions work for requests and wait.
func (b *builder) heldUp(application string) []string {
	served := map[string]bool{}
	var waiting, all float64
	for _, r := range b.window.Sessions.Activity {
		if r.Application != application || r.Backend != evidence.ClientBackend {
			continue
		}
		all += r.AAS
		if b.requestShare(r.Statement) <= explained {
			continue
		}
		for e := range b.users[r.Statement] {
			served[e] = true
		}
		if ClassOf(r).Waits() {
			waiting += r.AAS
		}
	}
	if waiting < all/2 {
		return nil
	}
	return sorted(served)
}
