package mine

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A Mode is the form that a model keeps journeys in.
type Mode string

const (
	// Skeletons are the recorded sequences of requests: nothing impossible
	// happens, and lengths and counts are those of the log.
	Skeletons Mode = "skeleton"
	// Graph is one chain for each persona, with counted loops: it can be read
	// and changed, and it forgets what happened two pages ago.
	Graph Mode = "graph"
	// Markov is Graph without loops: what most tools do, here to compare with.
	Markov Mode = "markov"
)

// FitOptions say what to make of a log.
type FitOptions struct {
	Mode Mode   // empty: Skeletons
	Name string // of the scenario
	Seed uint64
}

// A Model is a scenario made of a log, and what is to be said about it.
type Model struct {
	Scenario *scenarios.Scenario
	Mode     Mode

	// Blanks is what the log could not tell and somebody has to fill in: by
	// "endpoint NAME" or "data NAME".
	Blanks map[string]string
	// Notes is what was measured, by "endpoint NAME", "data NAME",
	// "persona NAME" and "arrivals".
	Notes map[string]string
	// Held are invariants of all recorded sessions. Those of Scenario.Invariants
	// are among them.
	Held []Held

	log   *Log
	feeds map[string][]string // columns of feeds that are to be given, by source
}

// Fit makes a model of the log.
func Fit(l *Log, o FitOptions) (*Model, error) {
	if o.Mode == "" {
		o.Mode = Skeletons
	}
	if o.Mode != Skeletons && o.Mode != Graph && o.Mode != Markov {
		return nil, hint.Exit(hint.Wrapf(fmt.Errorf("there is no mode %q", o.Mode), "modes are %s, %s and %s", Skeletons, Graph, Markov), hint.NotStarted)
	}
	if len(l.Sessions) == 0 {
		return nil, hint.Exit(errors.New("no sessions to make a model of"), hint.NotStarted)
	}
	m := &Model{
		Scenario: &scenarios.Scenario{Version: 1, Name: o.Name, ClientIP: scenarios.PerUser},
		Mode:     o.Mode, Blanks: map[string]string{}, Notes: map[string]string{}, log: l, feeds: map[string][]string{},
	}
	if m.Scenario.Name == "" {
		m.Scenario.Name = "mined"
	}
	rng := rand.New(rand.NewPCG(o.Seed, 0x66697400))
	rec := l.recordings()
	m.endpoints(rec)
	m.personas(rng)
	m.think()
	m.data(rec, rng)
	m.arrivals()
	m.invariants()
	return m, nil
}

// endpoints makes one of each operation.
func (m *Model) endpoints(rec *recorded) {
	for i, op := range m.log.Ops {
		e := scenarios.Endpoint{Name: op.Name, Method: op.Method, Path: op.Path, Extract: rec.extracts[i]}
		what := "endpoint " + op.Name
		if b, ok := rec.bodies[i]; ok {
			e.JSON, e.Form, e.Body, e.Header = b.json, b.form, b.text, b.header
			if b.blank != "" {
				m.Blanks[what] = b.blank
			}
		} else if op.logsIn() {
			m.Blanks[what] = "credentials are never taken from a log: give data a feed of accounts, and json or form with its columns here; then delete this line"
		} else if op.Method == "POST" || op.Method == "PUT" || op.Method == "PATCH" {
			m.Blanks[what] = fmt.Sprintf("no log has the body of %s: give json, form or body, or nothing if it sends none; then delete this line", op.Method)
		}
		m.Notes[what] = fmt.Sprintf("%.2g%% of requests", 100*float64(op.N)/float64(max(1, m.log.calls())))
		m.Scenario.Endpoints = append(m.Scenario.Endpoints, e)
	}
}

func (l *Log) calls() (n int) {
	for _, s := range l.Sessions {
		n += len(s.Calls)
	}
	return n
}

// fewOthers: if no more of a persona's sessions begin otherwise than with a
// log-in, they had begun before the log did, or had a cookie, which a fresh user
// has not.
const fewOthers = 0.05

// personas clusters the sessions and keeps what each kind of user does.
func (m *Model) personas(rng *rand.Rand) {
	l := m.log
	of, k := l.cluster(rng)
	names := l.personaNames(of, k)
	for p := range k {
		var own []Session
		for i, s := range l.Sessions {
			if of[i] == p {
				own = append(own, s)
			}
		}
		groups := l.starts(own)
		for i, g := range groups {
			name := names[p]
			if i > 0 {
				name += "_after_" + l.opName(g.op)
			}
			m.persona(name, g, rng)
		}
	}
	slices.SortStableFunc(m.Scenario.Personas, func(a, b scenarios.Persona) int { return cmp.Compare(b.Share, a.Share) })
}

// persona adds one, or two: who got no further than the log-in leaves no
// skeleton.
func (m *Model) persona(name string, g start, rng *rand.Rand) {
	l := m.log
	total := float64(len(l.Sessions))
	p := scenarios.Persona{Name: name}
	var rest []Session
	for _, s := range g.sessions {
		if s.Calls[0].Op == g.op {
			s.Calls = s.Calls[1:]
		}
		if len(s.Calls) > 0 {
			rest = append(rest, s)
		}
	}
	if g.op >= 0 {
		p.Start = []string{l.Ops[g.op].Name}
	}
	if left := len(g.sessions) - len(rest); left > 0 {
		only := p
		only.Name += "_" + p.Start[0] + "_only"
		only.Share = float64(left) / total
		m.Notes["persona "+only.Name] = fmt.Sprintf("%d sessions that came no further than %s", left, p.Start[0])
		m.Scenario.Personas = append(m.Scenario.Personas, only)
	}
	if len(rest) == 0 {
		return
	}
	p.Share = float64(len(rest)) / total
	m.Notes["persona "+p.Name] = fmt.Sprintf("%d sessions of %.1f requests on average after the start",
		len(rest), mean(rest, func(s Session) float64 { return float64(len(s.Calls)) }))
	if m.Mode == Skeletons {
		p.Skeletons = l.skeletons(rest, rng)
		m.Scenario.Personas = append(m.Scenario.Personas, p)
		return
	}
	m.Scenario.Personas = append(m.Scenario.Personas, m.graphs(p, rest)...)
}

// A start is the log-in that sessions begin with; op is -1 if there is none.
type start struct {
	op       int
	sessions []Session
}

func (l *Log) opName(op int) string {
	if op < 0 {
		return "nothing"
	}
	return l.Ops[op].Name
}

// starts groups sessions by the log-in that they begin with, most frequent
// first.
func (l *Log) starts(sessions []Session) []start {
	byOp := map[int][]Session{}
	for _, s := range sessions {
		op := s.Calls[0].Op
		if !l.Ops[op].logsIn() {
			op = -1
		}
		byOp[op] = append(byOp[op], s)
	}
	var groups []start
	for op, s := range byOp {
		groups = append(groups, start{op, s})
	}
	slices.SortFunc(groups, func(a, b start) int {
		return cmp.Or(cmp.Compare(len(b.sessions), len(a.sessions)), cmp.Compare(a.op, b.op))
	})
	if i := slices.IndexFunc(groups, func(g start) bool { return g.op < 0 }); i > 0 && float64(len(groups[i].sessions)) <= fewOthers*float64(len(sessions)) {
		groups[0].sessions = append(groups[0].sessions, groups[i].sessions...)
		groups = slices.Delete(groups, i, i+1)
	}
	return groups
}

// logsIn reports whether the answers of op are likely to set a session.
func (op *Op) logsIn() bool {
	if op.Method != "POST" {
		return false
	}
	path := strings.ToLower(op.Path)
	last := path[strings.LastIndexByte(path, '/')+1:]
	for _, w := range []string{"login", "log-in", "log_in", "signin", "sign-in", "sign_in", "session", "sessions", "auth", "authenticate", "token",
		"register", "signup", "sign-up", "sign_up"} {
		if last == w {
			return true
		}
	}
	return false
}

// skeletons counts the different sequences. Of more than MaxSkeletons a random
// part is kept, weighted as it came.
func (l *Log) skeletons(sessions []Session, rng *rand.Rand) []scenarios.Skeleton {
	type counted struct {
		scenarios.Skeleton
		text string
	}
	index := map[string]int{}
	var all []counted
	for _, i := range rng.Perm(len(sessions)) {
		k := l.skeleton(sessions[i])
		text := k.String()
		j, ok := index[text]
		if !ok {
			if len(all) >= MaxSkeletons {
				continue
			}
			j = len(all)
			index[text] = j
			all = append(all, counted{k, text})
			continue
		}
		all[j].Weight++
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(len(a.Steps), len(b.Steps)), strings.Compare(a.text, b.text))
	})
	out := make([]scenarios.Skeleton, len(all))
	for i := range all {
		out[i] = all[i].Skeleton
	}
	return out
}

// skeleton numbers the values of a session in the order of their first use.
func (l *Log) skeleton(s Session) scenarios.Skeleton {
	k := scenarios.Skeleton{Weight: 1}
	numbers := map[int]map[Value]int{}
	for _, c := range s.Calls {
		st := scenarios.Step{Endpoint: l.Ops[c.Op].Name}
		for i, v := range c.Values {
			x := l.Ops[c.Op].Vars[i]
			if !l.Vars[x].identifies() {
				continue
			}
			if numbers[x] == nil {
				numbers[x] = map[Value]int{}
			}
			if numbers[x][v] == 0 {
				numbers[x][v] = len(numbers[x]) + 1
			}
			st.Bind = append(st.Bind, scenarios.Bind{Var: l.Vars[x].Name, N: numbers[x][v]})
		}
		k.Steps = append(k.Steps, st)
	}
	return k
}

// identifies reports whether values of v name things that a session may come
// back to; the rest (pages, orders, words looked for) is drawn anew each time.
func (v *Var) identifies() bool { return !v.query || strings.HasSuffix(v.Name, ".id") }

func mean[T any](all []T, of func(T) float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += of(x)
	}
	return sum / float64(max(1, len(all)))
}
