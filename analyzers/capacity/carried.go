package capacity

import (
	"fmt"

	"github.com/scalecheck/scalecheck/evidence"
)

// mostCarried: latencies count where a request ends, what it waited for where it
// happened. As long as at most a fifth of the requests' time lies before the window,
// what leads with a margin still leads when it is charged with that, too.
const mostCarried = 0.2

// carried returns which part of the latencies that ended in w was spent before it
// began, 0 where that is not known: what was under way within it (by counting who
// comes and who goes) is all that can have been spent there.
func carried(w evidence.Window) float64 {
	var inside, counted, ended float64
	for _, s := range w.Seconds {
		inside += s.InFlight * float64(s.Length)
		counted += float64(s.Length)
	}
	for _, e := range w.Endpoints {
		ended += e.Mean() * float64(e.Requests)
	}
	// A second or two is missing where the processors could not be looked at.
	if ended <= 0 || counted < 0.8*float64(w.Length) {
		return 0
	}
	return max(0, 1-inside/ended)
}

// widen takes the step's settling into account where much of what ended in the
// measured windows began there: a burst of work just before leaves its latencies in
// the window, and nothing that explains them. Counts are then of that longer window, as
// those of statements are; what is judged stays as it was.
func (s *Step) widen(r *evidence.Run, ws []evidence.Window) error {
	part := carried(s.window)
	before, ok := settling(r, ws[0])
	if part <= mostCarried || !ok {
		return nil
	}
	spent, err := evidence.Merge(append([]evidence.Window{before}, ws...))
	if err != nil {
		return err
	}
	spent.Phase = evidence.Measure
	spent.Slices = nil // too short to have any, it would be missing among them
	wide, err := fitStep(r, spent)
	if err != nil {
		return err
	}
	s.spent = spent
	s.Requests, s.Failed = wide.Requests, wide.Failed
	s.InFlight, s.Stations, s.Unattributed, s.Coverage, s.Ledger, s.CPU = wide.InFlight, wide.Stations, wide.Unattributed, wide.Coverage, wide.Ledger, wide.CPU
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		for _, w := range wide.Endpoints {
			if w.Name == e.Name {
				e.Requests, e.Failed, e.Throughput, e.InFlight = w.Requests, w.Failed, w.Throughput, w.InFlight
			}
		}
	}
	s.caveats = append(s.caveats, fmt.Sprintf("%.0f %% of the time of the requests that ended while it was measured was spent before; where it went is looked for from the settling on", 100*part))
	return nil
}

// settling returns the window between which and w there is none.
func settling(r *evidence.Run, w evidence.Window) (evidence.Window, bool) {
	for i := 1; i < len(r.Windows); i++ {
		b := r.Windows[i-1]
		if r.Windows[i].Start.Equal(w.Start) && r.Windows[i].Phase == evidence.Measure && b.Phase == evidence.Settle && b.Step == w.Step {
			return b, true
		}
	}
	return evidence.Window{}, false
}
