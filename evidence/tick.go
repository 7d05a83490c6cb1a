package evidence

import (
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A Tick is a second of load as the generator reports it: the same rows as a
// window's, so that a window is the sum of its ticks.
type Tick struct {
	Start     time.Time         `json:"start"`
	Length    scenarios.Seconds `json:"length"`
	Endpoints []Endpoint        `json:"endpoints,omitempty"`
	Paths     []PathTime        `json:"paths,omitempty"`
	Generator Generator         `json:"generator"`
	// Alive is false until the first request was sent and after the last.
	Alive bool `json:"alive"`
}

// Add adds the tick to the window.
func (w *Window) Add(t Tick) error {
	for i := range w.Endpoints {
		w.Endpoints[i].Pending = nil // as it stands at the end
	}
	for _, e := range t.Endpoints {
		i := w.endpoint(e.Name)
		if err := w.Endpoints[i].add(e); err != nil {
			return err
		}
		w.Endpoints[i].Pending = e.Pending
	}
	for _, p := range t.Paths {
		i := w.path(p.Name)
		if err := w.Paths[i].add(p); err != nil {
			return err
		}
	}
	g, h := &w.Generator, t.Generator
	g.Clock = h.Clock
	g.Started += h.Started
	g.Completed += h.Completed
	g.Offered += h.Offered
	g.Sessions += h.Sessions
	g.Dropped += h.Dropped
	g.Waiting = h.Waiting
	if h.Lag != nil {
		if g.Lag == nil {
			g.Lag = NewHistogram()
		}
		if err := g.Lag.Merge(h.Lag); err != nil {
			return err
		}
	}
	if w.Length > 0 {
		share := float64(t.Length / w.Length)
		g.InFlight += h.InFlight * share
		g.ActiveUsers += h.ActiveUsers * share
	}
	return nil
}

func (w *Window) endpoint(name string) int {
	for i := range w.Endpoints {
		if w.Endpoints[i].Name == name {
			return i
		}
	}
	w.Endpoints = append(w.Endpoints, Endpoint{Name: name, Latency: NewHistogram()})
	return len(w.Endpoints) - 1
}

func (e *Endpoint) add(o Endpoint) error {
	e.Requests += o.Requests
	e.Failed += o.Failed
	e.Bytes += o.Bytes
	for k, n := range o.Errors {
		if e.Errors == nil {
			e.Errors = map[string]int64{}
		}
		e.Errors[k] += n
	}
	for k, n := range o.Statuses {
		if e.Statuses == nil {
			e.Statuses = map[int]int64{}
		}
		e.Statuses[k] += n
	}
	if o.FailedLatency != nil {
		if e.FailedLatency == nil {
			e.FailedLatency = NewHistogram()
		}
		if err := e.FailedLatency.Merge(o.FailedLatency); err != nil {
			return err
		}
	}
	return e.Latency.Merge(o.Latency)
}

func (w *Window) path(name string) int {
	for i := range w.Paths {
		if w.Paths[i].Name == name {
			return i
		}
	}
	w.Paths = append(w.Paths, PathTime{Name: name, Latency: NewHistogram()})
	return len(w.Paths) - 1
}

func (p *PathTime) add(o PathTime) error {
	p.Walked += o.Walked
	p.Failed += o.Failed
	return p.Latency.Merge(o.Latency)
}

// Total returns the window's traffic as one endpoint without a name.
func (w *Window) Total() (Endpoint, error) {
	total := Endpoint{Latency: NewHistogram()}
	for _, e := range w.Endpoints {
		if err := total.add(e); err != nil {
			return total, err
		}
	}
	return total, nil
}
