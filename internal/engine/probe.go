package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Prober is one user who sends single requests: the isolation probe. It is
// not safe for concurrent use.
type Prober struct {
	w       *walker
	routes  []string
	methods map[string]string
	number  int // of the latest user

	u        *user
	way      way
	lists    map[int][]string // what was there to choose from, by slot
	sent     int              // since Prepare
	prepared bool
}

// A way leads to an endpoint: the requests to send before.
type way struct {
	persona  int
	before   []int
	endpoint int
	cost     int
}

const (
	// tries is how many users are tried: not everybody has what it takes, such
	// as a conversation.
	tries = 5
	// firstProber keeps the sessions of the probe apart from those of the load.
	firstProber = 1 << 30
)

// NewProber returns a prober for the endpoints of the scenario. Of the plan it
// uses target, seed and limits. Close it.
func NewProber(o Options) (*Prober, error) {
	w, err := newWalker(Options{Scenario: o.Scenario, Plan: o.Plan})
	if err != nil {
		return nil, err
	}
	p := &Prober{w: w, methods: map[string]string{}, number: firstProber}
	for _, e := range w.endpoints {
		if _, ok := p.methods[e.route]; !ok {
			p.routes = append(p.routes, e.route)
			p.methods[e.route] = e.method
		}
	}
	return p, nil
}

// Close closes the prober's connections.
func (p *Prober) Close() {
	p.leave()
	p.w.transport.close()
}

// Endpoints returns the routes of the scenario, in its order.
func (p *Prober) Endpoints() []string { return slices.Clone(p.routes) }

// Method returns the method of the endpoint, or "" if there is no such endpoint.
func (p *Prober) Method(endpoint string) string { return p.methods[endpoint] }

// Prepare logs in and requests whatever is needed so that the endpoint can be
// requested, by the cheapest path. Afterwards nothing is sent until Send.
func (p *Prober) Prepare(ctx context.Context, endpoint string) error {
	p.leave()
	ways := p.ways(endpoint)
	if len(ways) == 0 {
		return fmt.Errorf("probe %s: no persona can request it", endpoint)
	}
	var err error
	for _, w := range ways {
		for range tries {
			var lost bool
			if lost, err = p.walk(ctx, w); err == nil {
				return nil
			}
			if p.leave(); lost {
				return fmt.Errorf("probe %s: %w", endpoint, err)
			}
			if len(w.before) == 0 {
				break // another user would fare no better
			}
		}
	}
	return fmt.Errorf("probe %s: %w", endpoint, err)
}

// walk goes the way with a new user; lost: the target does not answer at all.
func (p *Prober) walk(ctx context.Context, w way) (lost bool, err error) {
	if err := p.enter(w.persona); err != nil {
		return false, err
	}
	for _, i := range w.before {
		if !p.u.Can(i) {
			return false, p.missing(i)
		}
		if r := p.u.send(ctx, ctx, i, time.Now(), nil); r.Err != "" {
			return r.Status == 0, fmt.Errorf("%s on the way there: %s", r.Endpoint, r.Err)
		}
	}
	if !p.u.Can(w.endpoint) {
		return false, p.missing(w.endpoint)
	}
	p.way, p.sent, p.prepared = w, 0, true
	p.lists = map[int][]string{}
	for _, s := range p.w.model.Needs(w.endpoint) {
		p.lists[s] = slices.Clone(p.u.vars[s].list)
	}
	return false, nil
}

func (p *Prober) missing(endpoint int) error {
	for _, s := range p.w.model.Needs(endpoint) {
		if len(p.u.vars[s].list) == 0 {
			return fmt.Errorf("no answer has a value for ${%s} of %s", p.w.slots[s].name, p.w.endpoints[endpoint].route)
		}
	}
	return nil
}

// Send sends exactly the one request that was prepared, for a different entity
// each time where the data allows it.
func (p *Prober) Send(ctx context.Context) (Result, error) {
	if !p.prepared {
		return Result{}, errors.New("probe: send without prepare")
	}
	if len(p.way.before) == 0 && p.sent > 0 { // nothing holds us to this user
		p.leave()
		if err := p.enter(p.way.persona); err != nil {
			return Result{}, fmt.Errorf("probe: %w", err)
		}
		p.prepared = true
	}
	for _, s := range p.w.endpoints[p.way.endpoint].sources { // what is not tied to earlier requests is drawn anew
		if !p.tied(s) {
			p.u.vars[s].at = 0
		}
	}
	for _, s := range p.w.model.Needs(p.way.endpoint) {
		v, list := &p.u.vars[s], p.lists[s]
		v.list = append(v.list[:0], list...) // the previous answer may have bound it anew
		v.cur, v.at = list[p.sent%len(list)], p.u.request+1
	}
	p.sent++
	r := p.u.send(ctx, ctx, p.way.endpoint, time.Now(), nil)
	if r.Err == unsent {
		return r, fmt.Errorf("probe: %w", ctx.Err())
	}
	return r, nil
}

// tied reports whether a request on the way used slot s, so that it says who
// the user is.
func (p *Prober) tied(s int) bool {
	if p.w.slots[s].pool != nil {
		return true
	}
	return slices.ContainsFunc(p.way.before, func(i int) bool { return slices.Contains(p.w.endpoints[i].sources, s) })
}

func (p *Prober) enter(persona int) error {
	p.number++
	p.u = p.w.newUser(p.number)
	if !p.u.reserve(&p.w.personas[persona]) {
		p.leave()
		return errors.New("an exclusive range of data is empty")
	}
	return nil
}

func (p *Prober) leave() {
	if p.u != nil {
		p.u.close()
	}
	p.u, p.prepared = nil, false
}

// ways returns how to get to the endpoint, the cheapest first: for each persona
// who requests it what the persona does at the start, then whatever binds the
// variables.
func (p *Prober) ways(route string) []way {
	var all []way
	m := p.w.model
	for i := range p.w.personas {
		start := m.Start(i)
		for k, e := range start {
			if p.w.endpoints[e].route == route {
				all = append(all, way{i, start[:k], e, m.Cost(start[:k])})
			}
		}
		for _, e := range m.Requests(i) {
			if p.w.endpoints[e].route != route {
				continue
			}
			if before, ok := m.Way(i, e); ok {
				all = append(all, way{i, before, e, m.Cost(before)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b way) int { return a.cost - b.cost })
	return all
}
