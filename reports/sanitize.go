package reports

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Texts come from outside: statements and their comments, table, role and
// application names, routes, error texts, a k6 script's thresholds. Whoever
// chose such a name must not get to move the reader's cursor, to reverse a
// line, to hide half of a statement or to give the CI system a command.
//
// The sanitizer is one function, and no format calls it field by field: it
// walks the whole document (sanitize), so that a field that is added tomorrow
// cannot be forgotten.

// longest is how many characters of one text are shown. Statements beyond it
// are machine-made; report.json has them whole.
const longest = 4000

// clean returns s as one line of text in which everything can be seen:
//
//   - control characters, bidirectional controls, zero-width and other
//     invisible characters become escapes such as \x1b and \u202e; bytes that
//     are not UTF-8 become \ufffd
//   - line feeds, tabs and unusual spaces become a space
//   - "::" at the start of a word, and "##" before a letter or bracket, have
//     their first character escaped: GitHub, Azure and TeamCity take such lines
//     of a job's output for commands, and a text may be wrapped anywhere
//   - at most limit characters remain, the last one "…" where more were there
//
// Applied twice it changes nothing more.
func clean(s string, limit int) string {
	var b strings.Builder
	n := 0
	start := true // of a word
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		out := string(r)
		switch rest := s[i+size:]; {
		case r == utf8.RuneError && size == 1:
			out = `\ufffd`
		case r == '\r' && strings.HasPrefix(rest, "\n"):
			out = ""
		case r == '\n', r == '\t', unicode.Is(unicode.Zs, r):
			out = " "
		case hidden(r):
			out = escaped(r)
		case r == ':' && start && strings.HasPrefix(rest, ":"):
			out = escaped(r)
		case r == '#' && command(rest):
			out = escaped(r)
		}
		i += size
		if w := utf8.RuneCountInString(out); n+w > limit || n+w == limit && i < len(s) {
			// No room, or none for what follows.
			b.WriteString("…")
			return b.String()
		} else {
			n += w
		}
		b.WriteString(out)
		if out != "" {
			start = out == " "
		}
	}
	return b.String()
}

// command reports whether a "#" before rest makes "##[", "##vso[" and the like.
func command(rest string) bool {
	rest, ok := strings.CutPrefix(rest, "#")
	if !ok || rest == "" {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return r == '[' || unicode.IsLetter(r)
}

// hidden reports whether r does something to the reader other than being seen.
func hidden(r rune) bool {
	switch r {
	case '\u034f', // combining grapheme joiner
		'\u115f', '\u1160', '\u3164', '\uffa0', // Hangul fillers: letters without ink
		'\u2028', '\u2029': // line and paragraph separators
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)
}

// escaped returns r as \x1b, \u202e or \U000e0001.
func escaped(r rune) string {
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// cleanLines is clean for a text whose line breaks matter, such as SQL to copy.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(clean(strings.TrimSuffix(line, "\r"), longest), " ")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// sanitize cleans every string of the document in place, map keys included. A
// field tagged text:"lines" keeps its line breaks.
func sanitize(d *document) { walk(reflect.ValueOf(d).Elem(), false) }

func walk(v reflect.Value, lines bool) {
	switch v.Kind() {
	case reflect.String:
		if lines {
			v.SetString(cleanLines(v.String()))
		} else {
			v.SetString(clean(v.String(), longest))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), lines)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), lines)
		}
	case reflect.Map:
		walkMap(v)
	case reflect.Struct:
		for i := range v.NumField() {
			// An embedded struct is of an unexported type, its fields are not.
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				walk(v.Field(i), f.Tag.Get("text") == "lines")
			}
		}
	}
}

func walkMap(v reflect.Value) {
	for _, key := range v.MapKeys() {
		val := reflect.New(v.Type().Elem()).Elem()
		val.Set(v.MapIndex(key))
		walk(val, false)
		if key.Kind() == reflect.String {
			k := reflect.New(key.Type()).Elem()
			k.SetString(clean(key.String(), longest))
			if k.String() != key.String() {
				v.SetMapIndex(key, reflect.Value{})
				key = k
			}
		}
		v.SetMapIndex(key, val)
	}
}
