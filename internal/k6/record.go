package k6

import (
	"encoding/json"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Record is one line of what the output of the k6 extension writes. Exactly
// one field is set. The first record is a Hello, the last a Bye; a stream
// without a Bye was cut short.
type Record struct {
	Hello *Hello `json:"hello,omitempty"`
	Tick  *Tick  `json:"tick,omitempty"`
	Bye   *Bye   `json:"bye,omitempty"`
}

// Hello says that the load begins. Ticks count from its start: the k-th covers
// the second that begins k seconds after it.
type Hello struct {
	Start   time.Time `json:"start"`   // setup() is over, the first user begins
	Version string    `json:"version"` // "k6 v1.8.1"
}

// Bye is what is known at the end only.
type Bye struct {
	Thresholds []evidence.Threshold `json:"thresholds,omitempty"` // as k6 judged them; empty where it was told not to
	Checks     []Check              `json:"checks,omitempty"`
	// Refused counts, by host, the requests that were kept back because the
	// host is not on the allow-list.
	Refused map[string]int64 `json:"refused,omitempty"`
	Error   string           `json:"error,omitempty"` // why k6 ended before its plan
}

// A Check is one of a script's check()s. k6 does not say which request a check
// was about, so that its failures count here and not with an endpoint.
type Check struct {
	Name   string `json:"name"`
	Passed int64  `json:"passed"`
	Failed int64  `json:"failed"`
}

// A Tick is an evidence.Tick whose histograms travel as the list of their
// buckets, [[microseconds, count], …]; see evidence.Histogram.Buckets for why.
type Tick evidence.Tick

type buckets [][2]int64

type wireEndpoint struct {
	evidence.Endpoint
	Latency       buckets `json:"latency"`
	FailedLatency buckets `json:"failed_latency,omitempty"`
	Pending       buckets `json:"pending,omitempty"`
}

type wirePath struct {
	evidence.PathTime
	Latency buckets `json:"latency"`
}

type wireGenerator struct {
	evidence.Generator
	Lag buckets `json:"lag,omitempty"`
}

type wireTick struct {
	evidence.Tick
	Endpoints []wireEndpoint `json:"endpoints,omitempty"`
	Paths     []wirePath     `json:"paths,omitempty"`
	Generator wireGenerator  `json:"generator"`
}

// MarshalJSON implements json.Marshaler.
func (t Tick) MarshalJSON() ([]byte, error) {
	w := wireTick{Tick: evidence.Tick(t), Generator: wireGenerator{t.Generator, pack(t.Generator.Lag)}}
	for _, e := range t.Endpoints {
		w.Endpoints = append(w.Endpoints, wireEndpoint{e, pack(e.Latency), pack(e.FailedLatency), pack(e.Pending)})
	}
	for _, p := range t.Paths {
		w.Paths = append(w.Paths, wirePath{p, pack(p.Latency)})
	}
	return json.Marshal(w)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Tick) UnmarshalJSON(b []byte) error {
	var w wireTick
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*t = Tick(w.Tick)
	t.Generator = w.Generator.Generator
	if w.Generator.Lag != nil {
		t.Generator.Lag = w.Generator.Lag.unpack()
	}
	t.Endpoints = nil
	for _, e := range w.Endpoints {
		e.Endpoint.Latency = e.Latency.unpack()
		if e.FailedLatency != nil {
			e.Endpoint.FailedLatency = e.FailedLatency.unpack()
		}
		if e.Pending != nil {
			e.Endpoint.Pending = e.Pending.unpack()
		}
		t.Endpoints = append(t.Endpoints, e.Endpoint)
	}
	t.Paths = nil
	for _, p := range w.Paths {
		p.PathTime.Latency = p.Latency.unpack()
		t.Paths = append(t.Paths, p.PathTime)
	}
	return nil
}

// pack keeps nil, "not measured", apart from an empty histogram.
func pack(h *evidence.Histogram) buckets {
	if h == nil {
		return nil
	}
	b := buckets{}
	for d, n := range h.Buckets() {
		b = append(b, [2]int64{d.Microseconds(), n})
	}
	return b
}

func (b buckets) unpack() *evidence.Histogram {
	return evidence.Rebuild(func(yield func(time.Duration, int64) bool) {
		for _, p := range b {
			if !yield(time.Duration(p[0])*time.Microsecond, p[1]) {
				return
			}
		}
	})
}
