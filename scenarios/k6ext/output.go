package k6ext

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/errext"
	"go.k6.io/k6/metrics"
	"go.k6.io/k6/output"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/k6"
)

// outEnv is the argument of the output where --out scalecheck has none.
const outEnv = "K6_SCALECHECK_OUT"

// flushEvery: how often the output looks whether a second is over.
const flushEvery = 100 * time.Millisecond

// An out is the output: it folds in AddMetricSamples, which k6 calls from one
// goroutine and which only computes, and writes from another.
type out struct {
	file       *os.File
	where      string
	log        logrus.FieldLogger
	fold       *fold
	thresholds map[string]metrics.Thresholds
	stopTest   func(error)

	greeted  bool
	err      error // of writing; after it nothing is written
	quit     chan struct{}
	finished chan struct{}
}

var (
	_ output.WithThresholds        = (*out)(nil)
	_ output.WithTestRunStop       = (*out)(nil)
	_ output.WithStopWithTestError = (*out)(nil)
)

// newOutput has a name, since k6 version derives the module's from it.
func newOutput(p output.Params) (output.Output, error) {
	where := p.ConfigArgument
	if where == "" {
		where = p.Environment[outEnv]
	}
	if where == "" {
		return nil, fmt.Errorf("output %s: name a file, as in --out %s=ticks.ndjson, or an inherited pipe, fd:3", name, name)
	}
	return &out{
		where: where, log: p.Logger, fold: newFold(),
		quit: make(chan struct{}), finished: make(chan struct{}),
	}, nil
}

// Description implements output.Output.
func (o *out) Description() string { return name + " (" + o.where + ")" }

// SetThresholds implements output.WithThresholds.
func (o *out) SetThresholds(t map[string]metrics.Thresholds) { o.thresholds = t }

// SetTestRunStopCallback implements output.WithTestRunStop.
func (o *out) SetTestRunStopCallback(stop func(error)) { o.stopTest = stop }

// Start implements output.Output.
func (o *out) Start() error {
	if n, ok := strings.CutPrefix(o.where, "fd:"); ok {
		fd, err := strconv.Atoi(n)
		if err != nil || fd < 0 {
			return fmt.Errorf("output %s: %q is no file descriptor", name, n)
		}
		o.file = os.NewFile(uintptr(fd), o.where)
		// Not any open descriptor: 3 may be the runtime's own by now.
		if !isPipe(o.file) {
			return fmt.Errorf("output %s: descriptor %d is not a pipe", name, fd)
		}
		closeOnExec(fd) // else a browser that k6 starts would hold it open
	} else {
		f, err := os.Create(filepath.Clean(o.where))
		if err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
		o.file = f
	}
	go o.run()
	return nil
}

// AddMetricSamples implements output.Output.
func (o *out) AddMetricSamples(samples []metrics.SampleContainer) { o.fold.add(samples) }

// Stop implements output.Output. k6 calls StopWithTestError instead.
func (o *out) Stop() error { return o.StopWithTestError(nil) }

// StopWithTestError implements output.WithStopWithTestError. k6 calls it when
// it has judged its thresholds for the last time.
func (o *out) StopWithTestError(testErr error) error {
	close(o.quit)
	<-o.finished
	o.write(k6.Record{Bye: o.bye(testErr)})
	return errors.Join(o.err, o.file.Close())
}

func (o *out) run() {
	defer close(o.finished)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			o.flush(false)
		case <-o.quit:
			o.flush(true)
			return
		}
	}
}

func (o *out) flush(last bool) {
	now := time.Now()
	for {
		o.greet()
		t, s, ok := o.fold.cut(now, last)
		if !ok {
			return
		}
		slices.SortFunc(t.Endpoints, func(a, b evidence.Endpoint) int { return strings.Compare(a.Name, b.Name) })
		o.write(k6.Record{Tick: (*k6.Tick)(&t)})
		o.fold.recycle(s)
	}
}

// greet says hello as soon as the load has begun.
func (o *out) greet() {
	if o.greeted {
		return
	}
	o.fold.mu.Lock()
	start := o.fold.start
	o.fold.mu.Unlock()
	if start.IsZero() {
		return
	}
	o.greeted = true
	o.write(k6.Record{Hello: &k6.Hello{Start: start, Version: version()}})
}

// write writes a line. When nobody can have it any more, the test is stopped:
// load without a record is of no use to anyone.
func (o *out) write(r k6.Record) {
	if o.err != nil {
		return
	}
	b, err := json.Marshal(r)
	if err == nil {
		_, err = o.file.Write(append(b, '\n'))
	}
	if err == nil {
		return
	}
	o.err = fmt.Errorf("output %s: %w", name, err)
	if o.stopTest != nil {
		o.stopTest(errext.WithAbortReasonIfNone(o.err, errext.AbortedByOutput))
	}
}

func (o *out) bye(testErr error) *k6.Bye {
	b := &k6.Bye{}
	for _, metric := range sortedKeys(o.thresholds) {
		for _, t := range o.thresholds[metric].Thresholds {
			b.Thresholds = append(b.Thresholds, evidence.Threshold{Metric: metric, Source: t.Source, OK: !t.LastFailed})
		}
	}
	o.fold.mu.Lock()
	defer o.fold.mu.Unlock()
	for _, name := range o.fold.order {
		b.Checks = append(b.Checks, *o.fold.checks[name])
	}
	b.Refused = o.fold.refused
	if testErr != nil {
		b.Error = testErr.Error()
	}
	return b
}

// version returns which k6 this is.
func version() string {
	if i, ok := debug.ReadBuildInfo(); ok {
		for _, d := range i.Deps {
			if d.Path == "go.k6.io/k6" {
				return "k6 " + d.Version
			}
		}
	}
	return "k6"
}
