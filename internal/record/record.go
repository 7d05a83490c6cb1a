// Package record conducts a run: preflight, a look at the idle system, the
// isolation probe, then load that rises step by step while the collectors cut
// one window after the other, then a look at what is left behind.
//
// It is the conductor and plays no instrument: the load comes from a Load that
// it is given, the users of the probe from a Prober, what is measured from
// package collect. Everything it learns goes to the run file at once, so that
// whatever ends the run, the windows closed by then are kept.
package record

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/collect"
	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A Load is users at work. internal/k6 starts the real one.
type Load interface {
	// Ticks delivers a second of load at a time and is closed when it has ended.
	Ticks() <-chan evidence.Tick
	// PID is the process that sends, for its processor time.
	PID() int
	// Stop asks it to end: no new requests, a few seconds for those under way.
	Stop()
	// Wait waits for the end and returns a k6 script's own thresholds.
	Wait() ([]evidence.Threshold, error)
	// Refused returns, after the end, what to do about requests that the guard
	// kept back; empty where there were none.
	Refused() string
}

// A Prober is one user who sends single requests.
type Prober interface {
	Endpoints() []string
	Method(endpoint string) string
	Prepare(ctx context.Context, endpoint string) error
	Send(ctx context.Context) (engine.Result, error)
}

// Options say what to record.
type Options struct {
	Run    evidence.Run // Tool, Plan and Bundled; the rest is filled in
	Path   string       // of the run file
	Target *collect.Target
	Start  func(context.Context) (Load, error)

	// Prober is nil where there is nobody to send single requests; NoProbe then
	// says why, for the report.
	Prober  Prober
	NoProbe string
	// Writes allows the probe to send other requests than GET.
	Writes bool

	// Progress is told what happens, from one goroutine. May be nil.
	Progress func(Progress)
}

// Progress is a glimpse of the run for the person who waits.
type Progress struct {
	Phase    string // baseline, probe, load, drain
	Detail   string // the endpoint that is probed
	Step     int    // from 1; 0 outside the load
	Steps    int    // 0 where a script decides
	Settling bool
	Elapsed  time.Duration // of the load
	Total    time.Duration // of the load; 0 where a script decides
	Users    float64       // offered
	RPS      float64       // answered, in the last second
	P95      float64       // seconds, in the last second
	Failed   int64         // since the load began
	Requests int64         // likewise
}

// Times of a run, apart from its plan.
const (
	// baseline: PostgreSQL hands in table counters up to a second late, and what
	// runs by itself (autovacuum naps, job polls once a second) must be seen.
	baseline = 3 * time.Second
	// drain: enough to see whether a queue goes down.
	drain = 3 * time.Second
	// slice is the window of a k6 script, whose steps nobody told us.
	slice = 10 * time.Second
	// shortest window of a script that is worth writing.
	shortest = 3 * time.Second
	// edge: the load is as long as its plan; in ticks it can be this much shorter.
	edge = 2 * time.Second
	// startUp bounds the wait for the first tick: k6 compiles the script first.
	startUp = 60 * time.Second
	// silence: without a tick for so long, the generator is gone or stuck.
	silence = 15 * time.Second
	// deadAfter seconds in which no request was answered the target is lost.
	deadAfter = 5
)

// ErrBroken marks what ended a run before its time; the run file says the rest.
var ErrBroken = errors.New("run broken off")

// Record conducts the run. The returned run holds all that was written, also
// with an error. The error carries the exit status: 2 when nothing was put
// under load, 4 when the run broke off, 130 when ctx was cancelled.
func Record(ctx context.Context, o Options) (*evidence.Run, error) {
	if err := preflight(ctx, o); err != nil {
		return nil, err
	}
	env, err := collect.Environment(ctx, o.Target)
	if err != nil {
		return nil, hint.Exit(fmt.Errorf("look at the environment: %w", err), hint.NotStarted)
	}
	o.Run.Environment = env
	o.Run.Started = time.Now().UTC()
	w, err := evidence.Create(o.Path, &o.Run)
	if err != nil {
		return nil, hint.Exit(hint.Wrap(err, "choose another directory with -o"), hint.NotStarted)
	}
	c := &conductor{Options: o, w: w, second: evidence.NewHistogram()}
	return c.conduct(ctx)
}

type conductor struct {
	Options
	w    *evidence.Writer
	set  *collect.Set
	load Load

	second           *evidence.Histogram // latencies of the last second, for Progress
	requests, failed int64               // since the load began, for Progress
	underWay         int64               // requests sent and not answered
	alive            bool                // an answer has come
	dead             int                 // seconds without one since
	before           time.Duration       // that the generator ran without a request
	elapsed          time.Duration       // of the load
	over             bool                // the load has ended by itself
}

// gcPercent: the recorder's heap is some ten megabytes, and collecting it at every
// doubling was a fifth of what observing costs. It may grow to five times that.
const gcPercent = 400

func (c *conductor) conduct(ctx context.Context) (*evidence.Run, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	// The recorder mostly sleeps. On one processor, what wakes up does not wake another
	// thread to look for more to do.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer c.w.Close()
	c.Target.GeneratorPID = func() int {
		if c.load == nil {
			return 0
		}
		return c.load.PID()
	}
	c.set = collect.Open(ctx, c.Target, c.w)
	defer c.set.Close()
	err := c.phases(ctx)
	end := evidence.End{Reason: evidence.Completed, At: time.Now().UTC()}
	if err != nil {
		end.Reason, end.Detail = reason(ctx, err)
	}
	// The end is written even when ctx is over. Where nothing can be written any
	// more, that has been said.
	if werr := c.w.End(end, c.overhead()); werr != nil && end.Reason != evidence.NotSaved {
		err = errors.Join(notSaved(werr), err)
	}
	return c.w.Run(), err
}

func (c *conductor) phases(ctx context.Context) error {
	if err := c.wait(ctx, "baseline", evidence.Baseline, baseline); err != nil {
		return err
	}
	if err := c.probe(ctx); err != nil {
		return err
	}
	if err := c.run(ctx); err != nil {
		return err
	}
	if c.jobsWaiting() {
		return c.wait(ctx, "drain", evidence.Drain, drain)
	}
	return nil
}

// overhead is what observing cost. Processor time counts while load was on only:
// the isolation probe takes many snapshots, and nobody is there to be disturbed.
func (c *conductor) overhead() evidence.Overhead {
	o := c.set.Overhead()
	var recorder, server, capacity float64
	for _, w := range c.w.Run().Windows {
		if w.Phase != evidence.Settle && w.Phase != evidence.Measure {
			continue
		}
		if w.Host != nil {
			capacity += float64(w.Host.Cores) * float64(w.Length)
		}
		for _, p := range w.Processes {
			switch p.Role {
			case evidence.Recorder:
				recorder += p.Run
			case evidence.OwnServer:
				server += p.Run
			}
		}
	}
	if capacity > 0 {
		o.Recorder, o.Server, o.CPUSeconds = recorder, server, recorder+server
		o.Share = o.CPUSeconds / capacity
	}
	return o
}

// wait lets time pass and writes it as a window without load.
func (c *conductor) wait(ctx context.Context, what string, phase evidence.Phase, d time.Duration) error {
	c.tell(Progress{Phase: what})
	c.set.Cut(ctx, &evidence.Window{}) // what happened before is nobody's
	start := time.Now()
	if err := sleep(ctx, d); err != nil {
		return err
	}
	w := evidence.Window{Phase: phase, Step: -1, Start: start.UTC(), Length: scenarios.Seconds(time.Since(start).Seconds())}
	c.set.Cut(ctx, &w)
	return c.write(w)
}

func (c *conductor) write(w evidence.Window) error {
	if err := c.w.Window(w); err != nil {
		return notSaved(err)
	}
	return nil
}

func (c *conductor) jobsWaiting() bool {
	ws := c.w.Run().Windows
	if len(ws) == 0 {
		return false
	}
	for _, j := range ws[len(ws)-1].Jobs {
		if j.Waiting > 0 {
			return true
		}
	}
	return false
}

func (c *conductor) tell(p Progress) {
	if c.Progress != nil {
		c.Progress(p)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return interrupted(ctx)
	case <-t.C:
		return nil
	}
}

// breakOff is the error of a run that ended before its time.
type breakOff struct {
	reason string
	err    error
}

func (b *breakOff) Error() string {
	if b.err == nil || b.err.Error() == b.reason {
		return b.reason
	}
	return b.reason + ": " + b.err.Error()
}

func (b *breakOff) Unwrap() []error { return []error{ErrBroken, b.err} }

func broken(reason, what string, err error) error {
	return hint.Exit(hint.Wrap(&breakOff{reason, err}, what), hint.BrokenOff)
}

func notSaved(err error) error {
	return broken(evidence.NotSaved, "make room, or choose another directory with -o", err)
}

func interrupted(ctx context.Context) error {
	err := hint.Wrap(&breakOff{evidence.Interrupted, context.Cause(ctx)}, "the windows closed before are in the run file")
	return hint.Exit(err, hint.Interrupted)
}

// reason returns why the run ended before its time, and more about it.
func reason(ctx context.Context, err error) (reason, detail string) {
	if b, ok := errors.AsType[*breakOff](err); ok {
		if b.err != nil {
			detail = b.err.Error()
		}
		return b.reason, detail
	}
	if ctx.Err() != nil {
		return evidence.Interrupted, err.Error()
	}
	return evidence.LoadFailed, err.Error()
}

// seconds rounds to milliseconds: more digits of a window's length are noise.
func seconds(d time.Duration) scenarios.Seconds {
	return scenarios.Seconds(math.Round(d.Seconds()*1e3) / 1e3)
}
