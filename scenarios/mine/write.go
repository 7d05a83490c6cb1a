package mine

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Files returns the scenario as files: the scenario itself, called name, and
// beside it one file of skeletons for each persona. What could not be known
// stands in it as fill_in, with which no scenario is read.
func (m *Model) Files(name string) map[string][]byte {
	files := map[string][]byte{}
	stem := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	for _, p := range m.Scenario.Personas {
		if len(p.Skeletons) == 0 {
			continue
		}
		var b bytes.Buffer
		for i := range p.Skeletons {
			b.WriteString(p.Skeletons[i].String() + "\n")
		}
		files[skeletonFile(stem, p.Name)] = b.Bytes()
	}
	w := &writer{Model: m, stem: stem, used: m.used()}
	w.write()
	files[filepath.Base(name)] = w.Bytes()
	return files
}

func skeletonFile(stem, persona string) string { return stem + "." + persona + ".skeletons" }

// used returns the endpoints that some persona requests.
func (m *Model) used() map[string]bool {
	used := map[string]bool{}
	for _, p := range m.Scenario.Personas {
		for _, name := range p.Start {
			used[name] = true
		}
		for i := range p.Journey {
			for _, name := range p.Journey[i].Requests() {
				used[name] = true
			}
		}
		for _, k := range p.Skeletons {
			for _, s := range k.Steps {
				used[s.Endpoint] = true
			}
		}
	}
	return used
}

type writer struct {
	bytes.Buffer
	*Model
	stem string
	used map[string]bool
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// note returns what was measured, as the end of a line.
func (w *writer) note(what string) string {
	if s := w.Notes[what]; s != "" {
		return " # " + s
	}
	return ""
}

func (w *writer) write() {
	s := w.Scenario
	w.head()
	w.line("version: 1")
	w.line("name: %s", yamlText(s.Name))
	if s.Load.Rate > 0 {
		w.line("load: { rate: %s/s } # as in the log", number64(s.Load.Rate))
	}
	w.line("client_ip: %s", s.ClientIP)
	w.arrivalsText()
	if len(s.Data) > 0 {
		w.line("\ndata:")
		columns := map[string]bool{}
		for _, feed := range sortedKeys(w.feeds) {
			w.line("  %s: { fill_in: %s }", feed, yamlText(w.Blanks["data "+feed]))
			for _, c := range w.feeds[feed] {
				columns[feed+"."+c] = true
			}
		}
		for _, d := range s.Data {
			if !columns[d.Name] {
				w.source(&d)
			}
		}
	}
	w.line("\nendpoints:")
	for i := range s.Endpoints {
		if w.used[s.Endpoints[i].Name] {
			w.endpoint(&s.Endpoints[i])
		}
	}
	first := true
	for _, b := range s.Between {
		if !w.used[b.From] || !w.used[b.To] {
			continue
		}
		if first {
			w.line("\n# Think times where the next page is known, from %d measured ones on.", minThinks)
			w.line("between:")
			first = false
		}
		w.line("  %s: %s", yamlText(b.From+" > "+b.To), thinkText(&b.Think))
	}
	w.line("\npersonas:")
	for i := range s.Personas {
		w.persona(&s.Personas[i])
	}
	w.rules()
}

func (w *writer) head() {
	r := &w.log.Report
	var names []string
	for _, in := range r.Inputs {
		names = append(names, filepath.Base(in.Name))
	}
	w.line("# Mined from %s by scalecheck scenario mine --mode %s.", oneLine(strings.Join(names, ", ")), w.Mode)
	w.line("# %d requests read, %d of them kept, in %d sessions.", r.Requests, r.Kept, r.Sessions)
	if len(r.Dropped) > 0 {
		w.line("# Dropped: %s.", oneLine(strings.Join(r.Why(), ", ")))
	}
	if len(w.Blanks) > 0 {
		w.line("# Not ready: each fill_in below is something that a log does not hold.")
	}
}

func (w *writer) arrivalsText() {
	if n := w.Notes["arrivals"]; n != "" {
		w.line("\n# %s", n)
	}
	a := w.Scenario.Arrivals
	switch {
	case a.Bursts != nil:
		w.line("arrivals:")
		w.line("  bursts: { factor: %s, on: %ss, off: %ss }", number64(a.Bursts.Factor), number64(float64(a.Bursts.On)), number64(float64(a.Bursts.Off)))
	case a.Curve != nil:
		w.line("arrivals:")
		w.line("  curve:")
		for _, l := range a.Curve {
			w.line("    %ss: %s", number64(float64(l.At)), number64(l.Factor))
		}
	}
}

func (w *writer) source(d *scenarios.Source) {
	what := "data " + d.Name
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case w.Blanks[what] != "":
		add("fill_in: %s", yamlText(w.Blanks[what]))
	case d.Range != nil:
		add("range: [%d, %d]", d.Range[0], d.Range[1])
	case d.Words != nil:
		add("words: [%d, %d]", d.Words[0], d.Words[1])
	case d.Choice != nil:
		var all []string
		for _, c := range d.Choice {
			all = append(all, yamlText(c))
		}
		add("choice: [%s]", strings.Join(all, ", "))
	}
	if d.PerRequest {
		add("per: request")
	}
	if p := d.Popularity; p.Zipf > 0 {
		add("popularity: { zipf: %s }", number64(p.Zipf))
	} else if p.Weights != nil {
		var all []string
		for _, x := range p.Weights {
			all = append(all, number64(x))
		}
		add("popularity: { weights: [%s] }", strings.Join(all, ", "))
	}
	if d.Locality > 0 && d.Locality < 1 && w.Blanks[what] == "" {
		add("locality: %s", number64(d.Locality))
	}
	w.line("  %s: { %s }%s", d.Name, strings.Join(parts, ", "), w.note(what))
}

func (w *writer) endpoint(e *scenarios.Endpoint) {
	what := "endpoint " + e.Name
	w.line("  %s:%s", e.Name, w.note(what))
	w.line("    %s: %s", strings.ToLower(e.Method), yamlText(e.Path))
	if why := w.Blanks[what]; why != "" {
		w.line("    fill_in: %s", yamlText(why))
	}
	for _, h := range e.Header {
		w.line("    headers: { %s: %s }", h.Name, yamlText(h.Value))
	}
	switch {
	case e.JSON != "":
		w.line("    json: %s", e.JSON)
	case e.Form != nil:
		w.line("    form:")
		for _, f := range e.Form {
			w.line("      %s: %s", yamlText(f.Name), yamlText(f.Value))
		}
	case e.Body != "":
		w.line("    body: %s", yamlText(e.Body))
	}
	if len(e.Extract) > 0 {
		w.line("    extract:")
		for _, x := range e.Extract {
			w.line("      %s: %s", x.Var, yamlText(x.JSON))
		}
	}
	w.line("    think: %s", thinkText(e.Think))
}

func (w *writer) persona(p *scenarios.Persona) {
	w.line("  %s:%s", p.Name, w.note("persona "+p.Name))
	w.line("    share: %s", share(p.Share))
	if len(p.Start) > 0 {
		w.line("    start: [%s]", strings.Join(p.Start, ", "))
	}
	if len(p.Skeletons) > 0 {
		w.line("    skeletons: %s", yamlText(skeletonFile(w.stem, p.Name)))
	}
	if len(p.Journey) > 0 {
		w.line("    journey:")
	}
	for _, n := range p.Journey {
		var parts []string
		if n.Endpoint != "" && n.Endpoint != n.Name {
			parts = append(parts, "endpoint: "+n.Endpoint)
		}
		if n.Sequence != nil {
			parts = append(parts, "sequence: ["+strings.Join(n.Sequence, ", ")+"]")
		}
		if n.Repeat != nil {
			var all []string
			for _, c := range n.Repeat.Choice {
				all = append(all, fmt.Sprintf("%d: %s", c.N, share(c.Share)))
			}
			parts = append(parts, "repeat: { choice: { "+strings.Join(all, ", ")+" } }")
		}
		var to []string
		for _, e := range n.To {
			to = append(to, e.To+": "+share(e.Share))
		}
		parts = append(parts, "to: { "+strings.Join(to, ", ")+" }")
		w.line("      %s: { %s }", n.Name, strings.Join(parts, ", "))
	}
}

// rules writes the invariants: as such where they are certain, else as comments.
func (w *writer) rules() {
	held := slices.DeleteFunc(slices.Clone(w.Held), func(h Held) bool { return !w.used[h.Left] || !w.used[h.Right] })
	if len(held) == 0 {
		return
	}
	w.line("\n# No recorded session breaks these. A log can't prove a rule: those that held in fewer than %d", certain)
	w.line("# sessions are comments; take out the # of what you know to be true.")
	sure := slices.ContainsFunc(held, func(h Held) bool { return h.Sessions >= certain })
	if !sure {
		w.line("# invariants:")
	} else {
		w.line("invariants:")
	}
	for _, h := range held {
		mark := ""
		if h.Sessions < certain {
			mark = "# "
		}
		w.line("%s  - %s # in %d sessions", mark, yamlText(h.Text), h.Sessions)
	}
}

func thinkText(t *scenarios.Think) string {
	if len(t.Quantiles) == 0 {
		return fmt.Sprintf("{ const: %ss }", number64(float64(t.Const)))
	}
	var all []string
	for _, q := range t.Quantiles {
		all = append(all, number64(roundTo(float64(q), 1000)))
	}
	return "{ quantiles: [" + strings.Join(all, ", ") + "] }"
}

func roundTo(x, per float64) float64 { return float64(int64(x*per+0.5)) / per }

func number64(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// share has so many digits that a sum of hundreds is 1 within a thousandth.
func share(x float64) string { return number64(roundTo(x, 1e7)) }

// yamlText returns s as a scalar: plain where that is safe.
func yamlText(s string) string {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !(letter || c == '/' || c == '_' || i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.')) {
			return quote(s)
		}
	}
	switch strings.ToLower(s) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return quote(s)
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
