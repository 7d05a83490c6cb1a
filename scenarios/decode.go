package scenarios

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is what is known of a scenario beyond what becomes of it: where things
// stand, for the checks that need the whole.
type file struct {
	*reader
	s      *Scenario
	thinks map[string]*Think
	node   map[string]*yaml.Node // "endpoint login", "data user.n", … → its key
}

func (r *reader) scenario(n *yaml.Node) *Scenario {
	f := &file{r, &Scenario{}, map[string]*Think{}, map[string]*yaml.Node{}}
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
		section("think", func(*yaml.Node) {}),
		section("data", f.data),
		section("endpoints", f.endpoints),
		section("personas", f.personas),
	)
	for _, key := range []string{"version", "name", "endpoints", "personas"} {
		if !seen[key] {
			r.bad(n, "scenario: %s is missing", key)
		}
	}
	r.later = append(r.later, f.checkVariables, f.checkPersonas, f.checkObjectives)
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

func (f *file) thinkTimes(n *yaml.Node) {
	names := map[string]*yaml.Node{}
	f.entries(n, "think", func(k, v *yaml.Node) {
		if v.Kind == yaml.ScalarNode { // default: glance
			names[k.Value] = v
			return
		}
		f.thinks[k.Value] = f.thinkTime(v)
	})
	for name, n := range names {
		f.thinks[name] = f.think(n)
	}
}

// think reads a think time in place, or the name of one.
func (f *file) think(n *yaml.Node) *Think {
	if n.Kind != yaml.ScalarNode {
		return f.thinkTime(n)
	}
	if t := f.thinks[n.Value]; t != nil {
		return t
	}
	f.bad(n, "think: there is no %s%s", kindOf(n), didYouMean(n.Value, slices.Sorted(maps.Keys(f.thinks))))
	return &Think{} // reported once
}

func (f *file) thinkTime(n *yaml.Node) *Think {
	t := &Think{}
	kinds := 0
	f.fields(n, "think",
		field{"const", func(n *yaml.Node) { kinds++; t.Const = f.duration(n, "const") }},
		field{"exponential", func(n *yaml.Node) {
			kinds++
			if n.Kind == yaml.ScalarNode {
				t.Mean = f.nonZero(n, "exponential")
				return
			}
			f.fields(n, "exponential",
				field{"mean", func(n *yaml.Node) { t.Mean = f.nonZero(n, "mean") }},
				field{"max", func(n *yaml.Node) { t.Max = f.nonZero(n, "max") }},
			)
			if t.Mean == 0 {
				f.bad(n, "exponential: mean is missing")
			}
		}},
		field{"lognormal", func(n *yaml.Node) {
			kinds++
			f.fields(n, "lognormal",
				field{"median", func(n *yaml.Node) { t.Median = f.nonZero(n, "median") }},
				field{"sigma", func(n *yaml.Node) {
					// Beyond 4 the mean is thousands of medians: a typing error.
					if t.Sigma = f.positive(n, "sigma"); t.Sigma > 4 {
						f.bad(n, "lognormal: sigma is that of the logarithm, usually 0.5 to 1.5")
					}
				}},
				field{"max", func(n *yaml.Node) { t.Max = f.nonZero(n, "max") }},
			)
			if t.Median == 0 || t.Sigma == 0 {
				f.bad(n, "lognormal: want median and sigma")
			}
		}},
	)
	if kinds != 1 {
		f.bad(n, "think: want one of const, exponential and lognormal")
	}
	return t
}

func (f *file) nonZero(n *yaml.Node, what string) Seconds {
	v := f.duration(n, what)
	if v == 0 {
		f.bad(n, "%s: want more than 0s", what)
	}
	return v
}

func (f *file) data(n *yaml.Node) {
	f.entries(n, "data", func(k, v *yaml.Node) {
		what := "data " + k.Value
		if !isName(k.Value) {
			f.bad(k, "%s: a name has letters, digits, _, - and dots between them", what)
		}
		f.node[what] = k
		d := Source{Name: k.Value}
		kinds := 0
		f.fields(v, what,
			field{"range", func(n *yaml.Node) {
				kinds++
				if lo, hi, ok := f.pair(n, what+" range"); ok {
					d.Range = &[2]int64{lo, hi}
				}
			}},
			field{"choice", func(n *yaml.Node) {
				kinds++
				f.list(n, what+" choice", func(n *yaml.Node) { d.Choice = append(d.Choice, f.text(n, what+" choice")) })
				if len(d.Choice) == 0 {
					f.bad(n, "%s: nothing to choose from", what)
				}
			}},
			field{"text", func(n *yaml.Node) { kinds++; d.Text = f.template(n, what) }},
			field{"unique", func(n *yaml.Node) {
				kinds++
				if d.Unique = f.template(n, what); !strings.Contains(d.Unique, "${unique}") {
					f.bad(n, "%s: a unique text has ${unique} in it", what)
				}
			}},
			field{"words", func(n *yaml.Node) {
				kinds++
				if lo, hi, ok := f.pair(n, what+" words"); ok && (lo < 1 || hi > 10000) {
					f.bad(n, "%s: want 1 to 10000 words", what)
				} else if ok {
					d.Words = &[2]int{int(lo), int(hi)}
				}
			}},
			field{"draw", func(n *yaml.Node) {
				switch f.text(n, what+" draw") {
				case "exclusive":
					d.Exclusive = true
				case "random":
				default:
					f.bad(n, "%s draw: want random or exclusive, have %s", what, kindOf(n))
				}
			}},
			field{"per", func(n *yaml.Node) {
				switch f.text(n, what+" per") {
				case "request":
					d.PerRequest = true
				case "session":
				default:
					f.bad(n, "%s per: want session or request, have %s", what, kindOf(n))
				}
			}},
		)
		if kinds != 1 {
			f.bad(k, "%s: want one of range, choice, text, unique and words", what)
		}
		if d.Exclusive && (d.Range == nil || d.PerRequest) {
			f.bad(k, "%s: only a range that is drawn per session can be exclusive", what)
		}
		f.s.Data = append(f.s.Data, d)
	})
}

// pair reads [lo, hi].
func (f *file) pair(n *yaml.Node, what string) (lo, hi int64, ok bool) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		f.bad(n, "%s: want [lowest, highest], have %s", what, kindOf(n))
		return 0, 0, false
	}
	before := len(f.problems)
	lo, hi = f.integer(n.Content[0], what), f.integer(n.Content[1], what)
	if len(f.problems) > before {
		return 0, 0, false
	}
	if lo > hi || lo < -1<<53 || hi > 1<<53 {
		f.bad(n, "%s: [%d, %d] holds nothing, or too much", what, lo, hi)
		return 0, 0, false
	}
	return lo, hi, true
}
