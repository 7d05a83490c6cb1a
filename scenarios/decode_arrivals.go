package scenarios

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (f *file) arrivals(n *yaml.Node) {
	a := &f.s.Arrivals
	f.fields(n, "arrivals",
		field{"bursts", func(n *yaml.Node) {
			b := &Bursts{}
			f.fields(n, "bursts",
				field{"factor", func(n *yaml.Node) {
					if b.Factor = f.positive(n, "factor"); b.Factor <= 1 {
						f.bad(n, "bursts: factor is how many times as often sessions come, more than 1")
					}
				}},
				field{"on", func(n *yaml.Node) { b.On = f.nonZero(n, "on") }},
				field{"off", func(n *yaml.Node) { b.Off = f.nonZero(n, "off") }},
			)
			if b.Factor == 0 || b.On == 0 || b.Off == 0 {
				f.bad(n, "bursts: want factor, on and off")
			}
			a.Bursts = b
		}},
		field{"curve", func(n *yaml.Node) { a.Curve = f.curve(n) }},
		field{"events", func(n *yaml.Node) {
			f.list(n, "events", func(n *yaml.Node) { a.Events = append(a.Events, f.event(n)) })
		}},
	)
	if a.Bursts != nil && a.Curve != nil {
		f.bad(n, "arrivals: want bursts or a curve, not both")
	}
}

// curve reads {0s: 1, 10m: 3}, or a CSV file with seconds and factors.
func (f *file) curve(n *yaml.Node) []Level {
	var all []Level
	add := func(at place, when, factor string) {
		t, ok := parseSeconds(when)
		v, err := strconv.ParseFloat(factor, 64)
		switch {
		case !ok || err != nil || !(v >= 0 && v < 1e6):
			f.badAt(at, "curve: want a time and a factor, such as 10m: 1.5, have %q: %q", shorten(when), shorten(factor))
		case len(all) > 0 && t <= all[len(all)-1].At:
			f.badAt(at, "curve: %s is not after the point before", when)
		}
		all = append(all, Level{t, v})
	}
	before := len(f.problems)
	if n.Kind == yaml.MappingNode {
		f.entries(n, "curve", func(k, v *yaml.Node) { add(place{line: k.Line}, k.Value, v.Value) })
	} else {
		first := true
		f.lines(n, "curve", func(at place, line string) bool {
			when, factor, _ := strings.Cut(line, ",")
			when, factor = strings.TrimSpace(when), strings.TrimSpace(factor)
			if _, ok := parseSeconds(when); ok || !first { // else the names of the columns
				add(at, when, factor)
			}
			first = false
			return len(f.problems) < before+enough
		})
	}
	if len(f.problems) == before && (len(all) < 2 || !slices.ContainsFunc(all, func(l Level) bool { return l.Factor > 0 })) {
		f.bad(n, "curve: want two points or more, not all of them 0")
	}
	return all
}

func (f *file) event(n *yaml.Node) Event {
	var e Event
	kinds := 0
	at := false
	f.fields(n, "event",
		field{"name", func(n *yaml.Node) { e.Name = f.text(n, "event name") }},
		field{"at", func(n *yaml.Node) { at = true; e.At = f.share(n, "event at") }},
		field{"persona", func(n *yaml.Node) { e.Persona = f.text(n, "event persona") }},
		field{"together", func(n *yaml.Node) {
			kinds++
			e.Together = &Together{}
			f.fields(n, "together",
				field{"sessions", func(n *yaml.Node) { e.Together.Sessions = f.positive(n, "sessions") }},
				field{"spread", func(n *yaml.Node) { e.Together.Spread = f.duration(n, "spread") }},
			)
			if e.Together.Sessions == 0 {
				f.bad(n, "together: how many sessions? (sessions: 20 is twenty for each session/s of the load)")
			}
		}},
		field{"deadline", func(n *yaml.Node) {
			kinds++
			e.Deadline = &Deadline{}
			f.fields(n, "deadline",
				field{"peak", func(n *yaml.Node) {
					if e.Deadline.Peak = f.positive(n, "peak"); e.Deadline.Peak < 1 {
						f.bad(n, "deadline: peak is how many times the load's rate, at least 1")
					}
				}},
				field{"window", func(n *yaml.Node) { e.Deadline.Window = f.nonZero(n, "window") }},
				field{"after", func(n *yaml.Node) { e.Deadline.After = f.share(n, "after") }},
			)
			if e.Deadline.Peak == 0 || e.Deadline.Window == 0 {
				f.bad(n, "deadline: want peak and window")
			}
		}},
	)
	if kinds != 1 {
		f.bad(n, "event: want one of together and deadline")
	}
	if !at {
		f.bad(n, "event: at is missing: the part of a step's measured time, such as 50%%")
	}
	if e.Name == "" {
		e.Name = fmt.Sprintf("event %d", len(f.s.Arrivals.Events)+1)
	}
	f.node["event "+e.Name] = n
	return e
}
