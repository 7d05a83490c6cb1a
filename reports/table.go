package reports

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// A column of a terminal table.
type column struct {
	title string
	right bool // figures are aligned right
	width int  // longest cell, the rest is cut; 0 for no limit
	ends  bool // both ends tell, as in a route: what is cut is the middle
}

// secondReset: tablewriter ends a coloured cell that is padded with a reset of
// its own, behind the padding.
var secondReset = regexp.MustCompile(`\x1b\[0m( *)\x1b\[0m`)

// table prints rows without lines, as kubectl does. Cells must be sanitized:
// tablewriter passes control characters through, and makes a new row of a line
// feed. It is told to wrap nothing, since wrapping tears figures apart.
func table(w io.Writer, columns []column, rows [][]string) error {
	header := make([]string, len(columns))
	align := make([]tw.Align, len(columns))
	for i, c := range columns {
		header[i], align[i] = c.title, tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	cell := tw.CellConfig{
		Alignment:  tw.CellAlignment{PerColumn: align},
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Left: "", Right: "  ", Overwrite: true}},
	}
	var out strings.Builder
	t := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cell, Row: cell}),
		tablewriter.WithTrimSpace(tw.Off),
	)
	t.Header(header)
	for _, row := range rows {
		cells := make([]string, len(columns))
		for i := range columns {
			if columns[i].ends {
				cells[i] = fitEnds(row[i], columns[i].width)
			} else {
				cells[i] = fit(row[i], columns[i].width)
			}
		}
		if err := t.Append(cells); err != nil {
			return err
		}
	}
	if err := t.Render(); err != nil {
		return err
	}
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(secondReset.ReplaceAllString(line, "\x1b[0m$1"), " \n")
		if line != "" {
			line = "  " + line
		}
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// fit cuts s to a width on the terminal; 0 is no limit.
func fit(s string, width int) string {
	if width == 0 || twwidth.Width(s) <= width {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		w := twwidth.Width(string(r))
		if n+w > width-1 {
			break
		}
		b.WriteRune(r)
		n += w
	}
	return b.String() + "…"
}

// fitEnds cuts out the middle of s.
func fitEnds(s string, width int) string {
	if twwidth.Width(s) <= width {
		return s
	}
	head := fit(s, width/2)
	tail := []rune(s)
	for twwidth.Width(string(tail)) > width-width/2 {
		tail = tail[1:]
	}
	return head + string(tail)
}

// units that are not torn from their figure.
var units = []string{"%", "µs", "ms", "s", "min", "h", "d", "B", "kB", "MB", "GB", "TB"}

// words splits s where a line may be broken: not within "1 750 ms".
func words(s string) []string {
	var out []string
	for _, f := range strings.Fields(s) {
		n := len(out) - 1
		bare := strings.TrimRight(f, ".,;:)")
		if n >= 0 && digit(out[n], len(out[n])-1) && (slices.Contains(units, bare) || len(bare) >= 3 && digit(bare, 0) && digit(bare, 1) && digit(bare, 2)) {
			out[n] += " " + f
		} else {
			out = append(out, f)
		}
	}
	return out
}

func digit(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }

// wrap breaks s between words into lines of a width on the terminal, each but
// the first indented. A word longer than a line, such as a statement without
// spaces, is broken anywhere.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	n := 0 // width of the line so far
	for i, word := range words(s) {
		w := twwidth.Width(word)
		if i > 0 && n+1+w <= width {
			b.WriteByte(' ')
			n++
		} else if i > 0 {
			b.WriteString("\n" + indent)
			n = 0
		}
		for w > width {
			head := strings.TrimSuffix(fit(word, width), "…")
			if head == "" || head == word {
				break
			}
			b.WriteString(head + "\n" + indent)
			word = word[len(head):]
			w = twwidth.Width(word)
		}
		b.WriteString(word)
		n += w
	}
	return b.String()
}
