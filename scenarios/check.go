package scenarios

import (
	"maps"
	"slices"
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
		e := byName[n.Endpoint]
		if e == nil {
			f.bad(at, "persona %s: there is no endpoint %q%s", p.Name, n.Endpoint, didYouMean(n.Endpoint, endpoints))
			sound = false
			continue
		}
		used[n.Endpoint] = true
		if n.Think == nil && e.Think == nil {
			f.bad(at, "persona %s: %s has no think time (think here or on the endpoint, or think: {default: …})", p.Name, n.Name)
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
			for _, x := range endpoints[n.Endpoint].Extract {
				after[x.Var] = true
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
		for _, v := range endpoints[n.Endpoint].Vars() {
			if !arrive[i][v] && f.isExtracted(v) {
				f.bad(at, "persona %s: %s needs ${%s}, which nothing before it extracts", p.Name, n.Name, v)
			}
		}
	}
}

func (f *file) checkObjectives() {
	var routes []string
	for _, e := range f.s.Endpoints {
		routes = append(routes, e.Route())
	}
	for _, o := range f.s.Objectives {
		if o.Endpoint != "" && !slices.Contains(routes, o.Endpoint) {
			f.bad(f.node["objective "+o.Endpoint], "objective %s: there is no endpoint %q%s", o, o.Endpoint, didYouMean(o.Endpoint, routes))
		}
	}
}
