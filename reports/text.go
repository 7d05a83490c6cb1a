package reports

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// Text is the format for the terminal and the log of a CI job.
var Text = &Format{
	Name: "text",
	Doc: `the answer for the terminal: verdict, why, what to do, the figures

Verdict first, then what holds the system up with the evidence for and against
it, then what to try, then the tables. Fits 100 columns. Plain where it goes to
a file or a pipe; in colour on a terminal unless NO_COLOR is set.`,
	Write: func(w io.Writer, r *Report) error { return TextTo(w, r, colors(w)) },
}

// lineWidth of the text format.
const lineWidth = 98

// maxRows of a table on a terminal: what does not fit on a screen is in the
// other formats.
const maxRows = 10

// maxReasons of a verdict on a terminal: where all endpoints are slow, WHY comes first.
const maxReasons = 5

// colors reports whether w is a terminal whose user has not declined colours
// (no-color.org).
func colors(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// TextTo writes the text format, in colour or not whatever w is.
func TextTo(w io.Writer, r *Report, color bool) error {
	d, err := printable(r)
	if err != nil {
		return err
	}
	t := &text{w: w, color: color}
	for _, part := range []func(*document){
		t.verdict, t.why, t.remedy, t.others, t.steps, t.stations, t.endpoints, t.paths, t.statements, t.tables, t.surroundings, t.trust, t.next,
	} {
		part(d)
	}
	return t.err
}

// A text prints until the first error.
type text struct {
	w     io.Writer
	color bool
	err   error
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *text) table(columns []column, rows [][]string) {
	if t.err == nil {
		t.err = table(t.w, columns, rows)
	}
}

func (t *text) title(s string) { t.printf("\n%s\n", t.paint(bold, s)) }

// entry prints a label and a text that is wrapped beside it.
func (t *text) entry(label, s string) { t.mark("", label, s) }

// mark is entry with a colour for the label.
func (t *text) mark(sgr, label, s string) {
	if s == "" {
		return
	}
	const indent = 14
	pad := strings.Repeat(" ", max(0, indent-3-len(label)))
	t.printf("  %s%s %s\n", t.paint(sgr, label), pad, wrap(s, lineWidth-indent, strings.Repeat(" ", indent)))
}

// SGR parameters.
const (
	bold   = "1"
	red    = "31;1"
	green  = "32;1"
	yellow = "33;1"
)

func (t *text) paint(sgr, s string) string {
	if !t.color || sgr == "" || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

func (t *text) status(s string) string { return t.paint(hue(s), s) }

// hue is the colour of a status.
func hue(s string) string {
	switch capacity.Status(s) {
	case capacity.Met:
		return green
	case capacity.Missed:
		return red
	case capacity.Boundary, capacity.TooFew:
		return yellow
	}
	return ""
}

func (t *text) verdict(d *document) {
	sgr := map[Status]string{Pass: green, Fail: red, Inconclusive: yellow}[d.Verdict.Status]
	word := d.Verdict.word()
	t.printf("%s   %s\n\n", t.paint(sgr, word), wrap(d.Verdict.Headline, lineWidth-len(word)-3, strings.Repeat(" ", len(word)+3)))
	t.entry("carries", d.carries())
	t.entry("breaks at", d.breaks())
	if k := d.Capacity.Knee; k.RPS.known() {
		t.entry("knee", knee(d))
	}
	t.entry("limited by", d.limit())
	t.entry("evidence", d.evidence())
	t.entry("cut short", d.Run.complete())
	for i, reason := range first(d.Verdict.Reasons, maxReasons) {
		t.entry([]string{"because", ""}[min(i, 1)], reason)
	}
	t.leftOut(len(d.Verdict.Reasons) - maxReasons)
}

// leftOut says how many entries of a list are left out, if any.
func (t *text) leftOut(n int) {
	if n > 0 {
		t.entry("", fmt.Sprintf("… %d more", n))
	}
}

// knee says where throughput stops following the load.
func knee(d *document) string {
	k := d.Capacity.Knee
	s := "throughput stops following the load at "
	s += level(k.Users, k.Sessions, k.RPS)
	if k.Ceiling.known() {
		s += fmt.Sprintf("; %s allows at most %s", k.Resource, rate(k.Ceiling))
	}
	return s
}

func (t *text) why(d *document) {
	f := d.bottleneck()
	if f == nil {
		return
	}
	t.title("WHY")
	t.finding(*f)
}

func (t *text) finding(f findingPart) {
	if f.Message != "" {
		t.printf("  %s\n", wrap(f.Message, lineWidth-2, "  "))
	}
	t.entry("cause", strings.Join(nonEmpty(f.Cause, f.figures()), " · "))
	t.entry(f.Subject.Kind, f.Subject.Name)
	if f.Subject.Endpoint != f.Subject.Name {
		t.entry("hurts", f.Subject.Endpoint)
	}
	t.entry("with", f.Subject.Detail)
	for i, e := range f.Exhibits {
		t.entry([]string{"for", ""}[min(i, 1)], e.says())
	}
	var against []string
	for _, e := range f.Against {
		against = append(against, e.says())
	}
	for i, s := range append(against, f.Caveats...) {
		t.entry([]string{"against", ""}[min(i, 1)], s)
	}
	if f.Rival != nil {
		t.entry("next best", f.Rival.says())
	}
}

func nonEmpty(s ...string) []string {
	return slices.DeleteFunc(s, func(s string) bool { return s == "" })
}

func (t *text) remedy(d *document) {
	f := d.bottleneck()
	if f == nil || f.Remedy == nil {
		return
	}
	t.title("WHAT TO DO")
	t.fix(f.Remedy)
}

func (t *text) fix(r *remedyPart) {
	t.printf("  %s\n", wrap(r.Title, lineWidth-2, "  "))
	if r.SQL == "" {
		return
	}
	t.printf("\n")
	for line := range strings.Lines(r.SQL) {
		// Not wrapped: it is there to be copied.
		t.printf("      %s\n", strings.TrimRight(line, "\n"))
	}
}

func (t *text) others(d *document) {
	first := true
	for _, f := range d.otherFindings() {
		if first {
			t.title("WHAT ELSE")
			first = false
		} else {
			t.printf("\n")
		}
		t.finding(f)
		if f.Remedy != nil {
			t.entry("try", f.Remedy.Title)
			if f.Remedy.SQL != "" {
				t.entry("", "(SQL: scalecheck report -f html or markdown)")
			}
		}
	}
}

func (t *text) steps(d *document) {
	if len(d.Steps) == 0 {
		t.title("STEPS")
		t.printf("  No step was measured.\n")
		return
	}
	t.title("STEPS")
	var rows [][]string
	for i, s := range d.Steps {
		mark := ""
		if d.Judged != nil && *d.Judged == i {
			mark = "← judged"
		}
		rows = append(rows, []string{
			s.offered(), rate(s.Throughput), seconds(s.Latency.P50), seconds(s.Latency.P95), seconds(s.Latency.P99),
			plain(s.InFlight), failed(s.Failed, s.Requests), share(s.CPU.Utilization), t.status(s.Status), mark,
		})
	}
	t.table([]column{
		{"offered", true, 24, false}, {"answered", true, 0, false}, {"p50", true, 0, false}, {"p95", true, 0, false}, {"p99", true, 0, false},
		{"in flight", true, 0, false}, {"failed", true, 0, false}, {"cpu", true, 0, false}, {"objectives", false, 0, false}, {"", false, 0, false},
	}, rows)
	step := d.judgedStep()
	if step == nil {
		return
	}
	for _, j := range first(step.Misses, maxRows) {
		if !d.reasoned(j) {
			t.mark(hue(j.Status), j.Status, strings.TrimSpace(j.Endpoint+" "+j.Objective)+": "+j.says())
		}
	}
	t.leftOut(len(step.Misses) - maxRows)
}

// reasoned reports whether the verdict's reasons speak of the endpoint already.
func (d *document) reasoned(j judgmentPart) bool {
	return slices.ContainsFunc(d.Verdict.Reasons, func(r string) bool { return strings.Contains(r, j.Endpoint+": ") })
}

// failed prints the share of failed requests.
func failed(failed, requests int64) string { return share(ratio(float64(failed), float64(requests))) }

func (t *text) stations(d *document) {
	step := d.judgedStep()
	if step == nil || len(step.Stations) == 0 && step.Unattributed == 0 {
		return
	}
	t.title(fmt.Sprintf("WHERE REQUESTS ARE at %s: %s in flight on average", step.offered(), plain(step.InFlight)))
	var rows [][]string
	for _, s := range step.Stations {
		rows = append(rows, []string{
			s.Name, plain(s.Load), share(ratio(float64(s.Load), float64(step.InFlight))), s.Bound, share(s.Utilization), seconds(s.Demand),
		})
	}
	rows = append(rows, []string{
		"unattributed", plain(step.Unattributed), share(ratio(float64(step.Unattributed), float64(step.InFlight))), "", none, none,
	})
	t.table([]column{
		{"station", false, 34, true}, {"in flight", true, 0, false}, {"share", true, 0, false}, {"bound", false, 0, false}, {"busy", true, 0, false}, {"a request", true, 0, false},
	}, rows)
}

func (t *text) endpoints(d *document) {
	if len(d.Endpoints) == 0 {
		return
	}
	t.title("ENDPOINTS at " + d.judgedStep().offered())
	var rows [][]string
	for _, e := range d.Endpoints[:min(maxRows, len(d.Endpoints))] {
		rows = append(rows, []string{
			e.Name, rate(e.Throughput), seconds(e.Latency.P50), seconds(e.Latency.P95), seconds(e.Alone),
			plain(e.InFlight), plain(e.QueriesPerRequest), failed(e.Failed, e.Requests), t.status(e.Status),
		})
	}
	t.table([]column{
		{"endpoint", false, 28, true}, {"rate", true, 0, false}, {"p50", true, 0, false}, {"p95", true, 0, false}, {"alone", true, 0, false},
		{"in flight", true, 0, false}, {"queries", true, 0, false}, {"failed", true, 0, false}, {"slo", false, 0, false},
	}, rows)
	t.more(len(d.Endpoints))
}

func (t *text) paths(d *document) {
	if len(d.Paths) == 0 {
		return
	}
	t.title("PATHS at " + d.judgedStep().offered() + ": requests that users wait for as a whole")
	var rows [][]string
	for _, p := range d.Paths[:min(maxRows, len(d.Paths))] {
		rows = append(rows, []string{
			p.Name, count(p.Walked), seconds(p.Latency.P50), seconds(p.Latency.P95), seconds(p.Latency.P99), failed(p.Failed, p.Walked), t.status(p.Status),
		})
	}
	t.table([]column{
		{"path", false, 34, true}, {"walked", true, 0, false}, {"p50", true, 0, false}, {"p95", true, 0, false}, {"p99", true, 0, false},
		{"failed", true, 0, false}, {"slo", false, 0, false},
	}, rows)
	t.more(len(d.Paths))
}

func (t *text) more(n int) {
	if n > maxRows {
		t.printf("  %d more\n", n-maxRows)
	}
}

func (t *text) statements(d *document) {
	if len(d.Statements) == 0 {
		return
	}
	t.title("STATEMENTS at " + d.judgedStep().offered() + ", the heaviest first")
	var rows [][]string
	for _, s := range d.Statements[:min(maxRows, len(d.Statements))] {
		rows = append(rows, []string{
			share(s.ShareOfDBTime), perMinute(s.CallsPerMinute), d.perRequest(s.ID), seconds(s.Mean),
			plain(ratio(float64(s.Rows), float64(s.Calls))), plain(s.Load), s.Text,
		})
	}
	t.table([]column{
		{"DB time", true, 0, false}, {"calls", true, 0, false}, {"a request", true, 0, false}, {"mean", true, 0, false}, {"rows", true, 0, false},
		{"in flight", true, 0, false}, {"statement", false, 34, false},
	}, rows)
	t.more(d.StatementsTotal)
}

// perRequest returns how often the endpoint that sends a statement most does so: "26×".
func (d *document) perRequest(id string) string {
	most := unknown
	for _, e := range d.Endpoints {
		for _, s := range e.Statements {
			if s.ID == id && (!most.known() || s.CallsPerRequest > most) {
				most = s.CallsPerRequest
			}
		}
	}
	if !most.known() {
		return none
	}
	return plain(most) + "×"
}

func (t *text) surroundings(d *document) {
	if len(d.Jobs) > 0 {
		t.title("BACKGROUND JOBS")
		var rows [][]string
		for _, j := range d.Jobs[:min(maxRows, len(d.Jobs))] {
			rows = append(rows, []string{
				j.Kind, j.Queue, plain(j.Waiting), plain(j.Before), seconds(j.Oldest), rate(j.Arrived), rate(j.Finished), seconds(j.Work),
			})
		}
		t.table([]column{
			{"kind", false, 26, false}, {"queue", false, 14, false}, {"waiting", true, 0, false}, {"before", true, 0, false}, {"oldest", true, 0, false},
			{"arrive", true, 0, false}, {"finish", true, 0, false}, {"work", true, 0, false},
		}, rows)
		t.more(len(d.Jobs))
	}
	if len(d.Dependencies) > 0 {
		t.title("DEPENDENCIES")
		var rows [][]string
		for _, c := range d.Dependencies[:min(maxRows, len(d.Dependencies))] {
			rows = append(rows, []string{c.Name, c.System, rate(c.Rate), seconds(c.Mean), plain(c.Failed), plain(c.Throttled)})
		}
		t.table([]column{
			{"dependency", false, 34, true}, {"system", false, 10, false}, {"calls", true, 0, false}, {"mean", true, 0, false}, {"failed", true, 0, false}, {"throttled", true, 0, false},
		}, rows)
		t.more(len(d.Dependencies))
	}
	if len(d.Pools) > 0 {
		t.title("POOLS")
		var rows [][]string
		for _, p := range d.Pools[:min(maxRows, len(d.Pools))] {
			rows = append(rows, []string{p.Name, plain(p.InUse) + " of " + plain(p.Max), plain(p.Waits), seconds(p.Wait)})
		}
		t.table([]column{{"pool", false, 34, false}, {"in use", true, 0, false}, {"waits", true, 0, false}, {"wait", true, 0, false}}, rows)
		t.more(len(d.Pools))
	}
	if len(d.Thresholds) > 0 {
		t.title("THRESHOLDS OF THE SCRIPT")
		var rows [][]string
		for _, h := range d.Thresholds {
			word := t.paint(green, "met")
			if !h.OK {
				word = t.paint(red, "missed")
			}
			rows = append(rows, []string{word, h.Metric, h.Source})
		}
		t.table([]column{{"", false, 0, false}, {"metric", false, 44, false}, {"threshold", false, 36, false}}, rows)
	}
}

func (t *text) trust(d *document) {
	t.title("MAY I BELIEVE THIS")
	for _, g := range d.Gates {
		if !g.OK {
			t.mark(yellow, "gate", g.Name+": "+g.Reason)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Missing)) {
		for _, reason := range d.Missing[kind] {
			t.entry("missing", kind+": "+reason)
		}
	}
	for _, s := range d.Skipped {
		t.entry("skipped", s.Analyzer+": "+s.Reason)
	}
	for _, c := range d.Caveats {
		t.entry("caveat", c)
	}
	t.entry("workload", d.Workload.did())
	t.entry("generator", d.Generator.did())
	t.entry("overhead", d.Overhead.cost())
	t.entry("machine", d.Environment.system())
	t.entry("run", d.Run.says())
}

// says names the run.
func (r runPart) says() string {
	s := []string{r.Scenario}
	if r.Target != "" {
		s = append(s, "against "+r.Target)
	}
	if len(r.Faults) > 0 {
		s = append(s, "faults "+strings.Join(r.Faults, ", "))
	}
	if r.Size != "" {
		s = append(s, "size "+r.Size)
	}
	s = append(s, fmt.Sprintf("seed %d", r.Seed))
	if !r.Started.IsZero() {
		s = append(s, r.Started.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(nonEmpty(s...), " · ")
}

// quote returns a file's name as a shell takes it.
func quote(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("/._-+,=@%", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

func (t *text) next(d *document) {
	var lines [][2]string
	if d.Bottleneck != nil {
		lines = append(lines, [2]string{"explain " + d.Bottleneck.Cause, "how it is found, confirmed by hand, and when it is wrong"})
	}
	if d.file != "" {
		lines = append(lines, [2]string{"report -f html -o DIR " + quote(d.file), "the same with charts"})
	}
	for i, l := range lines {
		if i == 0 {
			t.title("NEXT")
		}
		t.printf("  scalecheck %-27s %s\n", l[0], l[1])
	}
}
