package scenarios

import "slices"

// Artificial returns the load that is usually put in the place of s: the same
// requests without the people. Everybody is of the commonest persona that logs
// in, or of the commonest at all, and after the start requests any of its
// endpoints next, each as often as the others, at once, for ever. All values of
// the data are alike. Nobody thinks, nobody leaves, nothing comes in bursts.
//
// It is what compare-load holds a scenario against, not a load to judge by.
func (s *Scenario) Artificial() *Scenario {
	out := *s
	out.Name, out.SHA256, out.Source = s.Name+"-artificial", "", s.Source
	out.Doc = "The requests of " + s.Name + " without its users."
	out.Load, out.Arrivals, out.Between, out.Invariants, out.Paths = Load{}, Arrivals{}, nil, nil, nil

	who := commonest(s.Personas)
	var names []string // after the start
	add := func(endpoint string) {
		if !slices.Contains(names, endpoint) && !slices.Contains(who.Start, endpoint) {
			names = append(names, endpoint)
		}
	}
	for _, n := range who.Journey {
		if len(n.Sequence) == 0 {
			add(n.Endpoint)
		}
		for _, e := range n.Sequence {
			add(e)
		}
	}
	for _, k := range who.Skeletons {
		for _, step := range k.Steps {
			add(step.Endpoint)
		}
	}
	everybody := Persona{Name: who.Name, Share: 1, Start: who.Start}
	for _, name := range names {
		n := Node{Name: name, Endpoint: name, Think: &Think{}}
		for _, to := range append(names, End) {
			n.To = append(n.To, Edge{to, 1 / float64(len(names)+1)})
		}
		everybody.Journey = append(everybody.Journey, n)
	}
	out.Personas = []Persona{everybody}

	out.Endpoints = nil
	for _, e := range s.Endpoints {
		if slices.Contains(names, e.Name) || slices.Contains(who.Start, e.Name) {
			e.Think = &Think{}
			out.Endpoints = append(out.Endpoints, e)
		}
	}
	out.Objectives = slices.DeleteFunc(slices.Clone(s.Objectives), func(o Objective) bool {
		return o.Endpoint != "" && !slices.ContainsFunc(out.Endpoints, func(e Endpoint) bool { return e.Route() == o.Endpoint })
	})
	out.Data = slices.Clone(s.Data)
	for i := range out.Data {
		out.Data[i].Popularity, out.Data[i].Locality = Popularity{}, 0
	}
	return &out
}

// commonest returns the persona with the largest share of the sessions among
// those that begin with something, such as a log-in, or else among all.
func commonest(personas []Persona) Persona {
	var best Persona
	for _, p := range personas {
		starts, better := len(p.Start) > 0, p.Share > best.Share
		if starts && len(best.Start) == 0 || starts == (len(best.Start) > 0) && better {
			best = p
		}
	}
	return best
}
