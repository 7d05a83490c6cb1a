package reports

import (
	"io"
	"slices"
	"strings"
)

// A Format is one way to print a Report.
type Format struct {
	Name  string // as in --format
	Doc   string // title, blank line, what it holds and for whom
	File  string // default file name; empty where it goes to stdout only
	Write func(io.Writer, *Report) error
}

// Formats are all formats, in the order of --help.
var Formats = []*Format{Text, HTML, JSON, Markdown, JUnit}

// Lookup returns the format of that name, and nil where there is none.
func Lookup(name string) *Format {
	i := slices.IndexFunc(Formats, func(f *Format) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return Formats[i]
}

// Names returns the names of all formats, separated by commas, for messages.
func Names() string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
