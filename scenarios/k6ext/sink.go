package k6ext

import (
	"sync"
	"time"

	"go.k6.io/k6/lib"
	"go.k6.io/k6/metrics"

	"github.com/scalecheck/scalecheck/internal/engine"
)

const (
	// handOver: how often a sink hands on what it has. Well below the fold's
	// grace, and seldom enough not to be felt.
	handOver = 25 * time.Millisecond

	// lookEvery hand-overs the users are counted, often enough for an average.
	lookEvery = 4
)

// A sink collects what the engine does and puts it into k6's sample pipeline.
// Users who report a request wait for no more than an append.
type sink struct {
	samples chan<- metrics.SampleContainer
	state   *lib.ExecutionState
	to      *pipeline // nil: k6's own metrics are not wanted

	mu     sync.Mutex
	next   *events
	active int
}

var _ engine.Sink = (*sink)(nil)

// Offered implements engine.Sink.
func (s *sink) Offered(n int) {
	s.mu.Lock()
	s.next.offered += int64(n)
	s.mu.Unlock()
}

// Dropped implements engine.Sink.
func (s *sink) Dropped(n int) {
	s.mu.Lock()
	s.next.dropped += int64(n)
	s.mu.Unlock()
}

// Started implements engine.Sink.
func (s *sink) Started(e engine.Start) {
	s.mu.Lock()
	s.next.starts = append(s.next.starts, e)
	s.mu.Unlock()
	if e.New {
		s.state.AddFullIterations(1)
	}
}

// Result implements engine.Sink.
func (s *sink) Result(r engine.Result) {
	s.mu.Lock()
	s.next.results = append(s.next.results, r)
	s.mu.Unlock()
}

// Passed implements engine.Sink.
func (s *sink) Passed(p engine.Passage) {
	s.mu.Lock()
	s.next.passages = append(s.next.passages, p)
	s.mu.Unlock()
}

// Active implements engine.Sink. It keeps k6's count of active VUs, which its
// vus metric shows, at our users.
func (s *sink) Active(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.ModCurrentlyActiveVUsCount(int64(n - s.active))
	s.active = n
}

// start begins to hand on; the returned function hands on the rest and ends it.
func (s *sink) start() (stop func()) {
	s.next = &events{to: s.to}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(handOver)
		defer t.Stop()
		for i := 0; ; i++ {
			select {
			case now := <-t.C:
				s.flush(now)
				if i%lookEvery == 0 {
					s.mu.Lock()
					n := s.active
					s.mu.Unlock()
					s.samples <- users{now, n}
				}
			case <-quit:
				s.flush(time.Now())
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

func (s *sink) flush(now time.Time) {
	s.mu.Lock()
	e := s.next
	e.at = now
	if len(e.starts)+len(e.results)+len(e.passages) == 0 && e.offered+e.dropped == 0 {
		s.mu.Unlock()
		return
	}
	// As much room as was needed, so that no append has to grow under the lock.
	s.next = &events{
		to: s.to, starts: make([]engine.Start, 0, len(e.starts)+len(e.starts)/4),
		results: make([]engine.Result, 0, len(e.results)+len(e.results)/4),
	}
	s.mu.Unlock()
	s.samples <- e
}
