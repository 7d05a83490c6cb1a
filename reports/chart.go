package reports

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/scalecheck/scalecheck/internal/digits"
)

// Charts are SVG made here: no library, no script, nothing to load. They hold
// no style but classes, since the page's policy forbids style attributes and
// the colours depend on the theme.

// An svg is a drawing that is being made. All text in it is escaped.
type svg struct{ b strings.Builder }

// attrs are pairs of names and values.
func (s *svg) tag(name string, attrs ...any) {
	s.b.WriteString("<" + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		fmt.Fprintf(&s.b, ` %s="%s"`, attrs[i], template.HTMLEscapeString(attr(attrs[i+1])))
	}
	s.b.WriteString(">")
}

func (s *svg) end(name string) { s.b.WriteString("</" + name + ">") }

// leaf is an element with a tooltip, or without one where tip is empty.
func (s *svg) leaf(name, tip string, attrs ...any) {
	s.tag(name, attrs...)
	if tip != "" {
		s.b.WriteString("<title>" + template.HTMLEscapeString(tip) + "</title>")
	}
	s.end(name)
}

func (s *svg) text(x, y float64, class, anchor, text string) {
	s.tag("text", "x", x, "y", y, "class", class, "text-anchor", anchor)
	s.b.WriteString(template.HTMLEscapeString(text))
	s.end("text")
}

func attr(v any) string {
	if f, ok := v.(float64); ok {
		return digits.Trim(strconv.FormatFloat(f, 'f', 1, 64))
	}
	return fmt.Sprint(v)
}

// glyph is the width of an average character of a label in the charts' 12 px.
const glyph = 6.6

func labelWidth(s string) float64 { return float64(utf8.RuneCountInString(s)) * glyph }

// A frame is a chart's drawing area within its margins.
type frame struct{ width, height, left, right, top, bottom float64 }

// Charts are drawn for half a desktop's width: 440 units. On a phone they
// shrink by a fifth and stay legible.
func newFrame() frame {
	return frame{width: 440, height: 290, left: 52, right: 66, top: 40, bottom: 42}
}

func (f frame) x0() float64 { return f.left }
func (f frame) x1() float64 { return f.width - f.right }
func (f frame) y0() float64 { return f.height - f.bottom }
func (f frame) y1() float64 { return f.top }

// A scale maps values to units of the drawing.
type scale struct {
	lo, hi   float64 // values
	from, to float64 // units
	log      bool
}

func (s scale) at(v float64) float64 {
	lo, hi := s.lo, s.hi
	if s.log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(max(v, s.lo*1e-9))
	}
	if hi == lo {
		return (s.from + s.to) / 2
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// spread: beyond a factor of 50 a linear axis shows nothing of the small values.
const spread = 50

// newScale fits a scale to values, from zero where it is linear.
func newScale(values []float64, from, to float64) scale {
	lo, hi := math.Inf(1), 0.0
	for _, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	switch {
	case hi == 0:
		return scale{0, 1, from, to, false}
	case hi/lo > spread:
		return scale{lo / 1.15, hi * 1.15, from, to, true}
	}
	return scale{0, hi * 1.04, from, to, false}
}

// ticks returns at most about n round values on the scale.
func (s scale) ticks(n int) []float64 {
	if s.log {
		return logTicks(s.lo, s.hi, n)
	}
	step := niceStep((s.hi - s.lo) / float64(n))
	var out []float64
	for i := math.Ceil(s.lo / step); i*step <= s.hi*(1+1e-9); i++ {
		out = append(out, i*step)
	}
	return out
}

func niceStep(raw float64) float64 {
	if raw <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m*base >= raw*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// logTicks takes 1-2-5, or decades, or every so manieth decade.
func logTicks(lo, hi float64, n int) []float64 {
	first, last := math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	for _, ms := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var out []float64
		for e := first; e <= last; e++ {
			for _, m := range ms {
				// Not m·10^e: with a negative exponent that is 0.30000000000000004.
				if v, _ := strconv.ParseFloat(fmt.Sprintf("%ge%g", m, e), 64); v >= lo && v <= hi {
					out = append(out, v)
				}
			}
		}
		if len(out) <= n+1 && len(out) > 0 {
			return out
		}
	}
	first, last = math.Ceil(math.Log10(lo)), math.Floor(math.Log10(hi))
	every := max(1, math.Ceil((last-first)/float64(n)))
	var out []float64
	for e := first; e <= last; e += every {
		out = append(out, math.Pow(10, e))
	}
	return out
}

// A label wants to stand at y and may be moved.
type label struct {
	y           float64
	class, text string
}

// placed moves labels apart so that none lies on another, within lo and hi.
func placed(labels []label, gap, lo, hi float64) []label {
	out := slices.Clone(labels)
	slices.SortStableFunc(out, func(a, b label) int {
		switch {
		case a.y < b.y:
			return -1
		case a.y > b.y:
			return 1
		}
		return 0
	})
	for i := range out {
		out[i].y = max(out[i].y, lo+float64(i)*gap)
		if i > 0 {
			out[i].y = max(out[i].y, out[i-1].y+gap)
		}
	}
	for i := len(out) - 1; i >= 0; i-- {
		out[i].y = min(out[i].y, hi-float64(len(out)-1-i)*gap)
		if i < len(out)-1 {
			out[i].y = min(out[i].y, out[i+1].y-gap)
		}
	}
	return out
}

// A box is where something stands in a drawing.
type box struct{ x0, y0, x1, y1 float64 }

// beside finds room for the label of a horizontal line at y: above or below it,
// at the left, the right or in the middle, wherever it lies on the fewest lines
// and labels that are there.
func beside(f frame, y float64, text string, taken []box) (x, baseline float64, b box) {
	w, least := labelWidth(text), math.MaxInt
	for _, base := range []float64{y - 5, y + 14} {
		for _, left := range []float64{f.x0() + 4, f.x1() - w - 2, (f.x0() + f.x1() - w) / 2} {
			c := box{left, base - 11, left + w, base + 3}
			hits := 0
			for _, t := range taken {
				if c.x0 < t.x1 && t.x0 < c.x1 && c.y0 < t.y1 && t.y0 < c.y1 {
					hits++
				}
			}
			if c.y0 < f.y1()-2 || c.y1 > f.y0() {
				hits += 1000 // among the labels above, or the ticks below
			}
			if hits < least {
				x, baseline, b, least = left, base, c, hits
			}
		}
	}
	return x, baseline, b
}

// traces are the places of a line: small boxes all along it.
func traces(x xAxis, y scale, values []number) []box {
	var out []box
	for i := 1; i < len(values); i++ {
		a, b := values[i-1], values[i]
		if !a.known() || !b.known() || y.log && (a <= 0 || b <= 0) {
			continue
		}
		x0, y0, x1, y1 := x.at[i-1], y.at(float64(a)), x.at[i], y.at(float64(b))
		n := 1 + int(max(math.Abs(x1-x0), math.Abs(y1-y0))/4)
		for j := range n + 1 {
			px, py := x0+(x1-x0)*float64(j)/float64(n), y0+(y1-y0)*float64(j)/float64(n)
			out = append(out, box{px - 3, py - 3, px + 3, py + 3})
		}
	}
	return out
}

// open begins a drawing with its title and description.
func (s *svg) open(f frame, id, title, desc string) {
	s.tag("svg", "viewBox", fmt.Sprintf("0 0 %g %g", f.width, f.height), "role", "img", "class", "chart",
		"aria-labelledby", id+"-t "+id+"-d")
	s.b.WriteString(`<title id="` + id + `-t">` + template.HTMLEscapeString(title) + `</title>`)
	s.b.WriteString(`<desc id="` + id + `-d">` + template.HTMLEscapeString(desc) + `</desc>`)
}

func (s *svg) close() template.HTML {
	s.end("svg")
	return template.HTML(s.b.String())
}

// yAxis draws grid lines with their values at the left.
func (s *svg) yAxis(f frame, y scale, format func(number) string) {
	for _, v := range y.ticks(5) {
		at := y.at(v)
		class := "grid"
		if v == 0 {
			class = "base"
		}
		s.leaf("line", "", "x1", f.x0(), "x2", f.x1(), "y1", at, "y2", at, "class", class)
		s.text(f.x0()-7, at+4, "tick", "end", format(number(v)))
	}
}

// An xAxis places the steps: by their load where it rises, else side by side.
type xAxis struct {
	scale
	ordinal bool
	loads   []float64
	at      []float64 // position of each step
	labels  []string
	title   string
}

func newXAxis(d *document, f frame, ordinal bool) xAxis {
	a := xAxis{title: d.axis(), ordinal: ordinal}
	for i, s := range d.Steps {
		v := s.Users
		if !v.known() {
			v = s.Rate
		}
		l := plain(v)
		if !v.known() {
			l, a.ordinal = strconv.Itoa(s.Index+1), true
		}
		a.labels = append(a.labels, l)
		a.loads = append(a.loads, float64(v))
		if i > 0 && !(a.loads[i] > a.loads[i-1]) {
			a.ordinal = true
		}
	}
	if len(d.Steps) == 1 {
		a.ordinal = true
	}
	if a.ordinal {
		slot := (f.x1() - f.x0()) / float64(len(d.Steps))
		for i := range d.Steps {
			a.at = append(a.at, f.x0()+slot*(float64(i)+0.5))
		}
		return a
	}
	a.scale = newScale(a.loads, f.x0(), f.x1())
	for _, v := range a.loads {
		a.at = append(a.at, a.scale.at(v))
	}
	return a
}

// drawX labels the steps' own loads: where the data is, no round numbers beside
// it. Labels that do not fit are left out, the first and last never.
func (s *svg) drawX(f frame, a xAxis) {
	y := f.y0()
	s.leaf("line", "", "x1", f.x0(), "x2", f.x1(), "y1", y, "y2", y, "class", "base")
	last := len(a.at) - 1
	end := math.Inf(-1)
	for i, x := range a.at {
		s.leaf("line", "", "x1", x, "x2", x, "y1", y, "y2", y+4, "class", "base")
		w := labelWidth(a.labels[i]) / 2
		fits := x-w > end+6
		if i != last && i != 0 && x+w+6 > a.at[last]-labelWidth(a.labels[last])/2 {
			fits = false
		}
		if i == last || fits {
			s.text(x, y+17, "tick", "middle", a.labels[i])
			end = x + w
		}
	}
	title := a.title
	if a.log {
		title += " (log scale)"
	}
	s.text((f.x0()+f.x1())/2, y+35, "axis", "middle", title)
}

// A series is a line in a chart.
type series struct {
	name, class string
	values      []number
	format      func(number) string
}

func (s *svg) draw(x xAxis, y scale, l series, steps []stepPart) (end float64, any bool) {
	var path strings.Builder
	pen := "M"
	for i, v := range l.values {
		if !v.known() || y.log && v <= 0 {
			pen = "M" // a gap, not a guess
			continue
		}
		end, any = y.at(float64(v)), true
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x.at[i], end)
		pen = "L"
	}
	if !any {
		return 0, false
	}
	s.leaf("path", "", "d", path.String(), "class", "line "+l.class)
	for i, v := range l.values {
		if v.known() && !(y.log && v <= 0) {
			s.leaf("circle", fmt.Sprintf("%s at %s: %s", l.name, steps[i].offered(), l.format(v)),
				"cx", x.at[i], "cy", y.at(float64(v)), "r", "3", "class", "dot "+l.class)
		}
	}
	return end, true
}
