package reports

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manuals are the analyzers' own, and change with them.
var manuals = regexp.MustCompile(`(?s)<details><summary>How this is found.*?</details>`)

// TestGolden holds what reports look like: read the difference before -update.
// The text of every sample shows what a reader meets; the other formats, whose
// content is the same, are held for the ones that differ in kind.
func TestGolden(t *testing.T) {
	for name, formats := range map[string][]*Format{
		"failing":  {Text, HTML, JSON, Markdown, JUnit},
		"passing":  {Text, JUnit},
		"scripted": {Text, Markdown, JUnit},
		"dead":     {Text, HTML, JSON, Markdown, JUnit},
		"odd":      {Text, JSON},
		"wide":     {Text},
	} {
		for _, f := range formats {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				got := string(write(t, f, samples[name]()))
				if f == HTML {
					got = strings.NewReplacer(pageCSS, "(page.css)", pageJS, "(page.js)", digest(pageCSS), "(css)", digest(pageJS), "(js)").Replace(got)
					got = manuals.ReplaceAllString(got, "(manual)")
				}
				golden(t, name+"."+f.Name, got)
			})
		}
	}
}

// golden compares with a file of testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), go test ./reports -update rewrites it:\n%s", path, diff)
	}
}

// TestSameBytes: maps have no order, reports have one.
func TestSameBytes(t *testing.T) {
	for name, sample := range samples {
		for _, f := range Formats {
			first := write(t, f, sample())
			for range 5 {
				if again := write(t, f, sample()); string(again) != string(first) {
					t.Errorf("%s as %s is not the same twice", name, f.Name)
					break
				}
			}
		}
	}
}

// TestUntouched: a format must not change the report that the next one prints.
func TestUntouched(t *testing.T) {
	r, fresh := hostileSample(), hostileSample()
	r.Verdict.Headline, fresh.Verdict.Headline = "a\x1bb", "a\x1bb"
	r.Findings[0].Caveats[0], fresh.Findings[0].Caveats[0] = "a\x1bb", "a\x1bb"
	r.Run.Missing["calls"][0], fresh.Run.Missing["calls"][0] = "a\x1bb", "a\x1bb"
	for _, f := range Formats {
		write(t, f, r)
	}
	if a, b := string(write(t, JSON, r)), string(write(t, JSON, fresh)); a != b {
		t.Errorf("the report was changed: %s", cmp.Diff(b, a))
	}
}

func TestTextFits(t *testing.T) {
	for name, sample := range samples {
		if name == "odd" {
			continue // its figures have thirteen digits
		}
		sql := false
		for line := range strings.Lines(string(write(t, Text, sample()))) {
			line = strings.TrimRight(line, "\n")
			sql = strings.HasPrefix(line, "      CREATE") || sql && strings.HasPrefix(line, "      ")
			if n := len([]rune(line)); n > 100 && !sql {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%s: trailing spaces: %q", name, line)
			}
		}
	}
}

func TestTextColor(t *testing.T) {
	var plain, colored strings.Builder
	if err := TextTo(&plain, failing(), false); err != nil {
		t.Fatal(err)
	}
	if err := TextTo(&colored, failing(), true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Error("colour where none is wanted")
	}
	if !strings.HasPrefix(colored.String(), "\x1b[31;1mFAIL\x1b[0m") {
		t.Errorf("no colour: %.40q", colored.String())
	}
	// Colour moves no column.
	if got := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(colored.String(), ""); got != plain.String() {
		t.Errorf("colour changes the layout: %s", cmp.Diff(plain.String(), got))
	}
}

func TestPageSize(t *testing.T) {
	for name, sample := range samples {
		if n := len(write(t, HTML, sample())); n > 500_000 {
			t.Errorf("%s: the page has %d bytes", name, n)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, f := range Formats {
		if Lookup(f.Name) != f {
			t.Errorf("Lookup(%q) is another", f.Name)
		}
		if title, rest, _ := strings.Cut(f.Doc, "\n"); len(title) > 75 || title == "" || !strings.HasPrefix(rest, "\n") {
			t.Errorf("%s: its Doc wants a title of one line, then a blank one: %q", f.Name, title)
		}
	}
	if Lookup("yaml") != nil {
		t.Error("a format that is none")
	}
	if got, want := Names(), "text, html, json, markdown, junit"; got != want {
		t.Errorf("Names() = %q, want %q", got, want)
	}
}
