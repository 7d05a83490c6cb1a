package record

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A part is a stretch of the load that becomes one window.
type part struct {
	phase  evidence.Phase
	step   int
	stage  scenarios.Stage
	length time.Duration
	until  time.Duration // since the generator began; 0: until it is as long as it should be
}

// parts divides the plan. Each ends when the plan says so, however long the ones
// before it have become: ticks are whole seconds, and stages need not be.
func parts(p scenarios.Plan) []part {
	var out []part
	var at time.Duration
	add := func(phase evidence.Phase, i int, s scenarios.Stage, length time.Duration) {
		at += length
		out = append(out, part{phase, i, s, length, at})
	}
	for i, s := range p.Stages {
		if s.Settle > 0 {
			add(evidence.Settle, i, s, s.Settle.Duration())
		}
		add(evidence.Measure, i, s, s.Measure.Duration())
	}
	return out
}

// over reports whether a part that is so long ends at the given time, for ticks of
// a second. What settles is not measured, and neither is what comes next.
func (p part) over(length, at time.Duration) bool {
	switch {
	case p.until == 0:
		return length >= p.length
	case p.phase == evidence.Measure:
		return at+time.Second > p.until
	}
	return at >= p.until
}

// run puts the load on and cuts its windows. The generator's ticks are the
// clock: a window ends with the tick that fills it, so that what the users saw
// and what the collectors read are of the same time.
func (c *conductor) run(ctx context.Context) error {
	c.set.Cut(ctx, &evidence.Window{}) // what the probe did is in the footprints
	load, err := c.Start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		return generator(err)
	}
	c.load = load
	err = c.cutAll(ctx)
	// Of a load that is ending by itself, Stop would make one that was asked to,
	// and why it ended would be lost.
	if !c.over {
		load.Stop()
		for range load.Ticks() { // let it end in order
		}
	}
	thresholds, werr := load.Wait()
	if len(thresholds) > 0 {
		if terr := c.w.Thresholds(thresholds); terr != nil {
			err = errors.Join(err, notSaved(terr))
		}
	}
	if refused := load.Refused(); refused != "" {
		if terr := c.w.Missing(evidence.Latency, refused); terr != nil {
			err = errors.Join(err, notSaved(terr))
		}
	}
	// That it ended too early is seen here; why, it knows itself.
	if werr != nil && (err == nil || errors.Is(err, errEarly)) {
		err = generator(werr)
	}
	return err
}

// errEarly marks a load that has ended before its plan.
var errEarly = errors.New("the generator ended")

// generator is broken for an error of the generator's own, which may have a hint
// and know that no load was sent yet.
func generator(err error) error {
	what, status := hint.Of(err), hint.BrokenOff
	if what == "" {
		what = "run it by hand with: scalecheck k6 run …"
	}
	if hint.Status(err) == hint.NotStarted {
		status = hint.NotStarted
	}
	return hint.Exit(broken(evidence.LoadFailed, what, err), status)
}

func (c *conductor) cutAll(ctx context.Context) error {
	if c.Run.Plan.Kind == scenarios.Script {
		for i := 0; ; i++ {
			more, err := c.cut(ctx, part{phase: evidence.Measure, step: i, length: slice}, 0, 0)
			if err != nil || !more {
				return err
			}
		}
	}
	ps := parts(c.Run.Plan)
	var total time.Duration
	for _, p := range ps {
		total += p.length
	}
	for i, p := range ps {
		more, err := c.cut(ctx, p, len(c.Run.Plan.Stages), total)
		if err != nil {
			return err
		}
		// The generator's first and last second are not whole ones.
		if !more && (i < len(ps)-1 || c.before+c.elapsed < total-edge) {
			return broken(evidence.LoadFailed, "run it by hand with: scalecheck k6 run …",
				fmt.Errorf("%w in step %d of %d", errEarly, p.step+1, len(c.Run.Plan.Stages)))
		}
	}
	return nil
}

// cut fills one window. It returns false when the load has ended; a window of
// a script that was begun by then is written if it is long enough.
func (c *conductor) cut(ctx context.Context, p part, steps int, total time.Duration) (bool, error) {
	// The window grows tick by tick: kept until its end, they would be half of this
	// process's memory. Until then its length is the one that it should get.
	w := evidence.Window{
		Phase: p.phase, Step: p.step, Length: seconds(p.length),
		Users: p.stage.Users, Rate: p.stage.Rate,
	}
	var length time.Duration
	more := true
	var cause error
	cutting := slicing{whole: p.length}
	for !p.over(length, c.before+c.elapsed) && more && cause == nil {
		t, ok, err := c.tick(ctx)
		switch {
		case err != nil:
			cause = err
		case !ok:
			more = false
		case c.elapsed == 0 && !t.Alive:
			// Before the first request there is no load.
			c.before += t.Length.Duration()
		default:
			if w.Start.IsZero() {
				w.Start = t.Start
			}
			if err := w.Add(t); err != nil {
				return more, broken(evidence.LoadFailed, "", err)
			}
			length += t.Length.Duration()
			if cutting.add(t) {
				c.set.Slice(context.WithoutCancel(ctx), &cutting.out[len(cutting.out)-1])
			}
			c.elapsed += t.Length.Duration()
			if s, ok := c.moment(t); ok {
				w.Seconds = append(w.Seconds, s)
			}
			c.note(p, t, steps, total)
			cause = c.lost(t)
		}
	}
	// A window that was broken off is kept when it says something: with what
	// went before, it shows how the end came about.
	if length >= min(shortest, p.length) && (cause == nil || length >= p.length/2) {
		w.Slices = cutting.out
		setLength(&w, length)
		c.set.Cut(context.WithoutCancel(ctx), &w)
		if err := c.write(w); err != nil {
			return more, errors.Join(err, cause)
		}
	}
	if cause == nil {
		if err := c.set.Lost(); err != nil {
			cause = broken(evidence.DatabaseLost, "see the server's log; the windows closed before are in the run file", err)
		}
	}
	return more, cause
}

// moment returns what was under way in a tick that has just ended, and how busy the
// processors were; false where one of them is not known.
func (c *conductor) moment(t evidence.Tick) (evidence.Second, bool) {
	began := c.underWay
	c.underWay += t.Generator.Started - t.Generator.Completed
	busy, ok := c.set.Busy()
	return evidence.Second{
		Length: t.Length, InFlight: float64(began+c.underWay) / 2, Busy: busy,
	}, ok && t.Generator.Clock == evidence.IntendedStart
}

// setLength gives a window the length that it really had. Averages over it were
// added up with the one that it should have had.
func setLength(w *evidence.Window, d time.Duration) {
	should := w.Length
	w.Length = seconds(d)
	if w.Length > 0 {
		w.Generator.InFlight *= float64(should / w.Length)
		w.Generator.ActiveUsers *= float64(should / w.Length)
	}
}

// tick waits for the next second of load.
func (c *conductor) tick(ctx context.Context) (evidence.Tick, bool, error) {
	patience := silence
	if c.elapsed == 0 {
		patience = startUp
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return evidence.Tick{}, false, interrupted(ctx)
	case t, ok := <-c.load.Ticks():
		c.over = !ok
		return t, ok, nil
	case <-timer.C:
		return evidence.Tick{}, false, broken(evidence.LoadFailed, "is the machine overloaded?",
			fmt.Errorf("the generator was silent for %s", patience))
	}
}

// lost notices that the target has gone: it answered once, and for some
// seconds every request has ended without any answer.
func (c *conductor) lost(t evidence.Tick) error {
	var answered, unanswered int64
	kinds := map[string]int64{}
	for _, e := range t.Endpoints {
		for _, n := range e.Statuses {
			answered += n
		}
		for kind, n := range e.Errors {
			if unreachable(kind) {
				unanswered += n
				kinds[kind] += n
			}
		}
	}
	switch {
	case answered > 0:
		c.alive, c.dead = true, 0
	case unanswered > 0:
		c.dead++
	}
	if c.dead < deadAfter {
		return nil
	}
	var most string
	for kind, n := range kinds {
		if n > kinds[most] || n == kinds[most] && kind < most {
			most = kind
		}
	}
	what := "it stopped answering"
	if !c.alive {
		what = "it never answered the scenario's requests"
	}
	return broken(evidence.TargetLost, "is it still running? The windows closed before are in the run file",
		fmt.Errorf("%s: %s for %d s", what, most, c.dead))
}

// unreachable reports whether an error kind means that no answer came.
func unreachable(kind string) bool {
	for _, s := range []string{"refused", "reset", "eof", "no route", "unreachable", "timeout", "closed", "network"} {
		if strings.Contains(strings.ToLower(kind), s) {
			return true
		}
	}
	return false
}

func (c *conductor) note(p part, t evidence.Tick, steps int, total time.Duration) {
	c.second.Reset()
	var requests, failed int64
	for _, e := range t.Endpoints {
		requests += e.Requests
		failed += e.Failed
		if err := c.second.Merge(e.Latency); err != nil {
			return // cut says so
		}
	}
	c.requests += requests
	c.failed += failed
	users := p.stage.Users
	if users == 0 {
		users = t.Generator.ActiveUsers
	}
	c.tell(Progress{
		Phase: "load", Step: p.step + 1, Steps: steps, Settling: p.phase == evidence.Settle,
		Elapsed: c.elapsed, Total: total, Users: users,
		RPS: float64(requests-failed) / max(float64(t.Length), 1e-9),
		P95: c.second.Quantile(0.95), Failed: c.failed, Requests: c.requests,
	})
}
