package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/analyzers/capacity"

	"github.com/scalecheck/scalecheck/internal/digits"
)

// HTML is the format to look at and to hand on.
var HTML = &Format{
	Name: "html",
	File: "report.html",
	Doc: `one page with charts, to look at, to print and to hand on

A single file that loads nothing and sends nothing: it can be mailed, kept with
the run and opened offline. Readable without a script (a little one sorts,
filters and copies), light and dark, on a phone and on paper. Every chart has its
figures in a table below it.`,
	Write: writeHTML,
}

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// policy allows the page its own style and script and nothing else: even if a
// name got through as markup, it could neither run nor load anything.
var policy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; base-uri 'none'; form-action 'none'",
	digest(pageCSS), digest(pageJS))

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":     func() template.CSS { return template.CSS(pageCSS) },
	"js":      func() template.JS { return template.JS(pageJS) },
	"policy":  func() string { return policy },
	"fig":     figure,
	"add1":    func(i int) int { return i + 1 },
	"part":    func(a, b number) number { return ratio(float64(a), float64(b)) },
	"plain":   plain,
	"seconds": seconds,
	"share":   share,
	"rate":    rate,
	"bytes":   func(n int64) string { return bytesOf(number(n)) },
	"count":   count,
	"inUnit":  inUnit,
	"ends":    fitEnds,
	"fit":     fit,
	"long":    func(s string) bool { return len(s) > 400 },
	"route":   route,
	"join":    strings.Join,
	"width":   func(n number) string { return attr(100 * min(1, max(0, zeroed(n)))) },
	"keys":    func(m map[string][]string) []string { return slices.Sorted(maps.Keys(m)) },
	"mark":    mark,
	"good":    func(s string) bool { return capacity.Status(s) == capacity.Met },
	"bad":     func(s string) bool { return capacity.Status(s) == capacity.Missed },
}).Parse(pageHTML))

// route is a name that may be broken after its slashes.
func route(s string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(fitEnds(s, 120)), "/", "/<wbr>"))
}

func zeroed(n number) float64 {
	if !n.known() {
		return 0
	}
	return float64(n)
}

// figure is a number of the document: its text for people, its value for the
// sorting script, and where it stands in report.json, which a test goes by.
func figure(kind string, v any, path ...any) template.HTML {
	var n number
	switch v := v.(type) {
	case number:
		n = v
	case int64:
		n = number(v)
	case int:
		n = number(v)
	}
	format := map[string]func(number) string{
		"seconds": seconds, "rate": rate, "rps": rps, "minute": perMinute, "share": share, "plain": plain,
		"times": func(n number) string {
			if !n.known() {
				return none
			}
			return plain(n) + "×"
		},
		"count": func(n number) string { return digits.Group(float64(n)) },
		"bytes": bytesOf,
	}[kind]
	value := ""
	if n.known() {
		value = strconv.FormatFloat(float64(n), 'g', -1, 64)
	}
	steps := make([]string, len(path))
	for i, p := range path {
		steps[i] = fmt.Sprint(p)
	}
	return template.HTML(fmt.Sprintf(`<data value="%s" data-at="%s" data-as="%s">%s</data>`,
		value, template.HTMLEscapeString(strings.Join(steps, ".")), kind, template.HTMLEscapeString(format(n))))
}

// mark is a status with a sign, since colour alone does not reach everybody.
func mark(status string) string {
	switch capacity.Status(status) {
	case capacity.Met:
		return "✓ met"
	case capacity.Missed:
		return "✕ missed"
	case capacity.Boundary:
		return "≈ boundary"
	case "":
		return none
	}
	return "– " + status
}

// A view is what the template prints: the document and what is drawn from it.
type view struct {
	*document
	Latency, Throughput, InFlight, Parts template.HTML
	Layers                               []layer
	Matrix                               *matrix
	Tables                               *tableMatrix
}

func writeHTML(w io.Writer, r *Report) error {
	d, err := printable(r)
	if err != nil {
		return err
	}
	v := view{document: d, Matrix: newMatrix(d), Tables: newTableMatrix(d)}
	if len(d.Steps) > 0 {
		v.Latency, v.Throughput = latencyChart(d), throughputChart(d)
		v.InFlight, v.Parts, v.Layers = stationsChart(d, false), stationsChart(d, true), layers(d)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Methods of the view that the template calls.

func (v view) Word() string         { return v.Verdict.word() }
func (v view) Breaks() string       { return v.breaks() }
func (v view) Holder() string       { return v.holder() }
func (v view) Amount() string       { return v.amount() }
func (v view) Sufficient() bool     { return v.sufficient() }
func (v view) CutShort() string     { return v.Run.complete() }
func (v view) Step() *stepPart      { return v.judgedStep() }
func (v view) System() string       { return v.document.Environment.system() }
func (v view) Did() string          { return v.document.Generator.did() }
func (v view) Work() string         { return v.document.Workload.did() }
func (v view) Cost() string         { return v.document.Overhead.cost() }
func (v view) Worst() *judgmentPart { return worst(v.document) }
func (v view) Drawn(class string) bool {
	return strings.Contains(string(v.Latency+v.Throughput), `class="`+class+`"`)
}
func (v view) LogLatency() bool      { return strings.Contains(string(v.Latency), "logarithmic") }
func (v view) Main() *findingPart    { return v.bottleneck() }
func (v view) Others() []findingPart { return v.otherFindings() }
func (v view) At() string            { return v.judgedStep().offered() }
func (v view) J() int                { return *v.Judged }
func (s stepPart) Offered() string   { return s.offered() }
func (j judgmentPart) Says() string  { return j.says() }
func (r rivalPart) Says() string     { return r.says() }
func (v view) Started() string {
	if v.Run.Started.IsZero() {
		return ""
	}
	return v.Run.Started.UTC().Format("2 January 2006, 15:04 UTC")
}

// A paragraph of an analyzer's manual.
type paragraph struct {
	Text string
	Code bool
}

// Manual returns the analyzer's manual without its title.
func (f causePart) Manual() []paragraph {
	a := analyzers.Lookup(f.Cause)
	if a == nil {
		return nil
	}
	_, text, _ := strings.Cut(a.Doc, "\n")
	var out []paragraph
	for p := range strings.SplitSeq(text, "\n\n") {
		p = strings.Trim(p, "\n")
		if strings.TrimSpace(p) == "" {
			continue
		}
		out = append(out, paragraph{p, strings.HasPrefix(p, "\t") || strings.HasPrefix(p, "  ")})
	}
	return out
}

// A matrix is the table of endpoints against statements.
type matrix struct {
	Columns []matrixColumn
	Rows    []matrixRow
	Left    int // statements that are no column
}

type matrixColumn struct {
	Label     string // "S1"
	Gist      string // "SELECT enrollments"
	Index     int    // in the document's statements
	Statement statementPart
}

type matrixRow struct {
	Endpoint string
	Index    int // in the document's endpoints; -1 for what no endpoint explains
	Queries  number
	Cells    []matrixCell
}

type matrixCell struct {
	Known         bool
	Calls, Minute number
	Share         number
	Path          string // in report.json
	Heat          int
}

const (
	matrixRows    = 14
	matrixColumns = 8
)

var firstTable = regexp.MustCompile(`(?i)\b(?:from|into|update)\s+(?:only\s+)?"?([\pL_][\pL\pN_$.]*)`)

// gist says a statement in two words: what it does, and to which table.
func gist(s statementPart) string {
	kind := s.Kind
	if kind == "" {
		kind, _, _ = strings.Cut(s.Text, " ")
	}
	m := firstTable.FindStringSubmatch(s.Text)
	if m == nil {
		return fit(kind, 14)
	}
	return fit(kind, 10) + " " + fitEnds(m[1], 16)
}

// newMatrix takes the heaviest statements as columns. Nil where there are no
// footprints: without them nobody knows who sends what.
func newMatrix(d *document) *matrix {
	m := &matrix{}
	for i, s := range first(d.Statements, matrixColumns) {
		m.Columns = append(m.Columns, matrixColumn{"S" + strconv.Itoa(i+1), gist(s), i, s})
	}
	m.Left = max(0, d.StatementsTotal-len(m.Columns))
	explained := make([]number, len(m.Columns))
	any := false
	for i, e := range d.Endpoints {
		row := matrixRow{Endpoint: e.Name, Index: i, Queries: e.QueriesPerRequest, Cells: make([]matrixCell, len(m.Columns))}
		for j, s := range e.Statements {
			for c := range m.Columns {
				if m.Columns[c].Statement.ID != s.ID {
					continue
				}
				any = true
				row.Cells[c] = matrixCell{
					Known: true, Calls: s.CallsPerRequest, Minute: s.CallsPerMinute, Share: s.ShareOfDBTime,
					Path: fmt.Sprintf("endpoints.%d.statements.%d", i, j), Heat: heat(s.ShareOfDBTime),
				}
				explained[c] += s.CallsPerMinute
			}
		}
		if i < matrixRows {
			m.Rows = append(m.Rows, row)
		}
	}
	if !any {
		return nil
	}
	// Whoever else sends them: jobs, and endpoints that do more under load than alone.
	rest := matrixRow{Endpoint: "elsewhere", Index: -1, Queries: unknown, Cells: make([]matrixCell, len(m.Columns))}
	elsewhere := false
	for c, col := range m.Columns {
		left := col.Statement.CallsPerMinute - explained[c]
		if col.Statement.CallsPerMinute.known() && left > 0.05*col.Statement.CallsPerMinute {
			rest.Cells[c] = matrixCell{Known: true, Calls: unknown, Minute: left, Share: unknown}
			elsewhere = true
		}
	}
	if elsewhere {
		m.Rows = append(m.Rows, rest)
	}
	return m
}

// heat grades a share from 0 to 8. The eye compares areas better than their
// squares: the root lifts the small ones off the ground.
func heat(n number) int {
	if !n.known() || n < 0.005 {
		return 0
	}
	return int(min(8, math.Ceil(math.Sqrt(float64(n))*8)))
}

// Heat of a statement's share.
func (s statementPart) Heat() int { return heat(s.ShareOfDBTime) }
