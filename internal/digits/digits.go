// Package digits prints numbers for people: the same figure is the same text,
// whoever prints it.
package digits

import (
	"math"
	"strconv"
	"strings"
)

// Three prints three significant digits, all of what is larger, and two of
// what is so small that it hardly counts.
func Three(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a >= 1e15:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 99.95:
		return Group(math.Round(v))
	case a >= 9.995:
		return Trim(strconv.FormatFloat(v, 'f', 1, 64))
	case a >= 0.0995:
		return Trim(strconv.FormatFloat(v, 'f', 2, 64))
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// Trim drops zeros after the point.
func Trim(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Group prints an integer with spaces between thousands.
func Group(v float64) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	if v < 0 {
		s = "-" + s
	}
	return s
}
