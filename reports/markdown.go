package reports

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/digits"
)

// Markdown is the format for a pull request or a job's summary.
var Markdown = &Format{
	Name: "markdown",
	File: "report.md",
	Doc: `the answer as GitHub-flavoured Markdown, at most 60 kB

For a pull request, a chat or a job's summary: verdict, why, what to do, and the
tables. It is appended to $GITHUB_STEP_SUMMARY by itself where that is set. Names
and statements cannot mention people, link, or start a block of their own.`,
	Write: func(w io.Writer, r *Report) error {
		text, err := markdown(r, maxMarkdown)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, text)
		return err
	},
}

// maxMarkdown: GitHub takes 65 536 characters for a comment.
const maxMarkdown = 60_000

// maxSummary: GitHub drops a step's summary whole when it is over 1 MiB, that of
// other tools in the same step included.
const maxSummary = 200_000

// AppendSummary appends the report in Markdown to the file of
// $GITHUB_STEP_SUMMARY. Where little room is left in it, only the head is.
func AppendSummary(path string, r *Report) error {
	used := int64(0)
	switch fi, err := os.Stat(path); {
	case err == nil:
		used = fi.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	text, err := markdown(r, min(maxMarkdown, max(2_000, int(maxSummary-used))))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	// A blank line: the tool before us may have ended within a paragraph.
	_, err = io.WriteString(f, "\n"+text)
	return errors.Join(err, f.Close())
}

// markdown writes sections until limit is reached, the important ones first.
func markdown(r *Report, limit int) (string, error) {
	d, err := printable(r)
	if err != nil {
		return "", err
	}
	const dots = "\n_The rest is left out for its size; report.html and report.json have it._\n"
	var out strings.Builder
	for i, part := range []func(*md, *document){
		mdVerdict, mdWhy, mdSteps, mdStations, mdOthers, mdEndpoints, mdPaths, mdStatements, mdTables, mdSurroundings, mdTrust,
	} {
		var m md
		part(&m, d)
		if i > 0 && out.Len()+m.Len()+len(dots) > limit {
			out.WriteString(dots)
			break
		}
		out.WriteString(m.String())
	}
	return out.String(), nil
}

// An md is a piece of Markdown. Nothing is written to it that has not gone
// through prose or code, but for our own words.
type md struct{ strings.Builder }

func (m *md) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

func (m *md) heading(s string) { m.printf("\n### %s\n\n", s) }

// prose returns s so that none of it is markup. GitHub finds mentions, issue
// numbers and links after it has removed backslashes and entities, so these are
// broken with what it cannot see: a zero-width space.
func prose(s string) string {
	var b strings.Builder
	for i, r := range s {
		rest := s[i+len(string(r)):]
		switch r {
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@', '#':
			b.WriteByte('\\')
			b.WriteRune(r)
			b.WriteString("&#8203;")
		case '-', '+', '=', '.', ')':
			// Lists, rules and headings begin a line: "- x", "---", "1. x".
			before := strings.Trim(s[:i], " ")
			opens := strings.Trim(before, "0123456789") == "" && (r != '.' && r != ')' || strings.HasPrefix(rest, " "))
			if opens || r == '.' && strings.HasSuffix(strings.ToLower(before), "www") {
				fmt.Fprintf(&b, "&#%d;", r)
			} else {
				b.WriteRune(r)
			}
		case ':':
			b.WriteRune(r)
			if strings.HasPrefix(rest, "//") {
				b.WriteString("&#8203;")
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code returns s as a code span, with a fence longer than any in it.
func code(s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// codeCell is code for a cell of a table, where a bar ends the cell even in code.
func codeCell(s string) string { return strings.ReplaceAll(code(s), "|", `\|`) }

func longestRun(s string, c byte) int {
	longest, n := 0, 0
	for i := range len(s) {
		if n++; s[i] != c {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// block writes SQL to copy.
func (m *md) block(sql string) {
	fence := strings.Repeat("`", max(3, longestRun(sql, '`')+1))
	m.printf("\n%ssql\n%s\n%s\n", fence, sql, fence)
}

// table writes rows whose cells are Markdown already; a title that ends in ">"
// makes its column align right.
func (m *md) table(titles []string, rows [][]string) {
	line := func(cells []string) { m.printf("| %s |\n", strings.Join(cells, " | ")) }
	var head, rule []string
	for _, t := range titles {
		t, right := strings.CutSuffix(t, ">")
		head = append(head, t)
		rule = append(rule, map[bool]string{false: "---", true: "--:"}[right])
	}
	line(head)
	line(rule)
	for _, r := range rows {
		line(r)
	}
}

func mdVerdict(m *md, d *document) {
	m.printf("## %s: %s\n\n", d.Verdict.word(), prose(fit(d.Verdict.Headline, 600)))
	for _, e := range [][2]string{
		{"Carries", d.carries()}, {"Breaks at", d.breaks()}, {"Limited by", d.limit()}, {"Evidence", d.evidence()}, {"Cut short", d.Run.complete()},
	} {
		if e[1] != "" {
			m.printf("- **%s** %s\n", e[0], prose(fit(e[1], 600)))
		}
	}
	for _, reason := range first(d.Verdict.Reasons, 10) {
		m.printf("- %s\n", prose(fit(reason, 600)))
	}
}

// first returns at most n of s.
func first[T any](s []T, n int) []T { return s[:min(n, len(s))] }

func mdWhy(m *md, d *document) {
	if f := d.bottleneck(); f != nil {
		m.heading("Why")
		mdFinding(m, *f)
	}
}

func mdOthers(m *md, d *document) {
	for i, f := range first(d.otherFindings(), 10) {
		if i == 0 {
			m.heading("What else")
		} else {
			m.printf("\n---\n\n")
		}
		mdFinding(m, f)
	}
}

func mdFinding(m *md, f findingPart) {
	m.printf("%s\n\n", prose(fit(f.Message, 1000)))
	m.printf("- **Cause** %s %s\n", code(f.Cause), prose(f.figures()))
	if f.Subject.Name != "" {
		m.printf("- **%s** %s\n", prose(f.Subject.Kind), code(fit(f.Subject.Name, 1000)))
	}
	if f.Subject.Endpoint != "" && f.Subject.Endpoint != f.Subject.Name {
		m.printf("- **Hurts** %s\n", code(f.Subject.Endpoint))
	}
	if f.Subject.Detail != "" {
		m.printf("- **With** %s\n", code(fit(f.Subject.Detail, 1000)))
	}
	for _, e := range first(f.Exhibits, 20) {
		m.printf("- **For** %s\n", prose(e.says()))
	}
	for _, e := range first(f.Against, 20) {
		m.printf("- **Against** %s\n", prose(e.says()))
	}
	for _, c := range first(f.Caveats, 20) {
		m.printf("- **Against** %s\n", prose(c))
	}
	if f.Rival != nil {
		m.printf("- **Next best** %s\n", prose(f.Rival.says()))
	}
	if f.Remedy != nil {
		m.printf("\n**What to do:** %s\n", prose(f.Remedy.Title))
		if f.Remedy.SQL != "" {
			m.block(f.Remedy.SQL)
		}
	}
}

func mdSteps(m *md, d *document) {
	m.heading("Steps")
	if len(d.Steps) == 0 {
		m.printf("No step was measured.\n")
		return
	}
	var rows [][]string
	for i, s := range d.Steps {
		status := prose(s.Status)
		if d.Judged != nil && *d.Judged == i {
			status += " (judged)"
		}
		rows = append(rows, []string{
			s.offered(), rate(s.Throughput), seconds(s.Latency.P50), seconds(s.Latency.P95), seconds(s.Latency.P99),
			plain(s.InFlight), failed(s.Failed, s.Requests), share(s.CPU.Utilization), status,
		})
	}
	m.table([]string{"Offered>", "Answered>", "p50>", "p95>", "p99>", "In flight>", "Failed>", "CPU>", "Objectives"}, rows)
	step := d.judgedStep()
	if step == nil {
		return
	}
	m.printf("\n")
	for _, j := range first(step.Misses, 20) {
		m.printf("- %s: %s %s: %s\n", prose(j.Status), code(j.Endpoint), code(j.Objective), prose(j.says()))
	}
}

func mdStations(m *md, d *document) {
	step := d.judgedStep()
	if step == nil || len(step.Stations) == 0 {
		return
	}
	m.heading(fmt.Sprintf("Where requests are at %s: %s in flight", step.offered(), plain(step.InFlight)))
	var rows [][]string
	for _, s := range first(step.Stations, 20) {
		rows = append(rows, []string{
			prose(s.Name), plain(s.Load), share(ratio(float64(s.Load), float64(step.InFlight))), prose(s.Bound), share(s.Utilization),
		})
	}
	rows = append(rows, []string{
		"_unattributed_", plain(step.Unattributed), share(ratio(float64(step.Unattributed), float64(step.InFlight))), "", none,
	})
	m.table([]string{"Station", "In flight>", "Share>", "Bound", "Busy>"}, rows)
}

func mdEndpoints(m *md, d *document) {
	if len(d.Endpoints) == 0 {
		return
	}
	m.heading("Endpoints at " + d.judgedStep().offered())
	var rows [][]string
	for _, e := range first(d.Endpoints, 25) {
		rows = append(rows, []string{
			codeCell(fitEnds(e.Name, 100)), rate(e.Throughput), seconds(e.Latency.P50), seconds(e.Latency.P95), plain(e.InFlight),
			plain(e.QueriesPerRequest), failed(e.Failed, e.Requests), prose(e.Status),
		})
	}
	m.table([]string{"Endpoint", "Rate>", "p50>", "p95>", "In flight>", "Queries a request>", "Failed>", "Objectives"}, rows)
	m.more(len(d.Endpoints), 25)
}

func mdPaths(m *md, d *document) {
	if len(d.Paths) == 0 {
		return
	}
	m.heading("Paths at " + d.judgedStep().offered() + ": requests that users wait for as a whole")
	var rows [][]string
	for _, p := range first(d.Paths, 25) {
		rows = append(rows, []string{
			codeCell(p.Name), count(p.Walked), seconds(p.Latency.P50), seconds(p.Latency.P95), seconds(p.Latency.P99), failed(p.Failed, p.Walked), prose(p.Status),
		})
	}
	m.table([]string{"Path", "Walked>", "p50>", "p95>", "p99>", "Failed>", "Objectives"}, rows)
	m.more(len(d.Paths), 25)
}

func (m *md) more(n, shown int) {
	if n > shown {
		m.printf("\n%s more.\n", digits.Group(float64(n-shown)))
	}
}

func mdStatements(m *md, d *document) {
	if len(d.Statements) == 0 {
		return
	}
	m.heading("Statements at " + d.judgedStep().offered())
	var rows [][]string
	for _, s := range first(d.Statements, 15) {
		rows = append(rows, []string{
			share(s.ShareOfDBTime), perMinute(s.CallsPerMinute), d.perRequest(s.ID), seconds(s.Mean), plain(s.Load), codeCell(fit(s.Text, 160)),
		})
	}
	m.table([]string{"DB time>", "Calls>", "A request>", "Mean>", "In flight>", "Statement"}, rows)
	m.more(d.StatementsTotal, 15)
}

func mdSurroundings(m *md, d *document) {
	if len(d.Jobs) > 0 {
		m.heading("Background jobs")
		var rows [][]string
		for _, j := range first(d.Jobs, 15) {
			rows = append(rows, []string{
				codeCell(j.Kind), codeCell(j.Queue), plain(j.Waiting), seconds(j.Oldest), rate(j.Arrived), rate(j.Finished), seconds(j.Work),
			})
		}
		m.table([]string{"Kind", "Queue", "Waiting>", "Oldest>", "Arrive>", "Finish>", "Work>"}, rows)
	}
	if len(d.Thresholds) > 0 {
		m.heading("Thresholds of the script")
		var rows [][]string
		for _, h := range first(d.Thresholds, 30) {
			rows = append(rows, []string{map[bool]string{false: "**missed**", true: "met"}[h.OK], codeCell(h.Metric), codeCell(h.Source)})
		}
		m.table([]string{"", "Metric", "Threshold"}, rows)
	}
}

func mdTrust(m *md, d *document) {
	m.heading("May I believe this")
	for _, g := range d.Gates {
		if !g.OK {
			m.printf("- **gate %s** %s\n", prose(g.Name), prose(g.Reason))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Missing)) {
		for _, reason := range d.Missing[kind] {
			m.printf("- **missing %s** %s\n", prose(kind), prose(reason))
		}
	}
	for _, s := range d.Skipped {
		m.printf("- **skipped %s** %s\n", prose(s.Analyzer), prose(s.Reason))
	}
	for _, c := range d.Caveats {
		m.printf("- **caveat** %s\n", prose(c))
	}
	if s := d.Workload.did(); s != "" {
		m.printf("- **workload** %s\n", prose(s))
	}
	m.printf("- **generator** %s\n- **overhead** %s\n", prose(d.Generator.did()), prose(d.Overhead.cost()))
	if s := d.Environment.system(); s != "" {
		m.printf("- **machine** %s\n", prose(s))
	}
	m.printf("- **run** %s\n", prose(d.Run.says()))
}
