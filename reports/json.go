package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// JSON is the format for machines.
var JSON = &Format{
	Name: "json",
	File: "report.json",
	Doc: `everything in the report as one JSON document

For scripts, dashboards and comparisons. Its schema is printed by "scalecheck
schema". Base units: seconds, bytes, requests per second, shares between 0 and
1. What was not measured is null, never 0; lists are never null. Fields are
added, not renamed; "format" is raised when a reader would be misled.

Names and statements are kept as they came, with control and bidirectional
characters written as \u escapes, so that the file itself is plain text. A
program that decodes it and prints to a terminal has to look after itself.`,
	Write: writeJSON,
}

func writeJSON(w io.Writer, r *Report) error {
	d, err := newDocument(r)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err = w.Write(append(escapeHidden(b), '\n'))
	return err
}

// escapeHidden writes as \u escapes the characters that encoding/json leaves
// as they are although nobody can see them. Everything but strings is ASCII in
// JSON, so whatever is replaced stands inside one.
func escapeHidden(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == '\n' || !hidden(r):
			out.Write(b[:size])
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
		b = b[size:]
	}
	return out.Bytes()
}
