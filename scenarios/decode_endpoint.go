package scenarios

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (f *file) endpoints(n *yaml.Node) {
	f.entries(n, "endpoints", func(k, v *yaml.Node) {
		if k.Value == End {
			f.bad(k, "endpoints: %q is where journeys end", End)
		}
		f.node["endpoint "+k.Value] = k
		f.s.Endpoints = append(f.s.Endpoints, f.endpoint(k, v))
	})
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		f.bad(n, "endpoints: there is none")
	}
}

func (f *file) endpoint(k, v *yaml.Node) Endpoint {
	e := Endpoint{Name: k.Value}
	what := "endpoint " + k.Value
	bodies := 0
	var known []field
	for _, method := range []string{"get", "post", "put", "patch", "delete", "head"} {
		known = append(known, field{method, func(n *yaml.Node) {
			if e.Method != "" {
				f.bad(n, "%s: one request has one method", what)
			}
			e.Method, e.Path = strings.ToUpper(method), f.path(n, what)
		}})
	}
	known = append(known,
		field{"headers", func(n *yaml.Node) { e.Header = f.headers(n, what+" headers") }},
		field{"json", func(n *yaml.Node) { bodies++; e.JSON = f.json(n, what+" json") }},
		field{"form", func(n *yaml.Node) { bodies++; e.Form = f.form(n, what+" form") }},
		field{"body", func(n *yaml.Node) { bodies++; e.Body = f.template(n, what+" body") }},
		field{"extract", func(n *yaml.Node) { e.Extract = f.extract(n, what) }},
		field{"expect", func(n *yaml.Node) { e.Expect = f.expect(n, what+" expect") }},
		field{"think", func(n *yaml.Node) { e.Think = f.think(n) }},
		field{"fill_in", func(n *yaml.Node) { f.fillIn(n, what) }},
	)
	f.fields(v, what, known...)
	if e.Think == nil {
		e.Think = f.thinks["default"]
	}
	switch {
	case e.Method == "":
		f.bad(k, "%s: what does it request? (get: /path, post: /path, …)", what)
	case bodies > 1:
		f.bad(k, "%s: want at most one of json, form and body", what)
	case bodies > 0 && (e.Method == "GET" || e.Method == "HEAD"):
		f.bad(k, "%s: %s carries no body", what, e.Method)
	}
	return e
}

// fillIn reports what whoever wrote the file could not know, such as the body of
// a request in an access log: nothing is run before somebody has filled it in.
func (f *file) fillIn(n *yaml.Node, what string) {
	f.bad(n, "%s: to be filled in: %s", what, f.text(n, what+" fill_in"))
}

// path reads a path on the target. Another host would be a way around the
// allow-list, so that there is no syntax for one.
func (f *file) path(n *yaml.Node, what string) string {
	s := f.template(n, what)
	if s == "" {
		return ""
	}
	t, _ := ParseTemplate(s)
	plain := ""
	for _, p := range t {
		if p.Var != "" {
			plain += "x"
		}
		plain += p.Text
	}
	u, err := url.Parse(plain)
	switch {
	case !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//"):
		f.bad(n, "%s: want a path on the target such as /courses, have %q", what, s)
	case err != nil || strings.ContainsAny(s, " \t\n") || u.Fragment != "":
		f.bad(n, "%s: %q is no path", what, s)
	}
	return s
}

func (f *file) extract(n *yaml.Node, what string) []Extract {
	var all []Extract
	f.entries(n, what+" extract", func(k, v *yaml.Node) {
		x := Extract{Var: k.Value}
		if !isName(x.Var) {
			f.bad(k, "%s extract: %q is no name for a variable", what, x.Var)
		}
		x.JSON = f.jsonPath(v, what+" extract "+x.Var)
		all = append(all, x)
	})
	return all
}

func (f *file) jsonPath(n *yaml.Node, what string) string {
	s := f.text(n, what)
	if s == "" {
		return ""
	}
	if _, err := ParseJSONPath(s); err != nil {
		f.bad(n, "%s: %v", what, err)
	}
	return s
}

func (f *file) expect(n *yaml.Node, what string) Expect {
	var x Expect
	status := func(n *yaml.Node) {
		v := f.integer(n, what+" status")
		if v != 0 && (v < 100 || v > 599) {
			f.bad(n, "%s: there is no HTTP status %d", what, v)
		}
		x.Status = append(x.Status, int(v))
	}
	f.fields(n, what,
		field{"status", func(n *yaml.Node) {
			if n.Kind == yaml.SequenceNode {
				f.list(n, what+" status", status)
			} else {
				status(n)
			}
		}},
		field{"contains", func(n *yaml.Node) { x.Contains = f.text(n, what+" contains") }},
		field{"json", func(n *yaml.Node) {
			f.entries(n, what+" json", func(k, v *yaml.Node) {
				if _, err := ParseJSONPath(k.Value); err != nil {
					f.bad(k, "%s: %v", what, err)
				}
				want := ""
				if v.ShortTag() != "!!null" {
					want = f.text(v, what+" json "+k.Value)
				}
				x.JSON = append(x.JSON, Field{k.Value, want})
			})
		}},
	)
	return x
}
