package analyzers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers"
)

// TestReadme holds README.md to the manuals: go test ./analyzers -update writes it.
func TestReadme(t *testing.T) {
	var b strings.Builder
	b.WriteString(readmeHead)
	for _, a := range analyzers.All {
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", a.Name, a.Name, a.Title())
	}
	for _, a := range analyzers.All {
		title, manual, _ := strings.Cut(a.Doc, "\n\n")
		fmt.Fprintf(&b, "\n## %s\n\n**%s**\n\n%s\n", a.Name, title, fenced(manual))
	}
	const path = "README.md"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the manuals say: go test ./analyzers -update", path)
	}
}

const readmeHead = `<!-- Written by go test ./analyzers -update, from each analyzer's Doc. -->

# What scalecheck finds, and how to check it by hand

One cause each, most specific first: of two that explain the same requests equally well
the earlier is named first. ` + "`scalecheck explain NAME`" + ` prints the same text.

| name | what it finds |
|---|---|
`

// fenced puts what a manual indents, which is code, into fences that keep its
// asterisks and pipes.
func fenced(manual string) string {
	var out []string
	code := false
	for _, line := range strings.Split(manual, "\n") {
		indented := strings.HasPrefix(line, "    ")
		if indented && !code {
			out = append(out, "```sql")
		}
		if !indented && code && line != "" {
			out = append(out[:len(out)-1], "```", "")
		}
		if line != "" {
			code = indented
		}
		out = append(out, strings.TrimPrefix(line, "    "))
	}
	if code {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}
