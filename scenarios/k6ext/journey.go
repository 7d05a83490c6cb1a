package k6ext

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/js/common"
	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/lib"
	"go.k6.io/k6/metrics"

	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A module is k6/x/scalecheck: journeys as functions of a script. Sessions are
// shared by all VUs that ask for the same ones, so that their numbers and
// personas are those of one load.
type module struct {
	mu   sync.Mutex
	made map[string]*engine.Sessions
}

// An instance is the module in one VU.
type instance struct {
	*module
	vu      modules.VU
	exports modules.Exports
}

var (
	_ modules.Module   = (*module)(nil)
	_ modules.Instance = (*instance)(nil)
)

// NewModuleInstance implements modules.Module.
func (m *module) NewModuleInstance(vu modules.VU) modules.Instance {
	i := &instance{module: m, vu: vu}
	// k6 asks for the exports each time that a script reads one, and would wrap
	// the function anew.
	i.exports.Named = map[string]any{"journey": vu.Runtime().ToValue(i.journey)}
	return i
}

// Exports implements modules.Instance.
func (i *instance) Exports() modules.Exports { return i.exports }

// callOptions are described in index.d.ts.
type callOptions struct {
	Scenario json.RawMessage `json:"scenario"`
	Target   string          `json:"target"`
	Persona  string          `json:"persona"`
	Seed     int64           `json:"seed"`
}

// journey returns a function that walks one session at each call. It belongs
// into the init code: reading a scenario takes longer than walking one.
func (i *instance) journey(call sobek.FunctionCall) sobek.Value {
	rt := i.vu.Runtime()
	if i.vu.State() != nil {
		common.Throw(rt, errors.New("journey: make it outside of the functions that k6 calls, it reads the whole scenario"))
	}
	key, err := json.Marshal(call.Argument(0).Export())
	if err != nil {
		common.Throw(rt, fmt.Errorf("journey: %w", err))
	}
	var o callOptions
	if err := lib.StrictJSONUnmarshal(key, &o); err != nil {
		common.Throw(rt, fmt.Errorf("journey: %w", err))
	}
	s, err := readScenario(o.Scenario)
	if err != nil {
		common.Throw(rt, fmt.Errorf("journey: %w", err))
	}
	limits := scenarios.DefaultLimits()
	limits.Rate = 0 // k6's --rps holds
	// The script decides how much; the plan is there for the target.
	p, err := scenarios.NewPlan(s, o.Target, scenarios.Load{Rate: 1, Duration: 60, Steps: 1}, o.Seed, limits)
	if err != nil {
		common.Throw(rt, fmt.Errorf("journey: %w", err))
	}
	j := &journey{instance: i, key: string(key), options: engine.Options{Scenario: s, Plan: p}, persona: o.Persona}
	return rt.ToValue(j.walk)
}

// sessions returns those that all VUs share for the options.
func (m *module) sessions(key string, o engine.Options) (*engine.Sessions, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.made[key]; s != nil {
		return s, nil
	}
	s, err := engine.NewSessions(o)
	if err == nil {
		m.made[key] = s
	}
	return s, err
}

// A journey is a function of one VU.
type journey struct {
	*instance
	key     string
	options engine.Options
	persona string
	caller  *engine.Caller // nil before the first call
}

func (j *journey) walk(sobek.FunctionCall) sobek.Value {
	rt, state := j.vu.Runtime(), j.vu.State()
	if state == nil {
		common.Throw(rt, errors.New("journey: requests can't be sent in the init code"))
	}
	if j.caller == nil {
		var err error
		if j.options.Segment, err = bounds(state.Options.ExecutionSegment); err != nil {
			common.Throw(rt, err)
		}
		s, err := j.sessions(j.key, j.options)
		if err != nil {
			common.Throw(rt, err)
		}
		j.caller = s.Caller(dial(state.Dialer), state.RPSLimit)
	}
	tags := state.Tags.GetCurrentValues()
	to := &pipeline{metrics: state.BuiltinMetrics, system: state.Options.SystemTags, base: tags.Tags}
	s := &callSink{vu: j.vu, samples: state.Samples, to: to}
	begin := time.Now()
	number, persona, err := j.caller.Walk(j.vu.Context(), j.persona, s)
	if err != nil {
		common.Throw(rt, fmt.Errorf("journey: %w", err))
	}
	out := rt.NewObject()
	for name, v := range map[string]any{
		"session": number, "persona": persona, "requests": s.requests, "failed": s.failed,
		"duration": metrics.D(time.Since(begin)),
	} {
		if err := out.Set(name, v); err != nil {
			common.Throw(rt, err)
		}
	}
	return out
}

// A callSink hands on each request of a session as it ends: in between, its user
// may think for minutes. Sessions are k6's iterations here, which k6 counts.
type callSink struct {
	vu               modules.VU
	samples          chan<- metrics.SampleContainer
	to               *pipeline
	start            engine.Start
	requests, failed int
}

var _ engine.Sink = (*callSink)(nil)

func (s *callSink) push(e *events) {
	e.at, e.to = time.Now(), s.to
	metrics.PushIfNotDone(s.vu.Context(), s.samples, e)
}

// Started implements engine.Sink.
func (s *callSink) Started(e engine.Start) { s.start = e; s.start.New = false }

// Result implements engine.Sink.
func (s *callSink) Result(r engine.Result) {
	s.requests++
	if r.Err != "" {
		s.failed++
	}
	s.push(&events{starts: []engine.Start{s.start}, results: []engine.Result{r}})
}

// Passed implements engine.Sink.
func (s *callSink) Passed(p engine.Passage) { s.push(&events{passages: []engine.Passage{p}}) }

// Offered implements engine.Sink.
func (s *callSink) Offered(int) {}

// Dropped implements engine.Sink.
func (s *callSink) Dropped(int) {}

// Active implements engine.Sink.
func (s *callSink) Active(int) {}
