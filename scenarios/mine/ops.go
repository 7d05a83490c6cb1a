package mine

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A plan says which operation a shape is, and where the values of its variables
// come from.
type plan struct {
	op   int // -1: none
	args []arg
}

// An arg is the at-th value of the request or, if at is negative, what the shape
// itself held in a place that turned out to be a variable.
type arg struct {
	at    int
	fixed Value
}

func (p *plan) values(given []Value) []Value {
	if len(p.args) == 0 {
		return nil
	}
	out := make([]Value, len(p.args))
	for i, a := range p.args {
		if out[i] = a.fixed; a.at >= 0 {
			out[i] = given[a.at]
		}
	}
	return out
}

// texts is values for the texts of a recording.
func (p *plan) texts(given []string, s *shape) []string {
	var fixed []string
	for _, seg := range s.path {
		if seg.fixed {
			fixed = append(fixed, seg.text)
		}
	}
	out := make([]string, 0, len(p.args))
	for _, a := range p.args {
		if a.at >= 0 {
			out = append(out, given[a.at])
			continue
		}
		out, fixed = append(out, fixed[0]), fixed[1:]
	}
	return out
}

// operations makes operations of the shapes and returns the plan of each.
func (m *Miner) operations(l *Log) []plan {
	groups := map[string][]int{} // by template: shapes
	for id, s := range m.routes.shapes {
		key := s.template()
		groups[key] = append(groups[key], id)
	}
	rare := minSeen
	if m.report.Kept < 1000 {
		rare = 1
	}
	plans := make([]plan, len(m.routes.shapes))
	namer := namer{ops: map[string]bool{scenarios.End: true}, vars: map[string]int{}, log: l}
	keys := sortedKeys(groups)
	total := func(key string) (n int) {
		for _, id := range groups[key] {
			n += m.routes.shapes[id].n
		}
		return n
	}
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(total(b), total(a)) })
	for _, key := range keys {
		ids := groups[key]
		n := total(key)
		op := -1
		if n >= rare {
			op = len(l.Ops)
			l.Ops = append(l.Ops, namer.op(m.routes.shapes[ids[0]]))
		}
		for _, id := range ids {
			plans[id] = m.routes.shapes[id].plan(op)
			if op < 0 {
				continue
			}
			for i, a := range plans[id].args {
				v := &l.Vars[l.Ops[op].Vars[i]]
				if a.at >= 0 {
					v.merge(m.texts[slot{id, a.at}])
				}
			}
		}
	}
	return plans
}

// merge adds what is known of a variable in one more shape.
func (v *Var) merge(t *textStats) {
	if t == nil {
		return
	}
	if v.text == nil {
		v.text = &textStats{few: map[string]int{}}
	}
	all := v.text
	all.n += t.n
	all.max = max(all.max, t.max)
	all.words.add(t.words.mean)
	if t.few == nil || all.few == nil {
		all.few = nil
		return
	}
	for s, n := range t.few {
		all.few[s] += n
	}
	if len(all.few) > maxFew {
		all.few = nil
	}
}

// template is the same for all shapes of an operation.
func (s *shape) template() string {
	var b strings.Builder
	b.WriteString(s.method)
	for _, p := range s.path {
		b.WriteString("/")
		if p.kind == literal {
			b.WriteString(p.text)
		} else {
			b.WriteString("{}")
		}
	}
	for _, k := range s.query {
		b.WriteString("?" + k)
	}
	return b.String()
}

func (s *shape) plan(op int) plan {
	p := plan{op: op}
	at := 0
	for _, seg := range s.path {
		switch {
		case seg.kind == literal:
		case seg.kind == slug && seg.fixed:
			p.args = append(p.args, arg{-1, value(seg.text)})
		default:
			p.args = append(p.args, arg{at: at})
			at++
		}
	}
	for range s.query {
		p.args = append(p.args, arg{at: at})
		at++
	}
	return p
}

// A namer gives operations and variables names that people can read.
type namer struct {
	ops  map[string]bool
	vars map[string]int
	log  *Log
}

// op names "GET /api/v1/courses/{}/items" course_items, its variable course.id.
func (n *namer) op(s *shape) Op {
	op := Op{Method: s.method}
	var path strings.Builder
	var words []string
	before, used := "", map[string]bool{}
	for i, p := range s.path {
		path.WriteString("/")
		if p.kind == literal {
			path.WriteString(strings.ReplaceAll(p.text, "${", "$${"))
			if !version(p.text) {
				word := plain(p.text)
				if i+1 < len(s.path) && s.path[i+1].kind != literal {
					word = singular(word)
				}
				words = append(words, word)
				before = singular(plain(p.text))
			}
			continue
		}
		name := n.pathVar(p, before)
		for k := 2; used[name]; k++ {
			name = n.pathVar(p, before) + strconv.Itoa(k)
		}
		used[name] = true
		op.Vars = append(op.Vars, n.variable(name, p.kind, false))
		path.WriteString("${" + name + "}")
	}
	if len(s.path) == 0 {
		path.WriteString("/")
		words = []string{"home"}
	}
	for i, k := range s.query {
		name := n.queryVar(k, before)
		op.Vars = append(op.Vars, n.variable(name, literal, true))
		path.WriteString(map[bool]string{true: "?", false: "&"}[i == 0])
		path.WriteString(url.QueryEscape(k) + "=${" + name + "}")
	}
	op.Path = path.String()
	op.Name = n.unique(op.Method, strings.Join(words, "_"), s.query)
	return op
}

func (n *namer) unique(method, base string, query []string) string {
	if base == "" {
		base = "home"
	}
	if len(base) > 60 {
		base = base[len(base)-60:]
	}
	tries := []string{base}
	if method != "GET" {
		tries = append(tries, strings.ToLower(method)+"_"+base)
	}
	if len(query) > 0 {
		tries = append(tries, base+"_by_"+plain(query[0]), base+"_by_"+plain(strings.Join(query, "_")))
	}
	for k := 2; ; k++ {
		for _, name := range tries {
			if !n.ops[name] {
				n.ops[name] = true
				return name
			}
		}
		tries = []string{fmt.Sprintf("%s_%d", tries[len(tries)-1], k)}
	}
}

func (n *namer) pathVar(s segment, before string) string {
	last := "id"
	switch s.kind {
	case slug:
		last = "slug"
	case day:
		last = "date"
	case email:
		last = "email"
	case token:
		last = "token"
	}
	if s.kind == slug && s.text != "" && !s.fixed { // a route that is given names it
		return entity(s.text, before)
	}
	if before == "" {
		before = "page"
	}
	return before + "." + last
}

func (n *namer) queryVar(key, before string) string {
	key = plain(key)
	if e, ok := strings.CutSuffix(key, "_id"); ok && e != "" {
		return singular(e) + ".id"
	}
	if before == "" {
		before = "page"
	}
	return before + "." + key
}

// entity makes course.id of course_id and courseId, and of id behind /courses.
func entity(name, before string) string {
	for _, suffix := range []string{"_id", "Id", "ID", "-id"} {
		if e, ok := strings.CutSuffix(name, suffix); ok && e != "" {
			return singular(plain(e)) + ".id"
		}
	}
	if before == "" {
		before = "page"
	}
	return before + "." + plain(name)
}

func (n *namer) variable(name string, k kind, query bool) int {
	i, ok := n.vars[name]
	if !ok {
		i = len(n.log.Vars)
		n.vars[name] = i
		n.log.Vars = append(n.log.Vars, Var{Name: name, kind: k, query: query})
	}
	v := &n.log.Vars[i]
	last := name[strings.LastIndexByte(name, '.')+1:]
	v.Secret = v.Secret || k == email || k == token || query && isSecret(last)
	return i
}

// version reports whether a part of a path says nothing about the operation.
func version(s string) bool {
	return s == "api" || s == "rest" || len(s) >= 2 && len(s) <= 3 && s[0] == 'v' && '0' <= s[1] && s[1] <= '9'
}

// plain makes a name of letters, digits and _.
func plain(s string) string {
	b := []byte(strings.ToLower(s))
	for i, c := range b {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			b[i] = '_'
		}
	}
	out := strings.Trim(string(b), "_")
	for strings.Contains(out, "__") {
		out = strings.ReplaceAll(out, "__", "_")
	}
	if out == "" {
		return "x"
	}
	return out
}

// singular is good enough for the names of collections.
func singular(s string) string {
	switch {
	case len(s) > 4 && strings.HasSuffix(s, "ies"):
		return s[:len(s)-3] + "y"
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "zzes"):
		s = s[:len(s)-2]
		if strings.HasSuffix(s, "zz") {
			return s[:len(s)-1] // quizzes
		}
		return s
	case len(s) > 3 && strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && !strings.HasSuffix(s, "us") && !strings.HasSuffix(s, "is") && s != "news":
		return s[:len(s)-1]
	}
	return s
}
