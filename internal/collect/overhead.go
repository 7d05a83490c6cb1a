package collect

import (
	"fmt"
	"sync"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// An ownCost adds up what scalecheck itself cost, from the windows it filled.
type ownCost struct {
	mu              *sync.Mutex
	begin           time.Time
	cpu             float64 // of this process at the begin
	server, seconds float64 // of our sessions' processes; of their statements
	cores           float64
}

func (o ownCost) start() ownCost {
	return ownCost{mu: new(sync.Mutex), begin: time.Now(), cpu: ownCPU()}
}

func (o *ownCost) add(w *evidence.Window) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range w.Processes {
		if p.Role == evidence.OwnServer {
			o.server += p.Run
		}
	}
	for _, s := range w.Statements {
		if s.Own && !s.Nested {
			o.seconds += s.Seconds
		}
	}
	if w.Host != nil {
		o.cores = float64(w.Host.Cores)
	}
}

func (o *ownCost) total() evidence.Overhead {
	o.mu.Lock()
	defer o.mu.Unlock()
	own := ownCPU() - o.cpu
	e := evidence.Overhead{CPUSeconds: own + o.server, Recorder: own, Server: o.server, DatabaseSeconds: o.seconds}
	if t := time.Since(o.begin).Seconds() * o.cores; t > 0 {
		e.Share = e.CPUSeconds / t
	}
	return e
}

// maxShare of the machine's CPU is what observing may take. Beyond, everything
// that is sampled is sampled half as often, maxPace times at most: with five samples
// of the sessions a second, a window of ten seconds knows a share of one half to within
// 0.14; with fewer it would know next to nothing, and save little more.
const (
	maxShare = 0.01
	maxPace  = 2
)

// paced returns the distance between two samples that are d apart at full rate.
func (h *hub) paced(d time.Duration) time.Duration {
	if h == nil {
		return d
	}
	return d << h.pace.Load()
}

// share returns what observing took of the machine in the window; false where that
// is not known.
func share(w *evidence.Window) (float64, bool) {
	if w.Host == nil || w.Length <= 0 {
		return 0, false
	}
	run := 0.0
	for _, p := range w.Processes {
		if p.Role == evidence.Recorder || p.Role == evidence.OwnServer {
			run += p.Run
		}
	}
	return run / float64(w.Host.Cores) / float64(w.Length), true
}

// limit slows the samplers down when observing took too much of a window with
// load; shorter ones are mostly cut.
func (s *Set) limit(w *evidence.Window) {
	if w.Phase != evidence.Settle && w.Phase != evidence.Measure || w.Length < 2 {
		return
	}
	took, known := share(w)
	if !known || took <= maxShare || s.hub.pace.Load() >= maxPace {
		return
	}
	s.hub.pace.Add(1)
	w.Caveats = append(w.Caveats, fmt.Sprintf("observing took %.1f %% of the machine's CPU, more than %.0f %%: from here on sessions are sampled every %s",
		took*100, maxShare*100, s.hub.paced(sampleInterval)))
}
