package engine

import (
	"errors"
	"fmt"
	"net/http"
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
	model     *scenarios.Model // decides what users do
	slots     []slot           // one for each of its variables
	endpoints []endpoint
	personas  []persona
	origin    string      // of base, "http://host:port"
	prefix    string      // of base: the path that it may have
	headers   []namedText // of every request
	paths     []path
}

// A slot is a variable.
type slot struct {
	name   string
	source *scenarios.Source // nil: extracted
	law    *scenarios.Law    // of a Range or Choice: how often its values are drawn
	row    int               // slot that says which value of Choice it is; -1: law does
	text   text              // of a Text or Unique source
	pool   *pool             // of an exclusive source
}

type endpoint struct {
	route, method string
	path          text
	blank         *http.Request // what is the same in all
	plain         bool          // see isPlain
	static        http.Header   // the same for all
	dynamic       []namedText   // the rest of the header
	json, body    text
	form          []namedText
	hasForm       bool
	extract       []extraction
	expect        scenarios.Expect
	checks        []check
	stay          bool  // a redirect is what it expects
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
	name      string
	index     int   // in the model
	exclusive []int // slots of exclusive sources
}

// text is a template whose variables are slots.
type text []part

type part struct {
	lit  string
	slot int // -1: lit
}

// literal returns the text if it has no variables.
func (t text) literal() (string, bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].slot == -1:
		return t[0].lit, true
	}
	return "", false
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
	model, err := scenarios.NewModel(s)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	c := &compiler{p: &program{model: model, base: base, origin: base.Scheme + "://" + base.Host, prefix: base.EscapedPath(), perUserIP: s.ClientIP == scenarios.PerUser, timeout: s.Timeout}, slot: map[string]int{}}
	if c.p.timeout == 0 {
		c.p.timeout = scenarios.DefaultTimeout
	}
	c.scenario(s)
	if len(c.errs) > 0 {
		return nil, fmt.Errorf("engine: scenario %s: %w", s.Name, errors.Join(c.errs...))
	}
	return c.p, nil
}

// compiler collects errors.
type compiler struct {
	p    *program
	slot map[string]int
	errs []error
}

func (c *compiler) bad(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *compiler) scenario(s *scenarios.Scenario) {
	for i, name := range c.p.model.Vars {
		c.slot[name] = i
		c.p.slots = append(c.p.slots, slot{name: name, row: -1})
	}
	for i := range s.Data {
		d, slot := &s.Data[i], &c.p.slots[c.slot[s.Data[i].Name]]
		if slot.source = d; d.Range != nil || len(d.Choice) > 0 {
			slot.law = d.Law()
		}
		if d.Row != "" {
			row, ok := c.slot[d.Row]
			if !ok {
				c.bad("data %s: there is no %s", d.Name, d.Row)
			}
			slot.row = row
		}
	}
	for i := range c.p.slots {
		if src := c.p.slots[i].source; src != nil {
			c.p.slots[i].text = c.text(src.Text+src.Unique, src.Unique != "")
		}
	}
	c.p.headers = c.header(s.Headers)
	for i := range s.Endpoints {
		c.p.endpoints = append(c.p.endpoints, c.endpoint(&s.Endpoints[i]))
	}
	for i := range s.Personas {
		c.p.personas = append(c.p.personas, c.persona(i))
		c.p.personas[i].name = s.Personas[i].Name
	}
	for _, p := range s.Paths {
		out := path{name: p.Name}
		for _, name := range p.Endpoints {
			i := slices.IndexFunc(s.Endpoints, func(e scenarios.Endpoint) bool { return e.Name == name })
			if i < 0 {
				c.bad("path %s: there is no endpoint %q", p.Name, name)
			}
			out.endpoints = append(out.endpoints, i)
		}
		c.p.paths = append(c.p.paths, out)
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
		hasForm: e.Form != nil, expect: e.Expect,
		static: http.Header{"User-Agent": {userAgent}},
		blank:  &http.Request{Method: e.Method, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
	}
	switch {
	case out.json != nil:
		out.static["Content-Type"] = []string{"application/json"}
	case out.hasForm:
		out.static["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	}
	for _, f := range slices.Concat(c.p.headers, c.header(e.Header)) {
		out.dynamic = slices.DeleteFunc(out.dynamic, func(d namedText) bool { return d.name == f.name })
		if v, ok := f.text.literal(); ok {
			out.static[f.name] = []string{v}
		} else {
			out.dynamic = append(out.dynamic, f)
		}
	}
	out.plain = isPlain(c.p.origin, c.p.prefix, out.path)
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
	var need func(slot int)
	needText := func(t text) {
		for _, p := range t {
			need(p.slot)
		}
	}
	need = func(i int) {
		if i < 0 || c.p.slots[i].source == nil || slices.Contains(out.sources, i) { // also what stops circles
			return
		}
		out.sources = append(out.sources, i)
		need(c.p.slots[i].row)
		needText(c.p.slots[i].text)
	}
	needText(out.path)
	needText(out.json)
	needText(out.body)
	for _, f := range slices.Concat(out.form, out.dynamic) {
		needText(f.text)
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

// persona notes what its users may hold alone.
func (c *compiler) persona(i int) persona {
	out := persona{index: i}
	for _, endpoint := range slices.Concat(c.p.model.Start(i), c.p.model.Requests(i)) {
		for _, k := range c.p.endpoints[endpoint].sources {
			if c.p.slots[k].source.Exclusive && !slices.Contains(out.exclusive, k) {
				out.exclusive = append(out.exclusive, k)
			}
		}
	}
	return out
}
