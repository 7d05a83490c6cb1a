package scenarios

import (
	"math"

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
		)
		if p.Share == 0 {
			f.bad(k, "%s: share is missing", what)
		}
		if len(p.Start)+len(p.Journey) == 0 {
			f.bad(k, "%s: does nothing: want start, journey or both", what)
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
	node := Node{Name: k.Value, Endpoint: k.Value}
	what += ": " + k.Value
	if k.Value == End {
		f.bad(k, "%s: %q is where journeys end, it can't be a place in one", what, End)
	}
	f.fields(v, what,
		field{"endpoint", func(n *yaml.Node) { node.Endpoint = f.text(n, what+" endpoint") }},
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
	return node
}
