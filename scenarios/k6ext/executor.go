package k6ext

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/errext"
	"go.k6.io/k6/errext/exitcodes"
	"go.k6.io/k6/lib"
	"go.k6.io/k6/lib/executor"
	"go.k6.io/k6/lib/types"
	"go.k6.io/k6/metrics"

	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// config is a scenario of a k6 script whose executor is ours. Its fields are
// described in index.d.ts.
type config struct {
	executor.BaseConfig

	// Scenario is a scenario as JSON, the text of a scenario file, or the
	// name of a built-in one, "builtin:lms".
	Scenario json.RawMessage `json:"scenario"`

	// Either the plan as a whole, as scalecheck run passes it …
	Plan json.RawMessage `json:"plan,omitempty"`
	// … or what makes one.
	Target   string             `json:"target,omitempty"`
	Users    float64            `json:"users,omitempty"`
	Rate     float64            `json:"rate,omitempty"`
	Duration types.NullDuration `json:"duration,omitzero"`
	Steps    int                `json:"steps,omitempty"`
	Seed     int64              `json:"seed,omitempty"`
	Drain    types.NullDuration `json:"drain,omitzero"`

	// Metrics says whether k6's own metrics of our requests are wanted:
	// making them costs more than a request's other bookkeeping.
	Metrics *bool `json:"metrics,omitempty"`

	scenario *scenarios.Scenario
	plan     *scenarios.Plan
}

var _ lib.ExecutorConfig = (*config)(nil)

func newConfig(name string, raw []byte) (lib.ExecutorConfig, error) {
	c := &config{BaseConfig: executor.NewBaseConfig(name, "scalecheck")}
	if err := lib.StrictJSONUnmarshal(raw, c); err != nil {
		return nil, err
	}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("scenario %s: %w", name, err)
	}
	return c, nil
}

func (c *config) load() error {
	var err error
	if c.scenario, err = readScenario(c.Scenario); err != nil {
		return err
	}
	if len(c.Plan) > 0 {
		c.plan = &scenarios.Plan{}
		if err := json.Unmarshal(c.Plan, c.plan); err != nil {
			return fmt.Errorf("read plan: %w", err)
		}
	} else {
		load := scenarios.Load{Users: c.Users, Rate: c.Rate, Steps: c.Steps}
		load.Duration = scenarios.Seconds(c.Duration.TimeDuration().Seconds())
		c.plan, err = scenarios.NewPlan(c.scenario, c.Target, load, c.Seed, scenarios.DefaultLimits())
		if err != nil {
			return err
		}
		c.plan.Drain = scenarios.Seconds(c.Drain.TimeDuration().Seconds())
	}
	if len(c.plan.Stages) == 0 {
		return errors.New("the plan has no stages")
	}
	return nil
}

func readScenario(raw json.RawMessage) (*scenarios.Scenario, error) {
	var text string
	switch {
	case len(raw) == 0:
		return nil, errors.New("scenario is missing")
	case json.Unmarshal(raw, &text) != nil: // an object
		s := &scenarios.Scenario{}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(s); err != nil {
			return nil, fmt.Errorf("read scenario: %w", err)
		}
		return s, nil
	case strings.HasPrefix(text, "builtin:"):
		return scenarios.Builtin(strings.TrimPrefix(text, "builtin:"))
	case !strings.Contains(text, "\n"):
		return nil, fmt.Errorf("scenario %q: write open(%q), or the name of a built-in one, \"builtin:lms\"", text, text)
	}
	return scenarios.Parse("scenario", []byte(text))
}

// Validate implements lib.ExecutorConfig.
func (c *config) Validate() []error { return c.BaseConfig.Validate() }

// duration is how long requests are sent.
func (c *config) duration() time.Duration {
	d := c.plan.Drain
	for _, s := range c.plan.Stages {
		d += s.Length()
	}
	return d.Duration()
}

// GetExecutionRequirements implements lib.ExecutorConfig: no JavaScript runs,
// so that no VU is needed, only time.
func (c *config) GetExecutionRequirements(*lib.ExecutionTuple) []lib.ExecutionStep {
	return []lib.ExecutionStep{{}, {TimeOffset: startWithin + c.duration() + c.GetGracefulStop()}}
}

// GetDescription implements lib.ExecutorConfig.
func (c *config) GetDescription(*lib.ExecutionTuple) string {
	last := c.plan.Stages[len(c.plan.Stages)-1]
	load := fmt.Sprintf("%g users", last.Users)
	if last.Rate > 0 {
		load = fmt.Sprintf("%g sessions/s", last.Rate)
	}
	return fmt.Sprintf("up to %s in %d steps for %s, walked by scalecheck", load, len(c.plan.Stages), c.duration())
}

// HasWork implements lib.ExecutorConfig.
func (c *config) HasWork(*lib.ExecutionTuple) bool { return true }

// NewExecutor implements lib.ExecutorConfig.
func (c *config) NewExecutor(s *lib.ExecutionState, log *logrus.Entry) (lib.Executor, error) {
	return &runner{BaseExecutor: executor.NewBaseExecutor(c, s, log), config: c, state: s}, nil
}

// A runner is the executor: it lends k6's sample channel to internal/engine.
type runner struct {
	*executor.BaseExecutor
	config *config
	state  *lib.ExecutionState
}

var _ lib.Executor = (*runner)(nil)

// startWithin: the load begins with a full second of the wall clock, so that
// the seconds of several processes are the same ones.
const startWithin = time.Second

// ballast is memory that is never touched and therefore never there, but counts
// where the garbage collector decides when to collect: after as much again has
// been allocated. A few users keep some megabytes alive and would collect many
// times a second, on the processors of the system under test; ten thousand keep
// much more, and the ballast makes no difference to them. A higher GOGC would
// do the former and let the latter have several times the memory.
const ballast = 64 << 20

// Run implements lib.Executor.
func (r *runner) Run(ctx context.Context, samples chan<- metrics.SampleContainer) error {
	segment, err := bounds(r.state.ExecutionTuple.Segment)
	if err != nil {
		return err
	}
	now := time.Now()
	start := now.Truncate(time.Second).Add(startWithin)
	select {
	case <-time.After(start.Sub(now)):
	case <-ctx.Done():
		return nil
	}
	length := r.config.duration()
	ctx, cancel := context.WithDeadline(ctx, start.Add(length+r.config.GetGracefulStop()))
	defer cancel()
	ctx = lib.WithScenarioState(ctx, &lib.ScenarioState{
		Name: r.config.Name, Executor: r.config.Type, StartTime: start,
		ProgressFn: func() (float64, []string) {
			return min(1, float64(time.Since(start))/float64(length)), nil
		},
	})

	s := &sink{samples: samples, state: r.state}
	if r.config.Metrics == nil || *r.config.Metrics {
		s.to = newPipeline(r.state.Test, r.config.Name, r.config.GetTags())
	}
	samples <- begin{start}
	stop := s.start()
	heap := make([]byte, ballast)
	err = engine.Run(ctx, engine.Options{Scenario: r.config.scenario, Plan: r.config.plan, Segment: segment}, s)
	runtime.KeepAlive(heap)
	s.Active(0)
	stop()
	samples <- end{time.Now()}
	if err != nil {
		return errext.WithExitCodeIfNone(errext.WithHint(err, hint.Of(err)), exitcodes.InvalidConfig)
	}
	return nil
}

// bounds returns the ends of k6's execution segment. k6 keeps them to itself,
// and prints them as fractions: "1/3:2/3". Every process computes the same
// float of the same fraction, so that neighbours meet exactly.
func bounds(s *lib.ExecutionSegment) ([2]float64, error) {
	if s == nil {
		return [2]float64{0, 1}, nil
	}
	from, to, _ := strings.Cut(s.String(), ":")
	a, ok1 := new(big.Rat).SetString(from)
	b, ok2 := new(big.Rat).SetString(to)
	if !ok1 || !ok2 {
		return [2]float64{}, fmt.Errorf("execution segment %q is not FROM:TO", s)
	}
	x, _ := a.Float64()
	y, _ := b.Float64()
	return [2]float64{x, y}, nil
}
