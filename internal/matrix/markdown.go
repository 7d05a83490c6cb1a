package matrix

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Markdown writes the result for people.
func (r Result) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Accuracy\n\nEvery fault of the bundled app, switched on alone, and controls whose right answer is that nothing can be\n" +
		"blamed, or nothing be said; the whole product, judged by its report. Written by `make accuracy`; every attempt is\n" +
		"here, and what the baselines said of each in accuracy.json. A second try is made only of a wrong answer on a host\n" +
		"that was noisy, with more than a tenth of the machine in other hands; the last try counts.\n\n")
	judged := ""
	if r.Analyzers != r.Commit {
		judged = fmt.Sprintf(", its run files judged again by the analyzers of %s", r.Analyzers)
	}
	fmt.Fprintf(&b, "Commit %s%s; %d of %d planned runs; a median of %.0f s each, %.0f s of them without load; observing took a median of %.1f %% of the machine.\n",
		r.Commit, judged, len(final(r.Cases)), r.Planned, r.MedianSeconds, r.MedianOutside, 100*r.MedianOverhead)
	r.figures(&b)
	r.baselines(&b)
	r.confusion(&b)
	r.skipped(&b)
	r.runs(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Result) figures(b *strings.Builder) {
	b.WriteString("\n## Figures\n\nShares with their 95 % intervals (Wilson 1927).\n\n" +
		"| | all faults | of the database | beyond it |\n|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		of   func(Counts) Counted
	}{
		{"something named, of the faults", func(c Counts) Counted { return c.Answered }},
		{"all right (cause, subject, bound), of these", func(c Counts) Counted { return c.Joint }},
		{"subject right", func(c Counts) Counted { return c.Entity }},
		{"bound right", func(c Counts) Counted { return c.Class }},
		{"right among the first three findings", func(c Counts) Counted { return c.Top3 }},
		{"all right, of all faults", func(c Counts) Counted { return c.JointAll }},
	} {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", row.name, row.of(r.Counts), row.of(r.Database.Counts), row.of(r.Beyond.Counts))
	}
	b.WriteString("\n| controls | |\n|---|---|\n")
	for _, row := range []struct {
		name string
		c    Counted
	}{
		{"nothing named", r.Silent},
		{"nothing named, and status and reason right", r.Controls},
		{"two faults at once, both found", r.Several},
	} {
		fmt.Fprintf(b, "| %s | %s |\n", row.name, row.c)
	}
}

// String says "0.93 (14 of 15; 0.70–0.99)".
func (c Counted) String() string {
	if c.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%d of %d; %.2f–%.2f)", c.share(), c.N, c.Of, c.Low, c.High)
}

func (r Result) baselines(b *strings.Builder) {
	b.WriteString("\n## Baselines\n\nWhat is done without a tool, on the same reports, as shares of all faults: subject and bound right; in brackets the\n" +
		"subject alone. A subject counts where it would lead an engineer to the right thing, and a statement that takes long is\n" +
		"taken to compute, or to read where its blocks were not in shared buffers. The cause is asked of scalecheck only.\n\n" +
		"| | all faults | of the database | beyond it |\n|---|---|---|---|\n")
	fmt.Fprintf(b, "| scalecheck, cause, subject and bound | %.2f | %.2f | %.2f |\n", r.JointAll, r.Database.JointAll, r.Beyond.JointAll)
	for i, t := range r.Tallies {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", t.Name, t, r.Database.Tallies[i], r.Beyond.Tallies[i])
	}
}

// String says "0.60 (0.71)".
func (t Tally) String() string { return fmt.Sprintf("%.2f (%.2f)", t.JointTop1, t.EntityTop1) }

func (r Result) confusion(b *strings.Builder) {
	b.WriteString("\n## Expected and given\n\nThe cause, or the status where none is named, and in how many runs.\n\n| expected | given |\n|---|---|\n")
	for _, expected := range slices.Sorted(maps.Keys(r.Confusion)) {
		var given []string
		for _, g := range slices.Sorted(maps.Keys(r.Confusion[expected])) {
			given = append(given, fmt.Sprintf("%s %d", g, r.Confusion[expected][g]))
		}
		fmt.Fprintf(b, "| %s | %s |\n", expected, strings.Join(given, ", "))
	}
}

func (r Result) skipped(b *strings.Builder) {
	if len(r.Skipped) == 0 {
		return
	}
	b.WriteString("\n## Left out\n\n| case | runs | why |\n|---|---|---|\n")
	for _, s := range r.Skipped {
		fmt.Fprintf(b, "| %s | %d of %d | %s |\n", s.Case, s.Runs, s.Of, s.Reason)
	}
}

func (r Result) runs(b *strings.Builder) {
	b.WriteString("\n## Runs\n\n| case | seed | try | right | expected | given | share | confidence | baselines that are right | noise | overhead | s |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, a := range r.Cases {
		given := a.Given.String()
		if a.Error != "" {
			given = "no report: " + cell(a.Error)
		}
		fmt.Fprintf(b, "| %s | %d | %d | %s | %s | %s | %.2f | %.2f | %s | %.0f %% | %.1f %% | %.0f |\n",
			a.Case, a.Seed, a.Try, yes(a.Right), a.Expected, given, a.Share, a.Sure, hits(a.Guesses), 100*a.Noise, 100*a.Overhead, a.Seconds)
	}
}

// String says the verdict in a cell of a table.
func (v Verdict) String() string {
	switch {
	case v.Cause != "":
		return fmt.Sprintf("%s: %s, %s, %s", v.Status, v.Cause, v.Bound, cell(v.Subject))
	case v.Reason != "":
		return v.Status + ": " + cell(v.Reason)
	}
	return v.Status
}

// hits lists the baselines that are right for sure.
func hits(gs []Guess) string {
	var names []string
	for _, g := range gs {
		if g.Right == 1 {
			names = append(names, g.Baseline)
		}
	}
	if names == nil {
		return "–"
	}
	return strings.Join(names, ", ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

const cellWidth = 60

// cell makes one of what may be long and hold anything.
func cell(s string) string {
	s = strings.NewReplacer("|", `\|`, "\n", " ", "`", "'").Replace(s)
	if r := []rune(s); len(r) > cellWidth {
		s = string(r[:cellWidth-1]) + "…"
	}
	return "`" + s + "`"
}
