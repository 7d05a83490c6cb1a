package collect

import (
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
	e := evidence.Overhead{CPUSeconds: ownCPU() - o.cpu + o.server, DatabaseSeconds: o.seconds}
	if t := time.Since(o.begin).Seconds() * o.cores; t > 0 {
		e.Share = e.CPUSeconds / t
	}
	return e
}
