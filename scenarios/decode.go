package scenarios

import (
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// file is what is known of a scenario beyond what becomes of it: where things
// stand, for the checks that need the whole.
type file struct {
	*reader
	s      *Scenario
	thinks map[string]*Think
	node   map[string]*yaml.Node // "endpoint login", "data user.n", … → its key
	traces map[string][]place    // persona → where its skeletons stand
}

func (r *reader) scenario(n *yaml.Node) *Scenario {
	f := &file{r, &Scenario{}, map[string]*Think{}, map[string]*yaml.Node{}, map[string][]place{}}
	s := f.s
	// Think times first, wherever they stand: the others name them.
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == "think" {
			f.thinkTimes(n.Content[i+1])
			break
		}
	}
	seen := map[string]bool{}
	section := func(key string, read func(*yaml.Node)) field {
		return field{key, func(n *yaml.Node) { seen[key] = true; read(n) }}
	}
	r.fields(n, "scenario",
		section("version", func(n *yaml.Node) {
			if s.Version = int(r.integer(n, "version")); s.Version != 1 && n.Value != "" {
				r.bad(n, "version: this scalecheck reads version 1")
			}
		}),
		section("name", func(n *yaml.Node) { s.Name = r.text(n, "name") }),
		section("doc", func(n *yaml.Node) { s.Doc = strings.TrimSpace(r.text(n, "doc")) }),
		section("load", f.load),
		section("objectives", f.objectives),
		section("limits", f.limits),
		section("client_ip", func(n *yaml.Node) {
			if s.ClientIP = r.text(n, "client_ip"); s.ClientIP != PerUser {
				r.bad(n, "client_ip: %q is not known; there is %s", n.Value, PerUser)
			}
		}),
		section("timeout", func(n *yaml.Node) {
			if s.Timeout = r.duration(n, "timeout"); s.Timeout == 0 {
				r.bad(n, "timeout: a request needs some time")
			}
		}),
		section("headers", func(n *yaml.Node) { s.Headers = f.headers(n, "headers") }),
		section("arrivals", f.arrivals),
		section("think", func(*yaml.Node) {}),
		section("between", f.between),
		section("data", f.data),
		section("endpoints", f.endpoints),
		section("personas", f.personas),
		section("invariants", f.invariants),
		section("paths", f.paths),
	)
	for _, key := range []string{"version", "name", "endpoints", "personas"} {
		if !seen[key] {
			r.bad(n, "scenario: %s is missing", key)
		}
	}
	r.later = append(r.later, f.checkVariables, f.checkPersonas, f.checkNames, f.checkObjectives)
	return s
}

func (f *file) load(n *yaml.Node) {
	l := &f.s.Load
	f.fields(n, "load",
		field{"users", func(n *yaml.Node) { l.Users = float64(f.integer(n, "users")) }},
		field{"rate", func(n *yaml.Node) { l.Rate = f.rate(n, "rate") }},
		field{"duration", func(n *yaml.Node) { l.Duration = f.duration(n, "duration") }},
		field{"steps", func(n *yaml.Node) { l.Steps = int(f.integer(n, "steps")) }},
	)
	if l.Users > 0 && l.Rate > 0 {
		f.bad(n, "load: give users (at once) or rate (sessions started per second), not both")
	}
	if l.Users < 0 || l.Steps < 0 {
		f.bad(n, "load: users and steps are positive")
	}
}

// rate reads 5/s, 300/min or a bare number per second.
func (f *file) rate(n *yaml.Node, what string) float64 {
	m := *n
	per := 1.0
	if s, ok := strings.CutSuffix(m.Value, "/s"); ok {
		m.Value = s
	} else if s, ok := strings.CutSuffix(m.Value, "/min"); ok {
		m.Value, per = s, 60
	}
	v := f.positive(&m, what)
	return v / per
}

func (f *file) objectives(n *yaml.Node) {
	f.list(n, "objectives", func(n *yaml.Node) {
		o, err := ParseObjective(f.text(n, "objectives"))
		if err != nil {
			f.bad(n, "%v", err)
			return
		}
		f.s.Objectives = append(f.s.Objectives, o)
		if o.Endpoint != "" {
			f.node["objective "+o.Endpoint] = n
		}
	})
}

func (f *file) limits(n *yaml.Node) {
	l := &f.s.Limits
	f.fields(n, "limits",
		field{"rate", func(n *yaml.Node) { l.Rate = f.rate(n, "rate") }},
		field{"users", func(n *yaml.Node) { l.Users = f.positive(n, "users") }},
		field{"duration", func(n *yaml.Node) { l.Duration = f.duration(n, "duration") }},
		field{"body", func(n *yaml.Node) { l.BodyBytes = f.bytes(n, "body") }},
		// A scenario comes from anywhere; who may be sent requests is said by
		// the person who runs it.
		field{"hosts", func(n *yaml.Node) { f.bad(n, "limits: a scenario can't allow hosts; --allow-host does") }},
	)
}

// notOurs are headers that would send a request elsewhere, or break it.
var notOurs = []string{"host", "content-length", "transfer-encoding", "connection"}

func (f *file) headers(n *yaml.Node, what string) []Field {
	var all []Field
	f.entries(n, what, func(k, v *yaml.Node) {
		if !isName(k.Value) || slices.Contains(notOurs, strings.ToLower(k.Value)) {
			f.bad(k, "%s: %q can't be set", what, k.Value)
		}
		if strings.ContainsFunc(v.Value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			f.bad(v, "%s: %s has a control character", what, k.Value)
		}
		all = append(all, Field{k.Value, f.template(v, what+" "+k.Value)})
	})
	return all
}

func (f *file) form(n *yaml.Node, what string) []Field {
	var all []Field
	f.entries(n, what, func(k, v *yaml.Node) {
		all = append(all, Field{k.Value, f.template(v, what+" "+k.Value)})
	})
	return all
}

func (f *file) invariants(n *yaml.Node) {
	f.list(n, "invariants", func(n *yaml.Node) {
		i, err := ParseInvariant(f.text(n, "invariants"))
		if err != nil {
			f.bad(n, "%v", err)
			return
		}
		f.node["invariant "+i.Text] = n
		f.s.Invariants = append(f.s.Invariants, i)
	})
}

func (f *file) paths(n *yaml.Node) {
	f.entries(n, "paths", func(k, v *yaml.Node) {
		p := Path{Name: k.Value}
		f.node["path "+p.Name] = k
		f.list(v, "path "+p.Name, func(n *yaml.Node) { p.Endpoints = append(p.Endpoints, f.text(n, "path "+p.Name)) })
		if len(p.Endpoints) == 0 {
			f.bad(k, "path %s: want the endpoints that users wait for", p.Name)
		}
		if p.Name == "" || strings.HasSuffix(p.Name, ":") || strings.ContainsFunc(p.Name, unicode.IsControl) {
			f.bad(k, "paths: %q is no name", p.Name)
		}
		f.s.Paths = append(f.s.Paths, p)
	})
}
