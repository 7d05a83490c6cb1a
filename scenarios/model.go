package scenarios

import (
	"errors"
	"fmt"
	"slices"
)

// A Model is a scenario made ready to be walked: names have become indexes, so
// that a session costs no maps. It is not changed by being used.
type Model struct {
	Scenario *Scenario
	Vars     []string // names of all variables: those of the data first, then those that answers bind

	needs    [][]int // by endpoint: the variables from earlier answers that a request takes
	binds    [][]int // by endpoint: the variables that its answer binds
	about    []int   // by variable: values to expect where a loop takes each of them
	personas []persona
	between  map[[2]int]*Think
}

type persona struct {
	start     []int // endpoints
	nodes     []node
	skeletons []skeleton
	weights   []float64 // of the skeletons, cumulated
	requests  []int     // endpoints that may come after the start, each once
}

type node struct {
	steps  []int // endpoints of one round
	repeat *Repeat
	each   int // variable of repeat; -1: none
	think  *Think
	to     []edge
}

type edge struct {
	node  int // -1: end
	share float64
}

type skeleton []step

type step struct {
	endpoint int
	bind     []Binding
}

// NewModel compiles s. It fails for a scenario that does not hold together: one
// from a file was checked, but one that came as JSON may be anything.
func NewModel(s *Scenario) (*Model, error) {
	c := &modeller{Model: &Model{Scenario: s}, endpoint: map[string]int{}, variable: map[string]int{}}
	c.variables()
	for i := range s.Endpoints {
		c.endpoint[s.Endpoints[i].Name] = i
	}
	for i := range s.Endpoints {
		c.flows(&s.Endpoints[i])
	}
	for i := range s.Personas {
		c.personas = append(c.personas, c.persona(&s.Personas[i]))
	}
	if len(s.Between) > 0 {
		c.between = map[[2]int]*Think{}
	}
	for i := range s.Between {
		b := &s.Between[i]
		c.between[[2]int{c.find("between", b.From), c.find("between", b.To)}] = &b.Think
	}
	if len(s.Personas) == 0 {
		c.bad("there are no personas")
	}
	if len(c.errs) > 0 {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, errors.Join(c.errs...))
	}
	return c.Model, nil
}

type modeller struct {
	*Model
	endpoint, variable map[string]int
	errs               []error
}

func (c *modeller) bad(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *modeller) variables() {
	add := func(name string) {
		if _, ok := c.variable[name]; !ok {
			c.variable[name] = len(c.Vars)
			c.Vars = append(c.Vars, name)
		}
	}
	for _, d := range c.Scenario.Data {
		add(d.Name)
	}
	for _, e := range c.Scenario.Endpoints {
		for _, x := range e.Extract {
			add(x.Var)
		}
	}
	c.about = make([]int, len(c.Vars))
}

// flows notes which variables go into a request and come out of its answer.
func (c *modeller) flows(e *Endpoint) {
	var needs, binds []int
	for _, v := range e.Vars() {
		if i, ok := c.variable[v]; ok && !c.isData(i) {
			needs = append(needs, i)
		}
	}
	for _, x := range e.Extract {
		if i := c.variable[x.Var]; !slices.Contains(binds, i) {
			binds = append(binds, i)
		}
	}
	c.needs, c.binds = append(c.needs, needs), append(c.binds, binds)
}

func (m *Model) isData(variable int) bool {
	return slices.ContainsFunc(m.Scenario.Data, func(d Source) bool { return d.Name == m.Vars[variable] })
}

func (c *modeller) find(what, name string) int {
	i, ok := c.endpoint[name]
	if !ok {
		c.bad("%s: there is no endpoint %q", what, name)
	}
	return i
}

func (c *modeller) persona(p *Persona) persona {
	what := "persona " + p.Name
	var out persona
	for _, name := range p.Start {
		out.start = append(out.start, c.find(what, name))
	}
	index := map[string]int{End: -1}
	for i, n := range p.Journey {
		index[n.Name] = i
	}
	for _, n := range p.Journey {
		nd := node{repeat: n.Repeat, each: -1, think: n.Think}
		for _, name := range n.Requests() {
			nd.steps = append(nd.steps, c.find(what, name))
		}
		if n.Repeat != nil {
			if err := n.Repeat.check(); err != nil {
				c.bad("%s: %s: %w", what, n.Name, err)
			}
			if n.Repeat.Each != "" {
				nd.each = c.variableOf(what, n.Repeat.Each)
				if nd.each >= 0 {
					c.about[nd.each] = max(c.about[nd.each], n.Repeat.about())
				}
			}
		}
		for _, e := range n.To {
			i, ok := index[e.To]
			if !ok {
				c.bad("%s: %s leads to %q, which is not in the journey", what, n.Name, e.To)
			}
			nd.to = append(nd.to, edge{i, e.Share})
		}
		out.nodes = append(out.nodes, nd)
	}
	sum := 0.0
	for _, k := range p.Skeletons {
		out.skeletons = append(out.skeletons, c.skeleton(what, k))
		sum += k.Weight
		out.weights = append(out.weights, sum)
	}
	if len(out.start)+len(out.nodes)+len(out.skeletons) == 0 {
		c.bad("%s does nothing", what)
	}
	if len(out.nodes) > 0 && len(out.skeletons) > 0 {
		c.bad("%s has a journey and skeletons, want one of them", what)
	}
	use := func(endpoint int) {
		if !slices.Contains(out.requests, endpoint) {
			out.requests = append(out.requests, endpoint)
		}
	}
	for _, n := range out.nodes {
		for _, i := range n.steps {
			use(i)
		}
	}
	for _, k := range out.skeletons {
		for _, s := range k {
			use(s.endpoint)
		}
	}
	return out
}

func (c *modeller) skeleton(what string, k Skeleton) skeleton {
	out := make(skeleton, 0, len(k.Steps))
	for _, s := range k.Steps {
		st := step{endpoint: c.find(what, s.Endpoint)}
		for _, b := range s.Bind {
			if b.N < 1 {
				c.bad("%s: %s: values are numbered from 1, not %d", what, b.Var, b.N)
			}
			st.bind = append(st.bind, Binding{Var: c.variableOf(what, b.Var), N: b.N})
		}
		out = append(out, st)
	}
	if !(k.Weight > 0) {
		c.bad("%s: a skeleton has weight %g", what, k.Weight)
	}
	if len(k.Steps) == 0 {
		c.bad("%s: a skeleton has no steps", what)
	}
	return out
}

func (c *modeller) variableOf(what, name string) int {
	i, ok := c.variable[name]
	if !ok {
		c.bad("%s: nothing gives %s a value", what, name)
		return -1
	}
	return i
}

// Start returns the endpoints that the persona requests first.
func (m *Model) Start(persona int) []int { return m.personas[persona].start }

// Requests returns the endpoints that the persona may come to request after the
// start, each once.
func (m *Model) Requests(persona int) []int { return m.personas[persona].requests }

// Needs returns the variables that a request to the endpoint takes from earlier
// answers.
func (m *Model) Needs(endpoint int) []int { return m.needs[endpoint] }

// pause returns the think time after from when to comes next (-1: nothing),
// where the place in the journey says here; nil: none.
func (m *Model) pause(here *Think, from, to int) *Think {
	if here != nil {
		return here
	}
	if t := m.between[[2]int{from, to}]; t != nil {
		return t
	}
	return m.Scenario.Endpoints[from].Think
}

// Requests returns the endpoints of one round at the node.
func (n *Node) Requests() []string {
	if len(n.Sequence) > 0 {
		return n.Sequence
	}
	return []string{n.Endpoint}
}
