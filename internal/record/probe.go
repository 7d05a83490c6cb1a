package record

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

const (
	// warmUps fill caches of plans, pages and the app before anything counts.
	warmUps = 2
	// alone is how many requests of an endpoint are counted. Counts of
	// statements are exact with one; five show what varies, and make processor
	// time (schedstat has nanoseconds) a mean.
	alone = 5
	// probeTime bounds the whole probe; endpoints beyond it are noted as missing.
	probeTime = 45 * time.Second
)

// probe sends each endpoint alone, a few times, and writes down what it did:
// statements, outgoing calls, processor time. On an idle system that is exact,
// whatever the application is written in.
func (c *conductor) probe(ctx context.Context) error {
	if c.Prober == nil {
		if c.NoProbe == "" {
			return nil
		}
		return c.missing(c.NoProbe)
	}
	deadline := time.Now().Add(probeTime)
	background := c.background()
	var prints []evidence.Footprint
	for _, endpoint := range c.Prober.Endpoints() {
		if m := c.Prober.Method(endpoint); m != http.MethodGet && !c.Writes {
			if err := c.missing(fmt.Sprintf("%s was not probed: it writes, and only the bundled app or --probe-writes allows that", endpoint)); err != nil {
				return err
			}
			continue
		}
		if time.Now().After(deadline) {
			if err := c.missing(fmt.Sprintf("%s was not probed: the probe took longer than %s", endpoint, probeTime)); err != nil {
				return err
			}
			continue
		}
		c.tell(Progress{Phase: "probe", Detail: endpoint})
		f, err := c.probeOne(ctx, endpoint, background)
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if err != nil {
			if err := c.missing(fmt.Sprintf("%s was not probed: %v", endpoint, err)); err != nil {
				return err
			}
			continue
		}
		prints = append(prints, f)
	}
	if err := c.w.Footprints(prints); err != nil {
		return notSaved(err)
	}
	return nil
}

func (c *conductor) missing(reason string) error {
	if err := c.w.Missing(evidence.Footprints, reason); err != nil {
		return notSaved(err)
	}
	return nil
}

func (c *conductor) probeOne(ctx context.Context, endpoint string, background evidence.Window) (evidence.Footprint, error) {
	f := evidence.Footprint{Endpoint: endpoint}
	var ws []evidence.Window
	for i := range warmUps + alone {
		if err := c.Prober.Prepare(ctx, endpoint); err != nil {
			return f, err
		}
		counts := i >= warmUps
		if counts {
			// What it took to get here (a login, a list) is not the endpoint's.
			c.set.Cut(ctx, &evidence.Window{})
		}
		start := time.Now()
		// The app's, around the request alone: the look that follows costs it ten times as
		// much as a small request, since it answers for its metrics. What looking costs
		// the server is told apart, but sessions that a request opens are not known before.
		app := c.set.Used(evidence.App)
		res, err := c.Prober.Send(ctx)
		if err != nil {
			return f, err
		}
		if !counts {
			continue
		}
		f.AppCPU += max(0, c.set.Used(evidence.App)-app)
		one := evidence.Window{Start: start, Length: scenarios.Seconds(time.Since(start).Seconds())}
		c.set.Cut(ctx, &one)
		one.Length = scenarios.Seconds(time.Since(start).Seconds())
		ws = append(ws, one)
		f.Requests++
		f.Seconds += res.End.Sub(res.Start).Seconds()
		if res.Err != "" {
			f.Failed++
		}
	}
	if f.Failed == f.Requests {
		return f, fmt.Errorf("all of its requests failed")
	}
	return f, footprint(&f, ws, background)
}

// background is what the system did by itself.
func (c *conductor) background() evidence.Window {
	for _, w := range c.w.Run().Windows {
		if w.Phase == evidence.Baseline {
			return w
		}
	}
	return evidence.Window{}
}

// footprint turns what happened while the endpoint was alone into figures for
// one request, less what would have happened anyway. What followed only a few of
// the requests was not theirs: jobs of earlier requests end in their own time.
func footprint(f *evidence.Footprint, ws []evidence.Window, background evidence.Window) error {
	w, err := evidence.Merge(ws)
	if err != nil {
		return err
	}
	n := float64(f.Requests)
	f.Seconds /= n
	// idle is how many times longer the baseline was.
	idle := 0.0
	if background.Length > 0 {
		idle = float64(w.Length / background.Length)
	}
	for _, s := range w.Statements {
		if s.Own {
			continue
		}
		for _, b := range background.Statements {
			if b.ID == s.ID {
				s.Calls -= b.Calls * idle
				s.Rows -= b.Rows * idle
				s.Seconds -= b.Seconds * idle
				s.Hit -= b.Hit * idle
				s.Read -= b.Read * idle
			}
		}
		// Less than one call in all the requests is a background's rounding.
		if s.Calls < 1 || 2*followed(ws, s.ID) <= len(ws) {
			continue
		}
		f.DBSeconds += s.Seconds / n
		f.Statements = append(f.Statements, evidence.FootprintStatement{
			ID: s.ID, Calls: s.Calls / n, Rows: max(0, s.Rows/n), Blocks: max(0, (s.Hit+s.Read)/n), Seconds: max(0, s.Seconds/n),
			Each: each(ws, s.ID),
		})
	}
	slices.SortFunc(f.Statements, func(a, b evidence.FootprintStatement) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID))
	})
	for _, call := range w.Calls {
		if call.Count > 0 {
			f.Calls = append(f.Calls, evidence.FootprintCall{
				Dependency: call.Dependency, System: call.System, Calls: call.Count / n, Seconds: call.Seconds / n,
				Every: called(ws, call.Dependency) == len(ws),
			})
		}
	}
	f.AppCPU = less(f.AppCPU/n, evidence.App, f.Seconds, background)
	var server float64
	for _, p := range w.Processes {
		if p.Role == evidence.Postgres {
			server += p.Run
		}
	}
	f.ServerCPU = less(server/n, evidence.Postgres, float64(w.Length)/n, background)
	return nil
}

// each returns what each of the requests sent of the statement.
func each(ws []evidence.Window, id string) []evidence.Sent {
	out := make([]evidence.Sent, len(ws))
	for i, w := range ws {
		for _, s := range w.Statements {
			if s.ID == id {
				out[i].Calls += s.Calls
				out[i].Rows += s.Rows
			}
		}
	}
	return out
}

// followed returns how many of the requests sent the statement.
func followed(ws []evidence.Window, id string) int {
	var n int
	for _, w := range ws {
		if slices.ContainsFunc(w.Statements, func(s evidence.Statement) bool { return s.ID == id && s.Calls >= 1 }) {
			n++
		}
	}
	return n
}

// called returns how many of the requests saw a call to the dependency.
func called(ws []evidence.Window, dependency string) int {
	var n int
	for _, w := range ws {
		if slices.ContainsFunc(w.Calls, func(c evidence.Call) bool { return c.Dependency == dependency && c.Count >= 1 }) {
			n++
		}
	}
	return n
}

// less returns the used processor time less what processes of the role would have
// used in those seconds anyway.
func less(used float64, role string, seconds float64, background evidence.Window) float64 {
	for _, p := range background.Processes {
		if p.Role == role && background.Length > 0 {
			used -= p.Run * seconds / float64(background.Length)
		}
	}
	return max(0, used)
}
