package scenarios

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Drawings are the forms that Draw knows.
var Drawings = []string{"text", "dot", "mermaid"}

// Draw writes the journeys of the model: as text for a terminal, or for Graphviz
// (dot) or Mermaid. An unknown form is a mistake of the caller.
func (m *Model) Draw(w io.Writer, form string) error {
	d := &drawing{m: m}
	switch form {
	case "dot":
		d.dot()
	case "mermaid":
		d.mermaid()
	case "text":
		d.text()
	default:
		panic("scenarios: no drawing is called " + form)
	}
	_, err := io.WriteString(w, d.b.String())
	return err
}

type drawing struct {
	m *Model
	b strings.Builder
}

func (d *drawing) line(format string, args ...any) { fmt.Fprintf(&d.b, format+"\n", args...) }

// table writes rows whose cells are separated by tabs.
func (d *drawing) table(rows []string) {
	t := tabwriter.NewWriter(&d.b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, row) // into memory
	}
	_ = t.Flush() // into memory
}

func (d *drawing) text() {
	s := d.m.Scenario
	d.line("%s (%s)", s.Name, s.Source)
	if s.Doc != "" {
		d.line("%s", s.Doc)
	}
	for i := range s.Personas {
		p := &s.Personas[i]
		requests, length := 0.0, Seconds(0)
		d.m.flow(i, func(_ spot, _ int, visits float64, think Seconds) {
			requests += visits
			length += Seconds(visits) * think
		})
		d.line("\n%s: %s of the sessions, %.1f requests in %s on average", p.Name, percent(p.Share), requests, Pretty(length))
		for _, name := range p.Start {
			d.line("  starts with %s, then %s", name, think(d.endpoint(name).Think))
		}
		for k := range p.Journey {
			d.node(&p.Journey[k])
		}
		d.skeletons(p)
	}
	if len(s.Between) > 0 {
		d.line("\nThink times between two")
		var rows []string
		for _, b := range s.Between {
			rows = append(rows, fmt.Sprintf("  %s > %s\t%s", b.From, b.To, think(&b.Think)))
		}
		d.table(rows)
	}
	mix := d.m.Mix()
	d.line("\nMix: %.1f requests a session, %s think time after each, on average", mix.Requests, Pretty(mix.Think))
	var rows []string
	for _, p := range mix.Endpoints {
		rows = append(rows, fmt.Sprintf("  %s\t%s", percent(p.Share), p.Endpoint))
	}
	d.table(rows)
}

// shownSkeletons are the most frequent ones: what most users do, not all that
// anybody did.
const shownSkeletons = 10

func (d *drawing) skeletons(p *Persona) {
	if len(p.Skeletons) == 0 {
		return
	}
	total := 0.0
	for _, k := range p.Skeletons {
		total += k.Weight
	}
	d.line("  %d recorded sequences of %g sessions; the most frequent:", len(p.Skeletons), total)
	order := slices.SortedStableFunc(slices.Values(p.Skeletons), func(a, b Skeleton) int { return cmp.Compare(b.Weight, a.Weight) })
	for _, k := range order[:min(len(order), shownSkeletons)] {
		var names []string
		for _, s := range k.Steps {
			names = append(names, s.Endpoint)
		}
		d.line("    %6s  %s", percent(k.Weight/total), strings.Join(names, " "))
	}
}

func (d *drawing) endpoint(name string) *Endpoint {
	i := slices.IndexFunc(d.m.Scenario.Endpoints, func(e Endpoint) bool { return e.Name == name })
	return &d.m.Scenario.Endpoints[i]
}

func (d *drawing) node(n *Node) {
	var routes []string
	var pauses []string
	for _, name := range n.Requests() {
		e := d.endpoint(name)
		routes = append(routes, e.Route())
		t := n.Think
		if t == nil {
			t = e.Think
		}
		if p := think(t); !slices.Contains(pauses, p) {
			pauses = append(pauses, p)
		}
	}
	d.line("  %s  %s%s, then %s", n.Name, strings.Join(routes, ", "), loop(n.Repeat), strings.Join(pauses, " or "))
	if len(n.To) == 0 {
		d.line("      100%%  %s", End)
	}
	to := slices.SortedStableFunc(slices.Values(n.To), func(a, b Edge) int { return cmp.Compare(b.Share, a.Share) })
	for _, e := range to {
		back := ""
		if e.To == n.Name {
			back = " (again)"
		}
		d.line("    %6s  %s%s", percent(e.Share), e.To, back)
	}
}

// loop says how often a node is repeated; "" for once.
func loop(r *Repeat) string {
	switch {
	case r == nil:
		return ""
	case r.Times != nil && r.Times[0] == r.Times[1]:
		return fmt.Sprintf(", %d times", r.Times[0])
	case r.Times != nil:
		return fmt.Sprintf(", %d to %d times", r.Times[0], r.Times[1])
	case r.Geometric > 0:
		most := ""
		if r.Max > 0 {
			most = fmt.Sprintf(", %d times at most", r.Max)
		}
		return fmt.Sprintf(", again with %s%s", percent(r.Geometric), most)
	case r.Each != "":
		return ", for each " + r.Each
	}
	var parts []string
	for _, c := range r.Choice {
		parts = append(parts, fmt.Sprintf("%d (%s)", c.N, percent(c.Share)))
	}
	return ", " + strings.Join(parts, " or ") + " times"
}

// think says what kind of think time it is.
func think(t *Think) string {
	switch {
	case t == nil:
		return "no time"
	case t.Mean > 0:
		return Pretty(t.Mean) + " (exponential)"
	case t.Median > 0:
		return fmt.Sprintf("%s (lognormal, median %s)", Pretty(t.Average()), Pretty(t.Median))
	case len(t.Quantiles) > 0:
		return fmt.Sprintf("%s (measured, up to %s)", Pretty(t.Average()), Pretty(t.Quantiles[len(t.Quantiles)-1]))
	}
	return Pretty(t.Const)
}

// Pretty returns s in a form for people: three digits, or minutes and seconds.
func Pretty(s Seconds) string {
	switch {
	case s >= 60:
		return Seconds(int(s + 0.5)).Duration().String()
	case s >= 1 || s == 0:
		return strconv.FormatFloat(float64(s), 'g', 3, 64) + "s"
	}
	return strconv.FormatFloat(float64(s)*1000, 'g', 3, 64) + "ms"
}

func percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 3, 64) + "%"
}

// arrows calls f for every edge of the persona's journey, the start included.
func (d *drawing) arrows(p *Persona, f func(from, to, label string)) {
	last := ""
	for _, name := range p.Start {
		if last != "" {
			f("start "+last, "start "+name, "")
		}
		last = name
	}
	if last != "" && len(p.Journey) > 0 {
		f("start "+last, p.Journey[0].Name, "")
	}
	for _, n := range p.Journey {
		if len(n.To) == 0 {
			f(n.Name, End, "100%")
		}
		for _, e := range n.To {
			f(n.Name, e.To, percent(e.Share))
		}
	}
}

// label is what a node shows: its name, what it is repeated and the think time.
func (d *drawing) label(n *Node) []string {
	t := n.Think
	if t == nil {
		t = d.endpoint(n.Requests()[0]).Think
	}
	lines := []string{n.Name}
	if len(n.Sequence) > 0 {
		lines = append(lines, strings.Join(n.Sequence, ", "))
	}
	if l := loop(n.Repeat); l != "" {
		lines = append(lines, strings.TrimPrefix(l, ", "))
	}
	return append(lines, "think "+think(t))
}

func (d *drawing) dot() {
	d.line("digraph %s {", strconv.Quote(d.m.Scenario.Name))
	d.line("  rankdir=LR; node [shape=box, style=rounded];")
	for i := range d.m.Scenario.Personas {
		p := &d.m.Scenario.Personas[i]
		id := func(name string) string { return strconv.Quote(p.Name + ": " + name) }
		d.line("  subgraph cluster_%d {", i)
		d.line("    label=%s;", strconv.Quote(p.Name+" "+percent(p.Share)))
		for _, name := range p.Start {
			d.line("    %s [label=%s, shape=cds];", id("start "+name), strconv.Quote(name))
		}
		for k := range p.Journey {
			n := &p.Journey[k]
			d.line("    %s [label=%s];", id(n.Name), strconv.Quote(strings.Join(d.label(n), "\n")))
		}
		if len(p.Journey) > 0 {
			d.line("    %s [label=%q, shape=circle];", id(End), End)
		}
		d.arrows(p, func(from, to, label string) {
			d.line("    %s -> %s [label=%s];", id(from), id(to), strconv.Quote(label))
		})
		d.line("  }")
	}
	d.line("}")
}

func (d *drawing) mermaid() {
	text := strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ")
	d.line("flowchart LR")
	for i := range d.m.Scenario.Personas {
		p := &d.m.Scenario.Personas[i]
		numbers := map[string]int{} // Mermaid's ids are plain words
		id := func(name string) string {
			if _, ok := numbers[name]; !ok {
				numbers[name] = len(numbers)
			}
			return fmt.Sprintf("p%dn%d", i, numbers[name])
		}
		d.line("  subgraph p%d[\"%s %s\"]", i, text.Replace(p.Name), percent(p.Share))
		for _, name := range p.Start {
			d.line("    %s>\"%s\"]", id("start "+name), text.Replace(name))
		}
		for k := range p.Journey {
			n := &p.Journey[k]
			lines := d.label(n)
			for j := range lines {
				lines[j] = text.Replace(lines[j])
			}
			d.line("    %s(\"%s\")", id(n.Name), strings.Join(lines, "<br>"))
		}
		if len(p.Journey) > 0 {
			d.line("    %s((%s))", id(End), End)
		}
		d.arrows(p, func(from, to, label string) {
			if label != "" {
				label = "|" + label + "|"
			}
			d.line("    %s -->%s %s", id(from), label, id(to))
		})
		d.line("  end")
	}
}
