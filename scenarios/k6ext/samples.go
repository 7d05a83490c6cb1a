package k6ext

import (
	"strconv"
	"time"

	"go.k6.io/k6/lib"
	"go.k6.io/k6/metrics"

	"github.com/scalecheck/scalecheck/internal/engine"
)

// What the executor puts on k6's sample channel. Our output knows these types;
// every other one asks for GetSamples.

// events are what the engine did in some milliseconds. One by one they would
// wake k6's manager for each request.
type events struct {
	starts   []engine.Start
	results  []engine.Result
	passages []engine.Passage
	offered  int64
	dropped  int64
	at       time.Time // of the offered and the dropped
	to       *pipeline // nil: k6's own metrics are not wanted
}

// GetSamples returns what ordinary http requests would have given.
func (e *events) GetSamples() []metrics.Sample {
	if e.to == nil {
		return nil
	}
	samples := make([]metrics.Sample, 0, 4*len(e.results)+1)
	for i := range e.results {
		samples = e.to.request(samples, &e.results[i])
	}
	if e.dropped > 0 {
		samples = append(samples, metrics.Sample{
			TimeSeries: metrics.TimeSeries{Metric: e.to.metrics.DroppedIterations, Tags: e.to.base}, Time: e.at, Value: float64(e.dropped),
		})
	}
	return samples
}

// request appends the samples of one request, as far as it was measured: there
// is one latency, from the intended start on.
func (p *pipeline) request(samples []metrics.Sample, r *engine.Result) []metrics.Sample {
	tags, m := p.tags(r), p.metrics
	failed := 0.0
	if r.Err != "" {
		failed = 1
	}
	sample := func(metric *metrics.Metric, v float64) metrics.Sample {
		return metrics.Sample{TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags}, Time: r.End, Value: v}
	}
	return append(samples,
		sample(m.HTTPReqs, 1),
		sample(m.HTTPReqDuration, metrics.D(r.End.Sub(r.Intended))),
		sample(m.HTTPReqFailed, failed),
		sample(m.DataReceived, float64(r.Bytes)))
}

// users is how many users were active at an instant.
type users struct {
	at time.Time
	n  int
}

// GetSamples returns none: k6 itself emits vus, from the count that the
// executor keeps for it.
func (users) GetSamples() []metrics.Sample { return nil }

// begin and end say when the executor's load began and was over.
type begin struct{ at time.Time }
type end struct{ at time.Time }

func (begin) GetSamples() []metrics.Sample { return nil }
func (end) GetSamples() []metrics.Sample   { return nil }

// A pipeline is what it takes to make k6's samples of a result.
type pipeline struct {
	metrics *metrics.BuiltinMetrics
	system  *metrics.SystemTagSet
	base    *metrics.TagSet
}

func newPipeline(t *lib.TestRunState, scenario string, tags map[string]string) *pipeline {
	p := &pipeline{metrics: t.BuiltinMetrics, system: t.Options.SystemTags, base: t.RunTags}
	if p.system.Has(metrics.TagScenario) {
		p.base = p.base.With(metrics.TagScenario.String(), scenario)
	}
	p.base = p.base.WithTagsFromMap(tags)
	return p
}

// tags returns the tags of a result. name and url are the route: thousands of
// users in their own data would make as many time series.
func (p *pipeline) tags(r *engine.Result) *metrics.TagSet {
	t := p.base
	set := func(tag metrics.SystemTag, v string) {
		if p.system.Has(tag) {
			t = t.With(tag.String(), v)
		}
	}
	set(metrics.TagMethod, r.Method)
	set(metrics.TagName, r.Endpoint)
	set(metrics.TagURL, r.Endpoint)
	set(metrics.TagStatus, strconv.Itoa(r.Status))
	set(metrics.TagExpectedResponse, strconv.FormatBool(r.Err == ""))
	if r.Err != "" {
		set(metrics.TagError, r.Err)
	}
	return t
}
