package reports

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// maxLayers: more than these are too thin to be told apart; the rest is drawn
// as one.
const maxLayers = 8

// maxShades of one colour can be told apart.
const maxShades = 4

// A layer is a station through all steps.
type layer struct {
	Name, Bound string
	Class       string // of its colour
	Loads       []number
	Judged      number // in the judged step
}

// layers returns the stations, heaviest first, the rest as one, and what was
// not attributed last.
func layers(d *document) []layer {
	byName := map[string]*layer{}
	var names []string
	for i, s := range d.Steps {
		for _, st := range s.Stations {
			l := byName[st.Name]
			if l == nil {
				l = &layer{Name: st.Name, Bound: st.Bound, Loads: make([]number, len(d.Steps)), Judged: unknown}
				byName[st.Name] = l
				names = append(names, st.Name)
			}
			if st.Load.known() {
				l.Loads[i] += st.Load
			}
		}
	}
	heaviest := func(l *layer) number { return slices.Max(append([]number{0}, l.Loads...)) }
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := heaviest(byName[a]), heaviest(byName[b])
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return strings.Compare(a, b)
	})
	var out []layer
	shade := map[string]int{}
	others := layer{Class: "b-other", Loads: make([]number, len(d.Steps))}
	n := 0
	for _, name := range names {
		l := byName[name]
		if len(out) == maxLayers || shade[l.Bound] == maxShades {
			for j, v := range l.Loads {
				others.Loads[j] += v
			}
			n++
			continue
		}
		// Stations that are short of the same thing have shades of one colour.
		l.Class = fmt.Sprintf("b-%s v%d", bound(l.Bound), shade[l.Bound])
		shade[l.Bound]++
		out = append(out, *l)
	}
	if n > 0 {
		others.Name = plural(n, "other station")
		out = append(out, others)
	}
	rest := layer{Name: "unattributed", Class: "b-none"}
	for _, s := range d.Steps {
		v := s.Unattributed
		if !v.known() || v < 0 {
			v = 0
		}
		rest.Loads = append(rest.Loads, v)
	}
	out = append(out, rest)
	if d.Judged != nil {
		for i := range out {
			out[i].Judged = out[i].Loads[*d.Judged]
		}
	}
	return out
}

// bound returns the name of a colour.
func bound(b string) string {
	switch b {
	case "cpu", "memory", "io", "lock", "pool", "workers", "network", "external":
		return b
	}
	return "other"
}

// stationsChart stacks requests in flight by station, a bar a step: absolute,
// or as the parts of an average request. It is empty where none was in flight.
func stationsChart(d *document, parts bool) template.HTML {
	f := newFrame()
	f.right, f.top = 14, 24
	x := newXAxis(d, f, true)
	ls := layers(d)
	totals := make([]float64, len(d.Steps))
	for _, l := range ls {
		for i, v := range l.Loads {
			totals[i] += float64(v)
		}
	}
	if slices.Max(totals) <= 0 {
		return ""
	}
	id, title := "inflight", "Requests in flight, by where they are"
	y := scale{0, 1, f.y0(), f.y1(), false}
	if parts {
		id, title = "parts", "Where an average request's time goes"
	} else {
		y.hi = slices.Max(totals)
	}
	var s svg
	s.open(f, id, title, describeLayers(ls, d))
	s.b.WriteString(`<defs><pattern id="hatch-` + id + `" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
		`<rect width="6" height="6" class="hatch-bg"/><line x1="0" y1="0" x2="0" y2="6" class="hatch"/></pattern></defs>`)
	if parts {
		s.yAxis(f, y, share)
	} else {
		s.yAxis(f, y, plain)
	}
	slot := (f.x1() - f.x0()) / float64(max(1, len(d.Steps)))
	width := min(slot*0.72, 74)
	for i := range d.Steps {
		if totals[i] <= 0 {
			continue
		}
		base := 0.0
		for _, l := range ls {
			v := float64(l.Loads[i])
			part := v / totals[i]
			if v <= 0 {
				continue
			}
			h := v
			if parts {
				h = part
			}
			top, bottom := y.at(base+h), y.at(base)
			base += h
			tip := fmt.Sprintf("%s at %s: %s in flight, %s", l.Name, d.Steps[i].offered(), plain(number(v)), share(number(part)))
			class := "bar " + l.Class
			if bottom-top < 3 {
				class += " thin" // a border would hide it
			}
			attrs := []any{"x", x.at[i] - width/2, "y", top, "width", width, "height", bottom - top, "class", class}
			if l.Class == "b-none" {
				attrs = append(attrs, "fill", "url(#hatch-"+id+")")
			}
			s.leaf("rect", tip, attrs...)
		}
		if d.Judged != nil && *d.Judged == i && parts {
			s.text(x.at[i], f.y1()-7, "total", "middle", "judged")
		}
	}
	if !parts {
		s.totals(x, y, totals)
	}
	s.drawX(f, x)
	return s.close()
}

// totals are written above the bars, from the right, as far as there is room.
func (s *svg) totals(x xAxis, y scale, totals []float64) {
	free := math.Inf(1)
	for i := len(totals) - 1; i >= 0; i-- {
		l := plain(number(totals[i]))
		if w := labelWidth(l) * 1.1; totals[i] > 0 && x.at[i]+w/2 < free {
			s.text(x.at[i], y.at(totals[i])-5, "total", "middle", l)
			free = x.at[i] - w/2 - 5
		}
	}
}

func describeLayers(ls []layer, d *document) string {
	step := d.judgedStep()
	if step == nil {
		return "nothing was measured"
	}
	var parts []string
	for _, l := range ls {
		parts = append(parts, fmt.Sprintf("%s %s", l.Name, plain(l.Judged)))
	}
	return fmt.Sprintf("At %s: %s. The figures are in the table below.", step.offered(), strings.Join(parts, ", "))
}
