package reports

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// latencyChart is the hockey stick: quantiles against the offered load, with
// the objective and the load up to which it was kept.
//
// It is empty where no request was answered.
func latencyChart(d *document) template.HTML {
	f := newFrame()
	x := newXAxis(d, f, false)
	lines := latencies(d)
	var all []float64
	for _, l := range lines {
		for _, v := range l.values {
			if v.known() {
				all = append(all, float64(v))
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	limits := latencyLimits(d)
	for _, o := range limits {
		all = append(all, float64(o.Limit))
	}
	y := newScale(all, f.y0(), f.y1())
	var s svg
	title := "Latency against load"
	if y.log {
		title += ", logarithmic"
	}
	s.open(f, "latency", title, describe(lines, d))
	s.yAxis(f, y, seconds)
	s.landmarks(f, d, x)
	var taken []box
	for _, l := range lines {
		taken = append(taken, traces(x, y, l.values)...)
	}
	for _, o := range limits {
		at := y.at(float64(o.Limit))
		s.leaf("line", "objective "+o.Text, "x1", f.x0(), "x2", f.x1(), "y1", at, "y2", at, "class", "limit")
		lx, ly, b := beside(f, at, o.Text, taken)
		s.text(lx, ly, "limit-label", "start", o.Text)
		taken = append(taken, slices.Repeat([]box{b}, 100)...)
	}
	var labels []label
	for _, l := range lines {
		if end, ok := s.draw(x, y, l, d.Steps); ok {
			labels = append(labels, label{end, "end " + l.class, l.name})
		}
	}
	for _, l := range placed(labels, 13, f.y1(), f.y0()) {
		s.text(x.at[len(x.at)-1]+8, l.y+4, l.class, "start", l.text)
	}
	s.drawX(f, x)
	return s.close()
}

// latencies are the lines of the chart: quantiles of all requests, and of the
// endpoint that is furthest beyond its objective, since objectives hold for
// each endpoint by itself.
func latencies(d *document) []series {
	lines := []series{
		{"p99", "p99", nil, seconds}, {"p95", "p95", nil, seconds}, {"p50", "p50", nil, seconds},
	}
	for _, s := range d.Steps {
		for i, v := range []number{s.Latency.P99, s.Latency.P95, s.Latency.P50} {
			lines[i].values = append(lines[i].values, v)
		}
	}
	if w := worst(d); w != nil {
		l := series{"worst", "worst", nil, seconds}
		for _, s := range d.Steps {
			v := unknown
			for _, j := range s.Judgments {
				if j.Endpoint == w.Endpoint && j.Objective == w.Objective {
					v = j.Got
				}
			}
			l.values = append(l.values, v)
		}
		lines = append(lines, l)
	}
	return lines
}

// worst returns the judgment about a latency that is furthest beyond its limit
// in the judged step, and nil where there are none or only one endpoint.
func worst(d *document) *judgmentPart {
	step := d.judgedStep()
	if step == nil || len(d.Endpoints) < 2 {
		return nil
	}
	var out *judgmentPart
	for i := range step.Judgments {
		j := &step.Judgments[i]
		if strings.Contains(j.Objective, "errors<") || !j.Got.known() || j.Limit <= 0 || capacity.Status(j.Status) == capacity.TooFew {
			continue
		}
		if out == nil || j.Got/j.Limit > out.Got/out.Limit {
			out = j
		}
	}
	return out
}

// latencyLimits are the limits that hold for every endpoint.
func latencyLimits(d *document) []objectivePart {
	var out []objectivePart
	for _, o := range d.Objectives {
		if o.Endpoint == "" && o.Limit.known() {
			out = append(out, o)
		}
	}
	return first(out, 4)
}

// throughputChart is requests answered against the offered load. Where the line
// leaves the straight one, the system no longer follows. It is empty where none
// was answered.
func throughputChart(d *document) template.HTML {
	f := newFrame()
	x := newXAxis(d, f, false)
	lines := throughputs(d)
	var all []float64
	top := 0.0
	for _, v := range lines[0].values {
		all = append(all, float64(v))
		top = max(top, zeroed(v))
	}
	if top == 0 {
		return ""
	}
	ceiling := d.Capacity.Knee.Ceiling
	if float64(ceiling) < top*1.6 {
		all = append(all, float64(ceiling))
	}
	y := newScale(all, f.y0(), f.y1())
	// Room for the ceiling's label under the ones above the drawing.
	if y.log {
		y.hi *= math.Pow(y.hi/y.lo, 0.1)
	} else {
		y.hi *= 1.1
	}
	var s svg
	s.open(f, "throughput", "Requests answered per second against load", describe(lines, d))
	s.yAxis(f, y, rate)
	s.landmarks(f, d, x)
	s.proportional(f, x, y, lines[0].values)
	if at := y.at(float64(ceiling)); ceiling.known() && float64(ceiling) <= y.hi {
		s.leaf("line", "ceiling", "x1", f.x0(), "x2", f.x1(), "y1", at, "y2", at, "class", "ceiling")
		text := fmt.Sprintf("%s allows %s", fitEnds(d.Capacity.Knee.Resource, 24), rate(ceiling))
		lx, ly, _ := beside(f, at, text, traces(x, y, lines[0].values))
		s.text(lx, ly, "ceiling-label", "start", text)
	}
	var labels []label
	for _, l := range lines {
		if end, ok := s.draw(x, y, l, d.Steps); ok {
			labels = append(labels, label{end, "end " + l.class, l.name})
		}
	}
	for _, l := range placed(labels, 13, f.y1(), f.y0()) {
		s.text(x.at[len(x.at)-1]+8, l.y+4, l.class, "start", l.text)
	}
	s.drawX(f, x)
	return s.close()
}

func throughputs(d *document) []series {
	lines := []series{{"answered", "served", nil, rate}}
	failed := series{"failed", "failed", nil, rate}
	most, top := 0.0, 0.0
	for _, s := range d.Steps {
		lines[0].values = append(lines[0].values, s.Throughput)
		v := ratio(float64(s.Failed), float64(s.Seconds))
		failed.values = append(failed.values, v)
		most, top = max(most, zeroed(v)), max(top, zeroed(s.Throughput))
	}
	// A line along the axis says no more than the table does.
	if most > top/50 {
		lines = append(lines, failed)
	}
	return lines
}

// proportional draws what the first step's throughput would become if it grew
// with the load, as far as it fits.
func (s *svg) proportional(f frame, x xAxis, y scale, served []number) {
	if x.ordinal || len(served) < 2 || !served[0].known() || served[0] <= 0 {
		return
	}
	// Both axes are linear from zero or logarithmic; else the line would be a curve.
	if x.log != y.log {
		return
	}
	x0, y0 := x.at[0], y.at(float64(served[0]))
	if !x.log {
		x0, y0 = x.scale.at(0), y.at(0)
	}
	// Twice the load, twice the throughput: another point on the line.
	x2, y2 := x.scale.at(2*x.loads[0]), y.at(2*float64(served[0]))
	slope := (y2 - y0) / (x2 - x0)
	xe, ye := f.x1(), y0+slope*(f.x1()-x0)
	if ye < f.y1() {
		xe, ye = x0+(f.y1()-y0)/slope, f.y1()
	}
	s.leaf("line", "if throughput grew with the load as at first", "x1", x0, "y1", y0, "x2", xe, "y2", ye, "class", "ideal")
}

// landmarks draws the band between the last load that was carried and the first
// that was not, and the knee.
func (s *svg) landmarks(f frame, d *document, x xAxis) {
	c := d.Capacity
	if x.ordinal {
		return
	}
	place := func(v number) (float64, bool) {
		at := x.scale.at(float64(v))
		return at, v.known() && v > 0 && at >= f.x0() && at <= f.x1()+1
	}
	if a, ok := place(c.Users); ok {
		if b, ok := place(c.NextUsers); ok && b > a {
			s.leaf("rect", fmt.Sprintf("carries %s, not %s users", plain(c.Users), plain(c.NextUsers)),
				"x", a, "y", f.y1(), "width", b-a, "height", f.y0()-f.y1(), "class", "band")
			s.text((a+b)/2, f.y1()-22, "band-label", anchor(f, (a+b)/2), fmt.Sprintf("carries %s–%s", plain(c.Users), plain(c.NextUsers)))
		}
	}
	if k, ok := place(c.Knee.Users); ok {
		s.leaf("line", "knee: throughput stops following the load", "x1", k, "x2", k, "y1", f.y1(), "y2", f.y0(), "class", "knee")
		s.text(k, f.y1()-7, "knee-label", anchor(f, k), "knee "+plain(c.Knee.Users))
	}
}

// anchor keeps a label near an edge inside of the drawing.
func anchor(f frame, x float64) string {
	switch {
	case x < f.x0()+40:
		return "start"
	case x > f.x1()-20:
		return "end"
	}
	return "middle"
}

// describe says a chart to those who do not see it.
func describe(lines []series, d *document) string {
	if len(d.Steps) == 0 {
		return "no step was measured"
	}
	var parts []string
	for _, l := range lines {
		parts = append(parts, fmt.Sprintf("%s from %s to %s", l.name, l.format(l.values[0]), l.format(l.values[len(l.values)-1])))
	}
	return fmt.Sprintf("From %s to %s: %s. The figures are in the table below.",
		d.Steps[0].offered(), d.Steps[len(d.Steps)-1].offered(), strings.Join(parts, "; "))
}
