package engine

import (
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// userAgent says who it is, so that an operator who finds it in a log can look
// it up.
const userAgent = "scalecheck/1 (load test)"

// A program is a scenario made ready to run: names have become indexes, so that
// a user costs no maps.
type program struct {
	base      *url.URL
	perUserIP bool
	timeout   scenarios.Seconds
	slots     []slot // one for each variable
	endpoints []endpoint
	personas  []persona
	headers   []namedText // of every request
}

// A slot is a variable.
type slot struct {
	name   string
	source *scenarios.Source // nil: extracted
	text   text              // of a Text or Unique source
	pool   *pool             // of an exclusive source
}

type endpoint struct {
	route, method string
	path          text
	headers       []namedText
	json, body    text
	form          []namedText
	hasForm       bool
	extract       []extraction
	expect        scenarios.Expect
	checks        []check
	think         *scenarios.Think
	stay          bool  // a redirect is what it expects
	extracted     []int // slots that an answer must have filled before this can be requested
	sources       []int // slots that data fill, those behind texts included
}

type namedText struct {
	name string
	text text
}

type extraction struct {
	slot int
	path scenarios.JSONPath
}

type check struct {
	path scenarios.JSONPath
	name string
	want string // "": is there
}

type persona struct {
	start     []int // endpoints
	nodes     []node
	exclusive []int // slots of exclusive sources
}

type node struct {
	endpoint int
	think    *scenarios.Think
	to       []edge
}

type edge struct {
	node  int // -1: end
	share float64
}

// text is a template whose variables are slots.
type text []part

type part struct {
	lit  string
	slot int // -1: lit
}

// uniqueSlot stands for ${unique} in a text.
const uniqueSlot = -2

func compile(o Options) (*program, error) {
	s := o.Scenario
	if s == nil || o.Plan == nil {
		return nil, errors.New("engine: a scenario and a plan are needed")
	}
	base, err := url.Parse(o.Plan.Target)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("engine: target %q is no base URL", o.Plan.Target)
	}
	c := &compiler{p: &program{base: base, perUserIP: s.ClientIP == scenarios.PerUser, timeout: s.Timeout}, slot: map[string]int{}}
	if c.p.timeout == 0 {
		c.p.timeout = scenarios.DefaultTimeout
	}
	c.scenario(s)
	if len(c.errs) > 0 {
		return nil, fmt.Errorf("engine: scenario %s: %w", s.Name, errors.Join(c.errs...))
	}
	if len(c.p.personas) == 0 {
		return nil, fmt.Errorf("engine: scenario %s has no personas", s.Name)
	}
	return c.p, nil
}

// compiler collects errors: a scenario from a file was checked, but one that
// came as JSON may be anything.
type compiler struct {
	p    *program
	slot map[string]int
	errs []error
}

func (c *compiler) bad(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *compiler) scenario(s *scenarios.Scenario) {
	add := func(name string, source *scenarios.Source) {
		if _, ok := c.slot[name]; !ok {
			c.slot[name] = len(c.p.slots)
			c.p.slots = append(c.p.slots, slot{name: name, source: source})
		}
	}
	for i := range s.Data {
		add(s.Data[i].Name, &s.Data[i])
	}
	for _, e := range s.Endpoints {
		for _, x := range e.Extract {
			add(x.Var, nil)
		}
	}
	for i := range c.p.slots {
		if src := c.p.slots[i].source; src != nil {
			c.p.slots[i].text = c.text(src.Text+src.Unique, src.Unique != "")
		}
	}
	c.p.headers = c.header(s.Headers)
	index := map[string]int{}
	for i := range s.Endpoints {
		index[s.Endpoints[i].Name] = i
		c.p.endpoints = append(c.p.endpoints, c.endpoint(&s.Endpoints[i]))
	}
	for i := range s.Personas {
		c.p.personas = append(c.p.personas, c.persona(&s.Personas[i], index))
	}
}

// text resolves the template s.
func (c *compiler) text(s string, unique bool) text {
	t, err := scenarios.ParseTemplate(s)
	if err != nil {
		c.bad("%w", err)
	}
	var out text
	for _, p := range t {
		switch i, ok := c.slot[p.Var]; {
		case p.Var == "":
			out = append(out, part{p.Text, -1})
		case unique && p.Var == "unique":
			out = append(out, part{"", uniqueSlot})
		case ok:
			out = append(out, part{"", i})
		default:
			c.bad("nothing gives ${%s} a value", p.Var)
		}
	}
	return out
}

func (c *compiler) header(fields []scenarios.Field) []namedText {
	var out []namedText
	for _, f := range fields {
		out = append(out, namedText{textproto.CanonicalMIMEHeaderKey(f.Name), c.text(f.Value, false)})
	}
	return out
}

func (c *compiler) endpoint(e *scenarios.Endpoint) endpoint {
	out := endpoint{
		route: e.Route(), method: e.Method,
		path: c.text(e.Path, false), json: c.text(e.JSON, false), body: c.text(e.Body, false),
		headers: c.header(e.Header), hasForm: e.Form != nil,
		expect: e.Expect, think: e.Think,
	}
	out.stay = slices.ContainsFunc(e.Expect.Status, func(s int) bool { return s/100 == 3 })
	if !strings.HasPrefix(e.Path, "/") {
		c.bad("endpoint %s: %q is no path", e.Name, e.Path)
	}
	for _, f := range e.Form {
		out.form = append(out.form, namedText{f.Name, c.text(f.Value, false)})
	}
	for _, x := range e.Extract {
		out.extract = append(out.extract, extraction{c.slot[x.Var], c.path(x.JSON)})
	}
	for _, f := range e.Expect.JSON {
		out.checks = append(out.checks, check{c.path(f.Name), f.Name, f.Value})
	}
	var need func(t text)
	need = func(t text) {
		for _, p := range t {
			switch {
			case p.slot < 0:
			case c.p.slots[p.slot].source == nil:
				if !slices.Contains(out.extracted, p.slot) {
					out.extracted = append(out.extracted, p.slot)
				}
			case !slices.Contains(out.sources, p.slot): // also what stops circles
				out.sources = append(out.sources, p.slot)
				need(c.p.slots[p.slot].text)
			}
		}
	}
	need(out.path)
	need(out.json)
	need(out.body)
	for _, f := range slices.Concat(out.form, out.headers, c.p.headers) {
		need(f.text)
	}
	return out
}

func (c *compiler) path(s string) scenarios.JSONPath {
	p, err := scenarios.ParseJSONPath(s)
	if err != nil {
		c.bad("%w", err)
	}
	return p
}

func (c *compiler) persona(p *scenarios.Persona, endpoints map[string]int) persona {
	var out persona
	find := func(name string) int {
		i, ok := endpoints[name]
		if !ok {
			c.bad("persona %s: there is no endpoint %q", p.Name, name)
		}
		return i
	}
	for _, name := range p.Start {
		out.start = append(out.start, find(name))
	}
	index := map[string]int{scenarios.End: -1}
	for i, n := range p.Journey {
		index[n.Name] = i
	}
	for _, n := range p.Journey {
		nd := node{endpoint: find(n.Endpoint), think: n.Think}
		if nd.think == nil && nd.endpoint < len(c.p.endpoints) {
			nd.think = c.p.endpoints[nd.endpoint].think
		}
		for _, e := range n.To {
			i, ok := index[e.To]
			if !ok {
				c.bad("persona %s: %s leads to %q, which is not in the journey", p.Name, n.Name, e.To)
			}
			nd.to = append(nd.to, edge{i, e.Share})
		}
		out.nodes = append(out.nodes, nd)
	}
	if len(out.start)+len(out.nodes) == 0 {
		c.bad("persona %s does nothing", p.Name)
	}
	if len(c.errs) > 0 {
		return out
	}
	use := func(endpoint int) {
		for _, i := range c.p.endpoints[endpoint].sources {
			if c.p.slots[i].source.Exclusive && !slices.Contains(out.exclusive, i) {
				out.exclusive = append(out.exclusive, i)
			}
		}
	}
	for _, i := range out.start {
		use(i)
	}
	for _, n := range out.nodes {
		use(n.endpoint)
	}
	return out
}
