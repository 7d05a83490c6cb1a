package reports

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/growth"
)

//go:embed growth.schema.json
var growthSchema []byte

// GrowthSchema returns the JSON Schema (2020-12) of what GrowthJSON writes. The
// file is generated as that of Schema is.
func GrowthSchema() []byte { return slices.Clone(growthSchema) }

// GrowthText writes the growth for the terminal, in colour or not.
func GrowthText(w io.Writer, g *growth.Growth, color bool) error {
	d := cleanGrowth(g)
	t := &text{w: w, color: color}
	t.printf("%s\n", wrap(d.says(), lineWidth, ""))
	t.growing(d)
	t.requests(d)
	t.flagged(d)
	t.unknown(d)
	for i, c := range d.Caveats {
		if i == 0 {
			t.title("MAY I BELIEVE THIS")
		}
		t.entry("caveat", c)
	}
	return t.err
}

// GrowthJSON writes the growth for machines.
func GrowthJSON(w io.Writer, g *growth.Growth) error {
	b, err := json.MarshalIndent(newGrowth(g), "", "  ")
	if err != nil {
		return fmt.Errorf("encode growth: %w", err)
	}
	_, err = w.Write(append(escapeHidden(b), '\n'))
	return err
}

// GrowthMarkdown writes the growth as GitHub-flavoured Markdown.
func GrowthMarkdown(w io.Writer, g *growth.Growth) error {
	d := cleanGrowth(g)
	var m md
	m.printf("## Growth\n\n%s\n", prose(d.says()))
	mdGrowing(&m, d)
	mdRequests(&m, d)
	mdFlagged(&m, d)
	mdUnknown(&m, d)
	for i, c := range d.Caveats {
		if i == 0 {
			m.heading("May I believe this")
		}
		m.printf("- %s\n", prose(c))
	}
	_, err := io.WriteString(w, m.String())
	return err
}

func newGrowth(g *growth.Growth) *growthDocument {
	d := &growthDocument{Format: growthFormat, Ahead: growth.Ahead, Caveats: slices.Clone(g.Caveats)}
	for _, s := range g.Sizes {
		d.Sizes = append(d.Sizes, growthSizePart{s.Label, number(s.Rows), positive(s.Bytes)})
	}
	for _, s := range g.Statements {
		p := growthStatementPart{
			Fingerprint: s.Fingerprint, Text: s.Text, Tables: slices.Clone(s.Tables), By: s.By, Sizes: numbers(s.Sizes),
			Shape: string(s.Shape), Flag: string(s.Flag), Why: s.Why, Notes: slices.Clone(s.Notes), PerSecond: number(s.PerSecond),
		}
		for _, f := range s.Fits {
			p.Fits = append(p.Fits, growthFitPart{
				string(f.Measure), numbers(f.Costs), number(f.Exponent), number(f.Low), number(f.High),
				number(f.Now), number(f.Then), number(f.ThenLow), number(f.ThenHigh), f.Looks,
			})
		}
		for _, e := range s.Effects {
			p.Effects = append(p.Effects, growthEffectPart{e.Endpoint, numbers(e.Calls), number(e.Now), number(e.Then)})
		}
		d.Statements = append(d.Statements, p)
	}
	for _, e := range g.Endpoints {
		d.Endpoints = append(d.Endpoints, growthEndpointPart{e.Name, number(e.Now), number(e.Then), number(e.Unknown)})
	}
	fill(reflect.ValueOf(d).Elem())
	return d
}

func cleanGrowth(g *growth.Growth) *growthDocument {
	d := newGrowth(g)
	walk(reflect.ValueOf(d).Elem(), false)
	return d
}

func numbers(vs []float64) []number {
	var out []number
	for _, v := range vs {
		out = append(out, number(v))
	}
	return out
}

// says is the answer in a sentence.
func (d *growthDocument) says() string {
	var sizes []string
	for _, s := range d.Sizes {
		what := plain(s.Rows) + " rows"
		if s.Label != "" {
			what = s.Label + " (" + what + ")"
		}
		sizes = append(sizes, what)
	}
	flagged, answered := 0, len(d.answered())
	for _, s := range d.Statements {
		if s.Flag != "" {
			flagged++
		}
	}
	return fmt.Sprintf("%s at %s: %d flagged, %d without an answer. At %d times the data of the largest:",
		plural(len(d.Statements), "statement"), strings.Join(sizes, ", "), flagged, len(d.Statements)-answered, d.Ahead)
}

// answered are the statements with a prediction. They come first.
func (d *growthDocument) answered() []growthStatementPart {
	n := slices.IndexFunc(d.Statements, func(s growthStatementPart) bool { return len(s.Fits) == 0 })
	if n < 0 {
		n = len(d.Statements)
	}
	return d.Statements[:n]
}

// between prints a figure with its interval: 1.02 (0.97–1.06).
func between(n, low, high number) string {
	if plain(low) == plain(high) {
		return plain(n)
	}
	return plain(n) + " (" + plain(low) + "–" + plain(high) + ")"
}

func (f growthFitPart) exponent() string {
	round := func(n number) number { return number(math.Round(float64(n)*100) / 100) }
	return between(round(f.Exponent), round(f.Low), round(f.High))
}

func (f growthFitPart) cost(n number) string {
	if f.Measure == string(growth.Seconds) {
		return seconds(n)
	}
	return thousands(n)
}

// thousands is plain with a k, M or G: no prediction knows its fifth digit.
func thousands(n number) string {
	v, unit := float64(n), ""
	for _, u := range []string{"k", "M", "G", "T"} {
		if v < 9999.5 {
			break
		}
		v, unit = v/1000, u
	}
	return plain(number(v)) + unit
}

func (f growthFitPart) then() string {
	if f.cost(f.ThenLow) == f.cost(f.ThenHigh) {
		return f.cost(f.Then)
	}
	return f.cost(f.Then) + " (" + f.cost(f.ThenLow) + "–" + f.cost(f.ThenHigh) + ")"
}

// word is the flag, or the shape where there is none.
func (s growthStatementPart) word() string {
	if s.Flag != "" {
		return s.Flag
	}
	return s.Shape
}

// growing is the hue of a flag.
func (s growthStatementPart) hue() string {
	if s.Flag != "" {
		return red
	}
	return ""
}

// warning says what a flag means.
func (s growthStatementPart) warning() string {
	switch growth.Flag(s.Flag) {
	case growth.FasterThanData:
		return "its cost grows faster than the data: a join or a loop over it"
	case growth.LinearLookup:
		return "it looks a value up, and reads the more the larger the table is: an index is missing or not used"
	case growth.LongerResult:
		return "it returns the more rows the more there are: a LIMIT is missing, or a page"
	}
	return ""
}

// maxGrowing statements are listed on a terminal and in Markdown; the rest is in JSON.
const maxGrowing = 20

func (t *text) growing(d *growthDocument) {
	all := d.answered()
	if len(all) == 0 {
		return
	}
	t.title("STATEMENTS, what a call costs in shared blocks")
	var rows [][]string
	for i, s := range first(all, maxGrowing) {
		f := s.Fits[0]
		rows = append(rows, []string{
			nth(i), f.exponent(), f.cost(f.Now), f.then(), t.paint(s.hue(), s.word()), f.note() + s.Text,
		})
	}
	t.table([]column{
		{"", false, 0, false}, {"exponent", true, 0, false}, {"now", true, 0, false}, {fmt.Sprintf("at %d×", d.Ahead), true, 0, false},
		{"grows", false, 0, false}, {"statement", false, 24, false},
	}, rows)
	if len(all) > maxGrowing {
		t.printf("  %d more\n", len(all)-maxGrowing)
	}
}

func nth(i int) string { return fmt.Sprintf("S%d", i+1) }

// note says in which measure a statement's figures are, where it is not blocks.
func (f growthFitPart) note() string {
	if f.Measure == string(growth.Blocks) {
		return ""
	}
	return "(" + f.Measure + ") "
}

func (t *text) requests(d *growthDocument) {
	if len(d.Endpoints) == 0 {
		return
	}
	t.title("REQUESTS, what one costs in shared blocks")
	var rows [][]string
	for _, e := range first(d.Endpoints, maxGrowing) {
		rows = append(rows, []string{e.Name, thousands(e.Now), thousands(e.Then), times(e), share(e.Unknown), d.drivers(e)})
	}
	t.table([]column{
		{"endpoint", false, 32, true}, {"now", true, 0, false}, {fmt.Sprintf("at %d×", d.Ahead), true, 0, false}, {"", true, 0, false},
		{"unknown", true, 0, false}, {"mostly", false, 30, false},
	}, rows)
}

func times(e growthEndpointPart) string { return plain(ratio(float64(e.Then), float64(e.Now))) + "×" }

// drivers names the statements that add most to an endpoint, calls a request first.
func (d *growthDocument) drivers(e growthEndpointPart) string {
	var out []string
	for i, s := range first(d.answered(), maxGrowing) {
		for _, f := range s.Effects {
			// What adds less than a tenth of the growth is not mostly.
			if f.Endpoint == e.Name && s.Fits[0].Measure == string(growth.Blocks) && f.Then-f.Now > (e.Then-e.Now)/10 && f.Then > f.Now {
				out = append(out, fmt.Sprintf("%s× %s", plain(f.Calls[len(f.Calls)-1]), nth(i)))
			}
		}
	}
	return strings.Join(out, ", ")
}

func (t *text) flagged(d *growthDocument) {
	first := true
	for i, s := range d.answered() {
		if s.Flag == "" && len(s.Notes) == 0 {
			continue
		}
		if first {
			t.title("WHAT TO LOOK AT")
			first = false
		}
		t.mark(s.hue(), nth(i), s.Text)
		t.entry("", s.warning())
		for _, n := range s.Notes {
			t.entry("", n)
		}
	}
}

func (t *text) unknown(d *growthDocument) {
	rest := d.Statements[len(d.answered()):]
	if len(rest) == 0 {
		return
	}
	t.title("INCONCLUSIVE")
	for _, s := range first(rest, maxRows) {
		t.printf("  %s\n", fit(s.Text, lineWidth-2))
		t.entry("because", s.Why)
	}
	if len(rest) > maxRows {
		t.printf("  %d more\n", len(rest)-maxRows)
	}
}

func mdGrowing(m *md, d *growthDocument) {
	all := d.answered()
	if len(all) == 0 {
		return
	}
	m.heading("Statements, what a call costs in shared blocks")
	var rows [][]string
	for i, s := range first(all, maxGrowing) {
		f := s.Fits[0]
		word := prose(s.word())
		if s.Flag != "" {
			word = "**" + word + "**"
		}
		rows = append(rows, []string{
			nth(i), f.exponent(), f.cost(f.Now), f.then(), rate(s.PerSecond), word, f.note() + codeCell(fit(s.Text, 160)),
		})
	}
	m.table([]string{"", "Exponent>", "Now>", fmt.Sprintf("At %d×>", d.Ahead), "Calls>", "Grows", "Statement"}, rows)
	m.more(len(all), maxGrowing)
}

func mdRequests(m *md, d *growthDocument) {
	if len(d.Endpoints) == 0 {
		return
	}
	m.heading("Requests, what one costs in shared blocks")
	var rows [][]string
	for _, e := range first(d.Endpoints, maxGrowing) {
		rows = append(rows, []string{codeCell(fitEnds(e.Name, 100)), thousands(e.Now), thousands(e.Then), times(e), share(e.Unknown), d.drivers(e)})
	}
	m.table([]string{"Endpoint", "Now>", fmt.Sprintf("At %d×>", d.Ahead), "Factor>", "Unknown>", "Mostly"}, rows)
}

func mdFlagged(m *md, d *growthDocument) {
	first := true
	for i, s := range d.answered() {
		if s.Flag == "" && len(s.Notes) == 0 {
			continue
		}
		if first {
			m.heading("What to look at")
			first = false
		}
		m.printf("- **%s** %s\n", nth(i), prose(strings.Join(nonEmpty(append([]string{s.warning()}, s.Notes...)...), "; ")))
	}
}

func mdUnknown(m *md, d *growthDocument) {
	rest := d.Statements[len(d.answered()):]
	if len(rest) == 0 {
		return
	}
	m.heading("Inconclusive")
	for _, s := range first(rest, maxGrowing) {
		m.printf("- %s: %s\n", code(fit(s.Text, 160)), prose(s.Why))
	}
	m.more(len(rest), maxGrowing)
}
