package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// stepWindows returns the windows of each step as one.
func stepWindows(run *evidence.Run, steps int) ([]evidence.Window, error) {
	out := make([]evidence.Window, steps)
	for i, ws := range capacity.Groups(run) {
		if i >= steps {
			break
		}
		w, err := evidence.Merge(ws)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		out[i] = w
	}
	return out, nil
}

// judged fills in what the document says of the judged step alone.
func (d *document) judged(run *evidence.Run, step *capacity.Step, w *evidence.Window, doc stepPart) {
	d.Coverage = doc.Coverage
	g := &d.Generator
	g.CPU, g.Lag, g.Dropped = doc.CPU.Generator, doc.Lag, doc.Dropped
	g.Started, g.Completed, g.Clock = w.Generator.Started, w.Generator.Completed, w.Generator.Clock

	if spent := step.Window(); spent.Length > 0 { // a model made by hand has none
		w = &spent
	}
	d.Statements = statements(run, step, w)
	d.Endpoints = endpoints(run, step, d.Statements)
	d.StatementsTotal = len(d.Statements)
	d.Statements = d.Statements[:min(len(d.Statements), maxStatements)]

	d.Workload = workloadDoc(step.Workload)
	for _, p := range step.Paths {
		d.Paths = append(d.Paths, pathPart{p.Name, p.Walked, p.Failed, quantiles(p.Latency), string(p.Status)})
	}
	d.Jobs = jobs(w)
	d.Dependencies = dependencies(w)
	d.Pools = pools(w)
}

func workloadDoc(l capacity.Workload) workloadPart {
	p := workloadPart{
		Shift: nonNegative(l.Shift), Limit: positive(l.Limit),
		Requests: l.Requests, Refused: l.Refused, Offered: l.Offered, Sessions: l.Sessions, Dropped: l.Dropped,
	}
	for _, e := range l.Mix {
		p.Mix = append(p.Mix, mixPart{e.Endpoint, number(e.Intended), number(e.Delivered)})
	}
	return p
}

// statements returns the statements of the window, heaviest first.
func statements(run *evidence.Run, step *capacity.Step, w *evidence.Window) []statementPart {
	sums := map[string]*statementPart{}
	all := 0.0 // seconds of statements that are not part of another
	for _, s := range w.Statements {
		if s.Own {
			continue
		}
		p := sums[s.ID]
		if p == nil {
			t := run.Texts[s.ID]
			p = &statementPart{ID: s.ID, Text: run.Text(s.ID), Fingerprint: t.Fingerprint, Kind: t.Kind, Nested: true, Load: unknown}
			sums[s.ID] = p
		}
		p.Calls += number(s.Calls)
		p.Seconds += number(s.Seconds)
		p.Rows += number(s.Rows)
		p.Blocks += number(s.Hit + s.Read)
		p.Read += number(s.Read)
		p.Nested = p.Nested && s.Nested
		if !s.Nested {
			all += s.Seconds
		}
	}
	loads := map[string]float64{}
	if step.Ledger != nil {
		for _, e := range step.Ledger.Time {
			if e.Statement != "" {
				loads[e.Statement] += e.Amount
			}
		}
	}
	senders := map[string][]string{}
	for _, f := range run.Footprints {
		for _, s := range f.Statements {
			if !slices.Contains(senders[s.ID], f.Endpoint) {
				senders[s.ID] = append(senders[s.ID], f.Endpoint)
			}
		}
	}
	var ps []statementPart
	for id, p := range sums {
		p.Mean = ratio(float64(p.Seconds), float64(p.Calls))
		p.CallsPerMinute = ratio(float64(p.Calls)*60, float64(w.Length))
		p.ShareOfDBTime = ratio(float64(p.Seconds), all)
		if step.Ledger != nil {
			p.Load = number(loads[id])
		}
		p.Endpoints = slices.Sorted(slices.Values(senders[id]))
		ps = append(ps, *p)
	}
	slices.SortFunc(ps, func(a, b statementPart) int {
		if step.Ledger != nil && a.Load != b.Load {
			return cmp.Compare(b.Load, a.Load)
		}
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.ID, b.ID))
	})
	return ps
}

func endpoints(run *evidence.Run, step *capacity.Step, stmts []statementPart) []endpointPart {
	prints := map[string]*evidence.Footprint{}
	for i := range run.Footprints {
		prints[run.Footprints[i].Endpoint] = &run.Footprints[i]
	}
	byID := map[string]*statementPart{}
	for i := range stmts {
		byID[stmts[i].ID] = &stmts[i]
	}
	var ps []endpointPart
	for _, e := range step.Endpoints {
		p := endpointPart{
			Name: e.Name, Requests: e.Requests, Failed: e.Failed, Errors: maps.Clone(e.Errors),
			Throughput: number(e.Throughput), Latency: quantiles(e.Latency), InFlight: number(e.InFlight),
			Status: string(e.Status), Alone: unknown, QueriesPerRequest: unknown,
		}
		if f := prints[e.Name]; f != nil {
			p.footprint(f, step, byID)
		}
		ps = append(ps, p)
	}
	return ps
}

// footprint adds what one request does, and what that makes at the step's rate.
func (p *endpointPart) footprint(f *evidence.Footprint, step *capacity.Step, stmts map[string]*statementPart) {
	loads := map[string]float64{}
	if step.Ledger != nil {
		for _, e := range step.Ledger.Time {
			if e.Endpoint == p.Name {
				loads[e.Statement] += e.Amount
			}
		}
	}
	p.Alone, p.QueriesPerRequest = positive(f.Seconds), 0
	rate := float64(p.Throughput)
	for _, s := range f.Statements {
		p.QueriesPerRequest += number(s.Calls)
		es := endpointStatementPart{
			ID: s.ID, CallsPerRequest: number(s.Calls), CallsPerMinute: number(s.Calls * rate * 60),
			Rows: number(s.Rows), Blocks: number(s.Blocks), Seconds: number(s.Seconds), Load: unknown, ShareOfDBTime: unknown,
		}
		if step.Ledger != nil {
			es.Load = number(loads[s.ID])
		}
		if st := stmts[s.ID]; st != nil {
			es.ShareOfDBTime = st.ShareOfDBTime * part(es, st)
		}
		p.Statements = append(p.Statements, es)
	}
	slices.SortStableFunc(p.Statements, func(a, b endpointStatementPart) int {
		return cmp.Or(cmp.Compare(b.CallsPerRequest, a.CallsPerRequest), cmp.Compare(a.ID, b.ID))
	})
	for _, c := range f.Calls {
		p.Calls = append(p.Calls, endpointCallPart{c.Dependency, number(c.Calls), number(c.Seconds)})
	}
}

// part is the endpoint's part of a statement: of the requests in flight in it,
// else of its calls.
func part(es endpointStatementPart, st *statementPart) number {
	p := ratio(float64(es.Load), float64(st.Load))
	if !p.known() {
		p = ratio(float64(es.CallsPerMinute), float64(st.CallsPerMinute))
	}
	return min(p, 1)
}

func jobs(w *evidence.Window) []jobPart {
	var ps []jobPart
	for _, q := range w.Jobs {
		ps = append(ps, jobPart{
			Queue: q.Queue, Kind: q.Kind,
			Waiting: number(q.Waiting), Before: number(q.Before), Running: number(q.Running), Oldest: number(q.Oldest),
			Arrived: ratio(q.Arrived, float64(w.Length)), Finished: ratio(q.Finished, float64(w.Length)),
			Failed: number(q.Failed), Work: positive(q.Work),
		})
	}
	slices.SortFunc(ps, func(a, b jobPart) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Queue, b.Queue), cmp.Compare(a.Kind, b.Kind))
	})
	return ps
}

func dependencies(w *evidence.Window) []dependencyPart {
	var ps []dependencyPart
	for _, c := range w.Calls {
		ps = append(ps, dependencyPart{
			Name: c.Dependency, System: c.System,
			Rate: ratio(c.Count, float64(w.Length)), Mean: ratio(c.Seconds, c.Count),
			Failed: number(c.Failed), Throttled: number(c.Throttled),
		})
	}
	slices.SortFunc(ps, func(a, b dependencyPart) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Name, b.Name), cmp.Compare(a.System, b.System))
	})
	return ps
}

func pools(w *evidence.Window) []poolPart {
	var ps []poolPart
	for _, s := range w.Pools {
		ps = append(ps, poolPart{
			Name: s.Name, Max: number(s.Max), InUse: number(s.InUse),
			Waits: number(s.Waits), Wait: ratio(s.Wait, s.Acquires),
		})
	}
	slices.SortFunc(ps, func(a, b poolPart) int { return cmp.Compare(a.Name, b.Name) })
	return ps
}
