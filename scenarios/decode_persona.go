package scenarios

import (
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Shares are written with two or three digits: a sum within a thousandth of 1
// is meant to be 1, and is made so.
const shareSlack = 1e-3

func (f *file) personas(n *yaml.Node) {
	f.node["personas"] = n
	f.entries(n, "personas", func(k, v *yaml.Node) {
		f.node["persona "+k.Value] = k
		p := Persona{Name: k.Value}
		what := "persona " + k.Value
		f.fields(v, what,
			field{"share", func(n *yaml.Node) { p.Share = f.share(n, what+" share") }},
			field{"start", func(n *yaml.Node) {
				f.list(n, what+" start", func(n *yaml.Node) {
					f.node["start "+k.Value+" "+n.Value] = n
					p.Start = append(p.Start, f.text(n, what+" start"))
				})
			}},
			field{"journey", func(n *yaml.Node) {
				f.entries(n, what+" journey", func(nk, nv *yaml.Node) {
					f.node["node "+k.Value+" "+nk.Value] = nk
					p.Journey = append(p.Journey, f.journeyNode(nk, nv, k.Value, what))
				})
			}},
			field{"skeletons", func(n *yaml.Node) { p.Skeletons = f.skeletons(n, p.Name, what+" skeletons") }},
		)
		if p.Share == 0 {
			f.bad(k, "%s: share is missing", what)
		}
		switch {
		case len(p.Start)+len(p.Journey)+len(p.Skeletons) == 0:
			f.bad(k, "%s: does nothing: want start, journey or skeletons", what)
		case len(p.Journey) > 0 && len(p.Skeletons) > 0:
			f.bad(k, "%s: want a journey or skeletons, not both", what)
		}
		f.s.Personas = append(f.s.Personas, p)
	})
	sum := 0.0
	for _, p := range f.s.Personas {
		sum += p.Share
	}
	if len(f.s.Personas) == 0 || math.Abs(sum-1) > shareSlack {
		f.bad(n, "personas: shares sum to %.3g, want 1", sum)
		return
	}
	for i := range f.s.Personas {
		f.s.Personas[i].Share /= sum
	}
}

func (f *file) journeyNode(k, v *yaml.Node, persona, what string) Node {
	node := Node{Name: k.Value}
	what += ": " + k.Value
	if k.Value == End {
		f.bad(k, "%s: %q is where journeys end, it can't be a place in one", what, End)
	}
	f.fields(v, what,
		field{"endpoint", func(n *yaml.Node) { node.Endpoint = f.text(n, what+" endpoint") }},
		field{"sequence", func(n *yaml.Node) {
			f.list(n, what+" sequence", func(n *yaml.Node) { node.Sequence = append(node.Sequence, f.text(n, what+" sequence")) })
			if len(node.Sequence) == 0 {
				f.bad(n, "%s sequence: want at least one endpoint", what)
			}
		}},
		field{"repeat", func(n *yaml.Node) { node.Repeat = f.repeat(n, what+" repeat") }},
		field{"think", func(n *yaml.Node) { node.Think = f.think(n) }},
		field{"to", func(n *yaml.Node) {
			sum := 0.0
			f.entries(n, what+" to", func(tk, tv *yaml.Node) {
				f.node["edge "+persona+" "+k.Value+" "+tk.Value] = tk
				e := Edge{tk.Value, f.share(tv, what+" to "+tk.Value)}
				sum += e.Share
				node.To = append(node.To, e)
			})
			if math.Abs(sum-1) > shareSlack {
				f.bad(k, "%s: the shares of to sum to %.3g, want 1", what, sum)
				return
			}
			for i := range node.To {
				node.To[i].Share /= sum
			}
		}},
	)
	switch {
	case node.Endpoint != "" && node.Sequence != nil:
		f.bad(k, "%s: want endpoint or sequence, not both", what)
	case node.Endpoint == "" && node.Sequence == nil:
		node.Endpoint = k.Value
	}
	return node
}

// maxRounds is a loop's: beyond, somebody has mistaken a number.
const maxRounds = 10_000

func (f *file) repeat(n *yaml.Node, what string) *Repeat {
	r := &Repeat{}
	kinds := 0
	rounds := func(n *yaml.Node, what string) int {
		v := f.integer(n, what)
		if v < 1 || v > maxRounds {
			f.bad(n, "%s: want 1 to %d rounds", what, maxRounds)
			v = 1
		}
		return int(v)
	}
	f.fields(n, what,
		field{"times", func(n *yaml.Node) {
			kinds++
			if n.Kind == yaml.ScalarNode {
				v := rounds(n, what+" times")
				r.Times = &[2]int{v, v}
				return
			}
			r.Times = &[2]int{1, 1}
			if lo, hi, ok := f.pair(n, what+" times"); ok && (lo < 1 || hi > maxRounds) {
				f.bad(n, "%s times: want 1 to %d rounds", what, maxRounds)
			} else if ok {
				r.Times = &[2]int{int(lo), int(hi)}
			}
		}},
		field{"geometric", func(n *yaml.Node) {
			kinds++
			if r.Geometric = f.share(n, what+" geometric"); r.Geometric == 0 || r.Geometric == 1 {
				f.bad(n, "%s geometric: the probability of another round lies between 0 and 1", what)
				r.Geometric = 0.5
			}
		}},
		field{"max", func(n *yaml.Node) { r.Max = rounds(n, what+" max") }},
		field{"choice", func(n *yaml.Node) {
			kinds++
			sum := 0.0
			f.entries(n, what+" choice", func(k, v *yaml.Node) {
				c := Rounds{rounds(k, what+" choice"), f.share(v, what+" choice "+k.Value)}
				sum += c.Share
				r.Choice = append(r.Choice, c)
			})
			if math.Abs(sum-1) > shareSlack {
				f.bad(n, "%s: the shares of choice sum to %.3g, want 1", what, sum)
				return
			}
			for i := range r.Choice {
				r.Choice[i].Share /= sum
			}
		}},
		field{"each", func(n *yaml.Node) { kinds++; r.Each = f.text(n, what+" each") }},
		field{"about", func(n *yaml.Node) { r.About = rounds(n, what+" about") }},
	)
	switch {
	case kinds != 1:
		f.bad(n, "%s: want one of times, geometric, choice and each", what)
	case r.Max > 0 && r.Geometric == 0 && r.Each == "":
		f.bad(n, "%s: max is of geometric and each", what)
	case r.About > 0 && r.Each == "":
		f.bad(n, "%s: about is of each", what)
	}
	return r
}

// skeletons reads a list of recorded sessions, or the name of a file with one a
// line.
func (f *file) skeletons(n *yaml.Node, persona, what string) []Skeleton {
	var all []Skeleton
	wrong := 0
	// Names and bindings repeat a million times: each is kept once.
	name := map[string]string{}
	keep := func(s string) string {
		if _, ok := name[s]; !ok {
			name[s] = strings.Clone(s)
		}
		return name[s]
	}
	add := func(at place, line string) bool {
		k, err := ParseSkeleton(line)
		if err != nil {
			f.badAt(at, "%s: %v", what, err)
			wrong++
			return wrong < enough
		}
		for i := range k.Steps {
			s := &k.Steps[i]
			s.Endpoint = keep(s.Endpoint)
			for j := range s.Bind {
				s.Bind[j].Var = keep(s.Bind[j].Var)
			}
		}
		all = append(all, k)
		f.traces[persona] = append(f.traces[persona], at)
		return true
	}
	if n.Kind == yaml.SequenceNode {
		f.list(n, what, func(n *yaml.Node) { add(place{line: n.Line}, f.text(n, what)) })
	} else {
		f.lines(n, what, add)
	}
	if len(all) == 0 && wrong == 0 {
		f.bad(n, "%s: there is no session", what)
	}
	return all
}
