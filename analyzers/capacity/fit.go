package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Fit does the arithmetic. It fails only where histograms cannot be merged.
func Fit(r *evidence.Run) (*Model, error) {
	m := &Model{Judged: -1}
	groups := Groups(r)
	for i, ws := range groups {
		w, err := evidence.Merge(ws)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		s, err := fitStep(r, w)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		if err := s.widen(r, ws); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		s.Index = i
		m.Steps = append(m.Steps, *s)
	}
	m.judge()
	if s := m.Step(); s != nil {
		m.Caveats = append(m.Caveats, s.caveats...)
	}
	for i := range m.Steps {
		if i != m.Judged {
			m.Steps[i].Ledger = nil
		}
	}
	m.capacity()
	m.knee(r)
	m.Gates = gates(r, m)
	return m, nil
}

// judge chooses the step that findings are about. A miss while a neighbour took
// the processors may be the neighbour's: a later, quiet step decides, whether it
// misses, too, or keeps its objectives under more load.
func (m *Model) judge() {
	noisy := -1
	m.Judged = len(m.Steps) - 1
	for i := range m.Steps {
		s := &m.Steps[i]
		if s.disturbed() && noisy < 0 {
			noisy = i
		}
		if s.Status == Missed && !s.disturbed() {
			m.Judged = i
			break
		}
	}
	switch s := m.Step(); {
	case noisy < 0:
	case s.disturbed(), s.Status != Missed && s.Status != Met:
		m.Judged = noisy
	default:
		n := &m.Steps[noisy]
		m.Caveats = append(m.Caveats, fmt.Sprintf("step %d missed an objective while other processes used %.1f of %.0f cores; step %d, which was left in peace, is judged instead",
			noisy+1, n.CPU.Foreign+n.CPU.Steal, n.CPU.Cores, m.Judged+1))
	}
}

// sameLoad: slices of a script's run whose active users differ by less belong
// to one step.
const sameLoad = 0.2

// Groups returns the measured windows, step by step. A k6 script has no steps:
// neighbouring slices with about the same number of active users make one.
func Groups(r *evidence.Run) [][]evidence.Window {
	var groups [][]evidence.Window
	var level float64
	for _, w := range r.Measured() {
		last := len(groups) - 1
		same := last >= 0 && groups[last][0].Step == w.Step
		if r.Plan.Kind == scenarios.Script {
			users := w.Generator.ActiveUsers
			same = last >= 0 && math.Abs(users-level) <= sameLoad*max(users, level, 1)
			if !same {
				level = users
			}
		}
		if same {
			groups[last] = append(groups[last], w)
		} else {
			groups = append(groups, []evidence.Window{w})
		}
	}
	return groups
}

func fitStep(r *evidence.Run, w evidence.Window) (*Step, error) {
	s := &Step{Users: w.Users, Rate: w.Rate, Seconds: w.Length, window: w, spent: w, Workload: fitWorkload(r.Plan, w)}
	if r.Plan.Kind == scenarios.Script {
		s.Users = w.Generator.ActiveUsers
	}
	total, err := w.Total()
	if err != nil {
		return nil, err
	}
	seconds := float64(w.Length)
	if seconds <= 0 {
		return s, nil
	}
	s.Requests, s.Failed = total.Requests, total.Failed
	s.Throughput = float64(total.Requests-total.Failed) / seconds
	s.Latency = quantiles(total.Latency)
	s.CPU = cpuUse(w)
	for _, e := range w.Endpoints {
		x := float64(e.Requests) / seconds
		es := EndpointStep{
			Name: e.Name, Requests: e.Requests, Failed: e.Failed, Errors: e.Errors,
			Throughput: x, Latency: quantiles(e.Latency), InFlight: InFlight(x, e.Mean()) + stuck(e, seconds),
		}
		for _, o := range r.Plan.Objectives {
			if !o.Covers(e.Name) {
				continue
			}
			j := judge(o, e)
			s.Verdicts = append(s.Verdicts, j)
			es.Status = worse(es.Status, j.Status)
		}
		s.InFlight += es.InFlight
		s.Status = worse(s.Status, es.Status)
		s.Endpoints = append(s.Endpoints, es)
	}
	for _, p := range w.Paths {
		s.path(p, r.Plan)
	}
	s.unmeasured(r.Plan.Objectives)
	slices.SortFunc(s.Endpoints, func(a, b EndpointStep) int {
		return cmp.Or(cmp.Compare(b.InFlight, a.InFlight), cmp.Compare(a.Name, b.Name))
	})
	load := map[string]float64{}
	for _, e := range s.Endpoints {
		load[e.Name] = e.InFlight
	}
	slices.SortStableFunc(s.Verdicts, func(a, b Judgement) int {
		return cmp.Or(cmp.Compare(rank(b.Status), rank(a.Status)), cmp.Compare(load[b.Endpoint], load[a.Endpoint]))
	})
	s.routes = routes(s.Endpoints)
	s.Ledger = buildLedger(r, w, s)
	s.stations(w)
	return s, nil
}

// stuck returns the requests in flight that the latencies of a window of that length
// do not tell of, because they have not ended. In a steady state those that came into
// the window make up for it; where they were no more than a fifth of the others' time,
// nothing is added.
func stuck(e evidence.Endpoint, length float64) float64 {
	n := float64(e.Pending.Count())
	if n == 0 {
		return 0
	}
	waited := n * min(length, e.Pending.Mean())
	if waited <= mostCarried*e.Mean()*float64(e.Requests) {
		return 0
	}
	return waited / length
}

// routes returns the endpoints by what a sender may be called: their route, with its
// method and without.
func routes(es []EndpointStep) map[string][]string {
	out := map[string][]string{}
	for _, e := range es {
		route := evidence.Route(e.Name)
		out[route] = append(out[route], e.Name)
		if _, path, ok := strings.Cut(route, " "); ok {
			out[path] = append(out[path], e.Name)
		}
	}
	return out
}

// Refit returns the step as it would be if w had been measured beside the same
// requests: with another ledger and other stations, but the same traffic,
// latencies and processor use.
func (s *Step) Refit(r *evidence.Run, w evidence.Window) *Step {
	again := *s
	again.Stations, again.Unattributed, again.Coverage = nil, 0, 0
	again.Ledger = buildLedger(r, w, &again)
	again.stations(w)
	return &again
}

// path adds a path. Only objectives that name it are about it.
func (s *Step) path(p evidence.PathTime, plan scenarios.Plan) {
	ps := PathStep{Name: p.Name, Walked: p.Walked, Failed: p.Failed, Latency: quantiles(p.Latency)}
	if i := slices.IndexFunc(plan.Paths, func(q scenarios.Path) bool { return q.Name == p.Name }); i >= 0 {
		ps.Endpoints = plan.Paths[i].Endpoints
	}
	for _, o := range plan.Objectives {
		if o.Endpoint != p.Name {
			continue
		}
		j := judge(o, evidence.Endpoint{Name: p.Name, Requests: p.Walked, Failed: p.Failed, Latency: p.Latency})
		s.Verdicts = append(s.Verdicts, j)
		ps.Status = worse(ps.Status, j.Status)
	}
	s.Status = worse(s.Status, ps.Status)
	s.Paths = append(s.Paths, ps)
}

// unmeasured notes objectives of endpoints and paths that had no request.
func (s *Step) unmeasured(objectives []scenarios.Objective) {
	for _, o := range objectives {
		if o.Endpoint == "" || slices.ContainsFunc(s.Endpoints, func(e EndpointStep) bool { return e.Name == o.Endpoint }) ||
			slices.ContainsFunc(s.Paths, func(p PathStep) bool { return p.Name == o.Endpoint }) {
			continue
		}
		s.Verdicts = append(s.Verdicts, Judgement{Objective: o, Endpoint: o.Endpoint, Status: Unmeasured, Limit: float64(o.Limit) + o.Errors})
	}
}

func quantiles(h *evidence.Histogram) Quantiles {
	return Quantiles{
		N: h.Count(), Mean: h.Mean(), Max: h.Max(),
		P50: h.Quantile(0.5), P95: h.Quantile(0.95), P99: h.Quantile(0.99),
	}
}

func cpuUse(w evidence.Window) CPUUse {
	var c CPUUse
	seconds := float64(w.Length)
	for _, p := range w.Processes {
		run, queue := p.Run/seconds, p.Queue/seconds
		switch p.Role {
		case evidence.App:
			c.App += run
			c.AppQueue += queue
		case evidence.Postgres:
			c.Postgres += run
			c.PostgresQueue += queue
		case evidence.LoadGen:
			c.Generator += run
			c.GeneratorQueue += queue
		default:
			c.Recorder += run
		}
	}
	if w.Host != nil {
		c.Cores = float64(w.Host.Cores)
		c.Foreign = w.Host.Foreign / seconds
		c.Steal = w.Host.Steal / seconds
	}
	return c
}

// stations sums the ledger up by place.
func (s *Step) stations(w evidence.Window) {
	loads := map[Station]float64{}
	for _, e := range s.Ledger.Time {
		if e.Class == ClassOther {
			s.Unattributed += e.Amount
			continue
		}
		loads[place(e.Key)] += e.Amount
	}
	for st, load := range loads {
		st.Load = load
		st.Utilization = -1
		switch {
		case st.Bound == CPU:
			st.Utilization = s.CPU.Utilization()
			busy := s.CPU.App
			if st.Name == postgresCPU {
				busy = s.CPU.Postgres
			}
			if st.Name != cpuQueue {
				st.Demand = Demand(busy, s.Throughput)
			}
		case st.Bound == Pool:
			var used, size float64
			for _, p := range w.Pools {
				used, size = used+p.InUse, size+p.Max
			}
			if size > 0 {
				st.Utilization = used / size
				st.Demand = Demand(used, s.Throughput)
			}
		}
		s.Stations = append(s.Stations, st)
	}
	slices.SortFunc(s.Stations, func(a, b Station) int {
		return cmp.Or(cmp.Compare(b.Load, a.Load), cmp.Compare(a.Name, b.Name))
	})
	if s.InFlight > 0 {
		s.Coverage = 1 - s.Unattributed/s.InFlight
	}
}

const (
	appCPU      = "app cpu"
	postgresCPU = "postgres cpu"
	cpuQueue    = "cpu queue"
)

func place(k Key) Station {
	st := Station{Bound: k.Class.Bound()}
	switch k.Class {
	case ClassCPU:
		st.Name = appCPU
		if k.Statement != "" {
			st.Name = postgresCPU
		}
	case ClassQueue:
		st.Name = cpuQueue
	case ClassIO:
		st.Name = "data files"
	case ClassCommit:
		st.Name = "commit"
	case ClassLock:
		st.Name = "locks"
	case ClassLatch:
		st.Name = "lightweight locks"
	case ClassPool:
		st.Name = "connection pool"
	case ClassExternal:
		st.Name = k.Dependency
	default:
		st.Name = string(k.Class)
	}
	return st
}

func (m *Model) capacity() {
	c := &m.Capacity
	for _, s := range m.Steps {
		if s.disturbed() && s.Index != m.Judged {
			continue // says nothing: a later step was judged
		}
		if s.Status == Missed {
			c.NextUsers, c.NextSessions, c.NextRPS = s.Users, s.Rate, s.Throughput
			if len(s.Stations) > 0 {
				c.LimitedBy = s.Stations[0].Bound
			}
			break
		}
		if s.Status == Met || s.Status == TooFew || s.Status == "" {
			c.Users, c.Sessions, c.RPS = s.Users, s.Rate, s.Throughput
		}
	}
}

func offered(s Step) float64 {
	if s.Users > 0 {
		return s.Users
	}
	return s.Rate
}

// bend: a step whose throughput per user is below this share of the lightest
// step's no longer follows the load. A user who thinks Z and waits R asks
// 1/(Z+R) times a second, so this is R having grown by a quarter of Z+R.
const bend = 0.8

func (m *Model) knee(r *evidence.Run) {
	if len(m.Steps) == 0 {
		return
	}
	first := m.Steps[0]
	if users := offered(first); users > 0 && first.Throughput > 0 {
		for _, s := range m.Steps[1:] {
			if s.Throughput/offered(s) < bend*first.Throughput/users {
				m.Knee.Users, m.Knee.Sessions, m.Knee.RPS = s.Users, s.Rate, s.Throughput
				break
			}
		}
	}
	if r.Plan.Kind == scenarios.Script && m.Knee.RPS == 0 {
		return // nothing says that its steps are comparable
	}
	// Utilization law: X ≤ c/D with the least demand D that any step showed. The
	// lightest step's alone would be refuted by the measurements where what runs
	// anyway (polls, collections of garbage) is shared by few requests there.
	for _, s := range m.Steps {
		c := s.CPU
		if own := c.App + c.Postgres; c.Cores > 0 && own > 0 {
			m.Knee.Ceiling = max(m.Knee.Ceiling, Ceiling(Demand(own, s.Throughput), c.Cores))
			m.Knee.Resource = "cpu"
		}
	}
}
