package scenarios

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// checkVariables: every variable has exactly one kind of origin, and texts are
// made of data only, without going round in circles.
func (f *file) checkVariables() {
	extracted := map[string]bool{}
	for _, e := range f.s.Endpoints {
		for _, x := range e.Extract {
			extracted[x.Var] = true
		}
	}
	data := map[string]*Source{}
	for i, d := range f.s.Data {
		data[d.Name] = &f.s.Data[i]
		if extracted[d.Name] {
			f.bad(f.node["data "+d.Name], "data %s: an extract rule binds the same name", d.Name)
		}
	}
	names := slices.Concat(slices.Sorted(maps.Keys(data)), slices.Sorted(maps.Keys(extracted)))
	for _, e := range f.s.Endpoints {
		for _, v := range e.Vars() {
			if data[v] == nil && !extracted[v] {
				f.bad(f.node["endpoint "+e.Name], "endpoint %s: nothing gives ${%s} a value%s", e.Name, v, didYouMean(v, names))
			}
		}
	}
	for _, h := range f.s.Headers {
		t, _ := ParseTemplate(h.Value)
		for _, v := range t.Vars() {
			if data[v] == nil {
				f.bad(nil, "headers %s: ${%s} is not in data%s", h.Name, v, didYouMean(v, slices.Sorted(maps.Keys(data))))
			}
		}
	}

	// Depth first; a name that is met again while it is open is in a circle.
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(d *Source)
	visit = func(d *Source) {
		state[d.Name] = open
		for _, v := range d.Vars() {
			switch n := data[v]; {
			case n == nil:
				f.bad(f.node["data "+d.Name], "data %s: ${%s} is not in data%s", d.Name, v, didYouMean(v, slices.Sorted(maps.Keys(data))))
			case state[v] == open:
				f.bad(f.node["data "+d.Name], "data %s: goes round in a circle by ${%s}", d.Name, v)
			case state[v] == 0:
				visit(n)
			}
		}
		state[d.Name] = done
	}
	for i := range f.s.Data {
		if state[f.s.Data[i].Name] == 0 {
			visit(&f.s.Data[i])
		}
	}
}

// Vars returns the names of the other sources that d is made of.
func (d *Source) Vars() []string {
	t, _ := ParseTemplate(d.Text + d.Unique) // one of them is empty
	return slices.DeleteFunc(t.Vars(), func(v string) bool { return v == "unique" && d.Unique != "" })
}

func (f *file) checkPersonas() {
	used := map[string]bool{}
	for i := range f.s.Personas {
		f.checkPersona(&f.s.Personas[i], used)
	}
	for _, e := range f.s.Endpoints {
		if !used[e.Name] {
			f.bad(f.node["endpoint "+e.Name], "endpoint %s: no persona requests it", e.Name)
		}
	}
}

func (f *file) checkPersona(p *Persona, used map[string]bool) {
	byName := map[string]*Endpoint{}
	var endpoints []string
	for i, e := range f.s.Endpoints {
		byName[e.Name] = &f.s.Endpoints[i]
		endpoints = append(endpoints, e.Name)
	}
	var nodes []string
	for _, n := range p.Journey {
		nodes = append(nodes, n.Name)
	}

	bound := map[string]bool{}
	for _, name := range p.Start {
		at := f.node["start "+p.Name+" "+name]
		e := byName[name]
		if e == nil {
			f.bad(at, "persona %s: start: there is no endpoint %q%s", p.Name, name, didYouMean(name, endpoints))
			continue
		}
		used[name] = true
		f.bind(e, bound, func(v string) {
			f.bad(at, "persona %s: start: %s needs ${%s}, which nothing before it extracts", p.Name, name, v)
		})
		if e.Think == nil {
			f.bad(at, "persona %s: start: %s has no think time (think on the endpoint, or think: {default: …})", p.Name, name)
		}
	}

	sound := true
	for i := range p.Journey {
		n := &p.Journey[i]
		at := f.node["node "+p.Name+" "+n.Name]
		for _, name := range n.Requests() {
			e := byName[name]
			if e == nil {
				f.bad(at, "persona %s: there is no endpoint %q%s", p.Name, name, didYouMean(name, endpoints))
				sound = false
				continue
			}
			used[name] = true
			if n.Think == nil && e.Think == nil {
				f.bad(at, "persona %s: %s has no think time (think here or on the endpoint, or think: {default: …})", p.Name, n.Name)
			}
		}
		if r := n.Repeat; r != nil && r.Each != "" && !f.isExtracted(r.Each) {
			f.bad(at, "persona %s: %s: nothing extracts %s, to repeat for each%s", p.Name, n.Name, r.Each, didYouMean(r.Each, f.extracted()))
			sound = false
		}
		for _, edge := range n.To {
			if edge.To != End && !slices.Contains(nodes, edge.To) {
				f.bad(f.node["edge "+p.Name+" "+n.Name+" "+edge.To], "persona %s: %s leads to %q, which is not in the journey%s",
					p.Name, n.Name, edge.To, didYouMean(edge.To, append(nodes, End)))
				sound = false
			}
		}
	}
	if sound && len(p.Journey) > 0 {
		f.checkWays(p, byName, bound)
	}
	f.checkSkeletons(p, byName, bound, used)
}

// checkSkeletons: every step is an endpoint that can be requested then, and its
// numbered values are of variables that it has. Each mistake is told once, where
// it is made first: recorded sessions are alike.
func (f *file) checkSkeletons(p *Persona, endpoints map[string]*Endpoint, start map[string]bool, used map[string]bool) {
	type flow struct{ needs, vars []string } // looked up once: there may be a million steps
	flows := map[string]flow{}
	told := map[string]bool{}
	for i, k := range p.Skeletons {
		bound := maps.Clone(start)
		once := func(format string, args ...any) {
			if text := fmt.Sprintf(format, args...); !told[text] {
				told[text] = true
				f.badAt(f.traces[p.Name][i], "persona %s: skeletons: %s", p.Name, text)
			}
		}
		for _, s := range k.Steps {
			e := endpoints[s.Endpoint]
			if e == nil {
				once("there is no endpoint %q%s", s.Endpoint, didYouMean(s.Endpoint, slices.Sorted(maps.Keys(endpoints))))
				continue
			}
			at, ok := flows[e.Name]
			if !ok {
				at = flow{slices.DeleteFunc(e.Vars(), func(v string) bool { return !f.isExtracted(v) }), f.behind(e)}
				flows[e.Name] = at
				if used[e.Name] = true; e.Think == nil {
					once("%s has no think time (think on the endpoint, or think: {default: …})", e.Name)
				}
			}
			for _, v := range at.needs {
				if !bound[v] {
					once("%s needs ${%s}, which nothing before it extracts", e.Name, v)
				}
			}
			for _, x := range e.Extract {
				bound[x.Var] = true
			}
			for _, b := range s.Bind {
				if !slices.Contains(at.vars, b.Var) {
					once("%s has no variable %s%s", e.Name, b.Var, didYouMean(b.Var, at.vars))
				}
			}
		}
	}
}

// behind returns the variables of the endpoint, those included that its texts
// and columns are made of.
func (f *file) behind(e *Endpoint) []string {
	all := e.Vars()
	for i := 0; i < len(all); i++ {
		for k := range f.s.Data {
			d := &f.s.Data[k]
			if d.Name != all[i] {
				continue
			}
			for _, v := range append(d.Vars(), d.Row) {
				if v != "" && !slices.Contains(all, v) {
					all = append(all, v)
				}
			}
		}
	}
	return all
}

// extracted returns the variables that answers bind.
func (f *file) extracted() []string {
	var all []string
	for _, e := range f.s.Endpoints {
		for _, x := range e.Extract {
			all = append(all, x.Var)
		}
	}
	return all
}

// bind calls missing for the variables of e that nobody has bound, and adds
// those that e binds.
func (f *file) bind(e *Endpoint, bound map[string]bool, missing func(v string)) {
	for _, v := range e.Vars() {
		if !bound[v] && f.isExtracted(v) {
			missing(v)
		}
	}
	for _, x := range e.Extract {
		bound[x.Var] = true
	}
}

// isExtracted reports whether v comes from answers alone. What comes from
// nowhere is reported once, by checkVariables.
func (f *file) isExtracted(v string) bool {
	if slices.ContainsFunc(f.s.Data, func(d Source) bool { return d.Name == v }) {
		return false
	}
	return slices.ContainsFunc(f.s.Endpoints, func(e Endpoint) bool {
		return slices.ContainsFunc(e.Extract, func(x Extract) bool { return x.Var == v })
	})
}

// checkWays: every node can be reached and left, and on some way to it every
// variable that it needs is extracted. (On another way it may be missing: then
// the users who come that way can't go there.)
func (f *file) checkWays(p *Persona, endpoints map[string]*Endpoint, start map[string]bool) {
	index := map[string]int{}
	for i, n := range p.Journey {
		index[n.Name] = i
	}
	arrive := make([]map[string]bool, len(p.Journey)) // nil: not reached
	arrive[0] = maps.Clone(start)
	leaves := make([]bool, len(p.Journey))
	for changed := true; changed; {
		changed = false
		for i, n := range p.Journey {
			if !leaves[i] && (len(n.To) == 0 || slices.ContainsFunc(n.To, func(e Edge) bool {
				return e.Share > 0 && (e.To == End || leaves[index[e.To]])
			})) {
				leaves[i], changed = true, true
			}
			if arrive[i] == nil {
				continue
			}
			after := maps.Clone(arrive[i])
			for _, name := range n.Requests() {
				for _, x := range endpoints[name].Extract {
					after[x.Var] = true
				}
			}
			for _, e := range n.To {
				if e.To == End || e.Share == 0 {
					continue
				}
				j := index[e.To]
				if arrive[j] == nil {
					arrive[j], changed = map[string]bool{}, true
				}
				before := len(arrive[j])
				maps.Copy(arrive[j], after)
				changed = changed || len(arrive[j]) > before
			}
		}
	}
	for i, n := range p.Journey {
		at := f.node["node "+p.Name+" "+n.Name]
		if arrive[i] == nil {
			f.bad(at, "persona %s: nothing leads to %s", p.Name, n.Name)
			continue
		}
		if !leaves[i] {
			f.bad(at, "persona %s: from %s no way leads to %s", p.Name, n.Name, End)
		}
		bound := maps.Clone(arrive[i])
		if r := n.Repeat; r != nil && r.Each != "" && !bound[r.Each] {
			f.bad(at, "persona %s: %s is repeated for each %s, which nothing before it extracts", p.Name, n.Name, r.Each)
			bound[r.Each] = true
		}
		for _, name := range n.Requests() {
			f.bind(endpoints[name], bound, func(v string) {
				f.bad(at, "persona %s: %s needs ${%s}, which nothing before it extracts", p.Name, name, v)
			})
		}
	}
}

// checkNames: whoever names an endpoint or a persona names one that there is.
func (f *file) checkNames() {
	var endpoints, personas, routes []string
	for _, e := range f.s.Endpoints {
		endpoints = append(endpoints, e.Name)
		routes = append(routes, e.Route())
	}
	for _, p := range f.s.Personas {
		personas = append(personas, p.Name)
	}
	known := func(n *yaml.Node, what string, names ...string) {
		for _, name := range names {
			if !slices.Contains(endpoints, name) {
				f.bad(n, "%s: there is no endpoint %q%s", what, name, didYouMean(name, endpoints))
			}
		}
	}
	for _, b := range f.s.Between {
		known(f.node["between "+b.From+" "+b.To], "between", b.From, b.To)
	}
	for _, i := range f.s.Invariants {
		known(f.node["invariant "+i.Text], "invariant "+i.Text, i.Left, i.Right)
	}
	for _, p := range f.s.Paths {
		at := f.node["path "+p.Name]
		known(at, "path "+p.Name, p.Endpoints...)
		if slices.Contains(routes, p.Name) {
			f.bad(at, "path %s: an endpoint is called that", p.Name)
		}
	}
	seen := map[string]bool{}
	for _, e := range f.s.Arrivals.Events {
		at := f.node["event "+e.Name]
		if e.Persona != "" && !slices.Contains(personas, e.Persona) {
			f.bad(at, "event %s: there is no persona %q%s", e.Name, e.Persona, didYouMean(e.Persona, personas))
		}
		if seen[e.Name] {
			f.bad(at, "events: %s is there twice", e.Name)
		}
		seen[e.Name] = true
	}
}

// checkObjectives: what an objective is of is an endpoint, by its route, or a
// path.
func (f *file) checkObjectives() {
	var names []string
	for _, e := range f.s.Endpoints {
		names = append(names, e.Route())
	}
	for _, p := range f.s.Paths {
		names = append(names, p.Name)
	}
	for _, o := range f.s.Objectives {
		if o.Endpoint != "" && !slices.Contains(names, o.Endpoint) {
			f.bad(f.node["objective "+o.Endpoint], "objective %s: there is no endpoint or path %q%s", o, o.Endpoint, didYouMean(o.Endpoint, names))
		}
	}
}
