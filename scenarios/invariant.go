package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	countSyntax    = regexp.MustCompile(`^count\(\s*([^\s()]+)\s*\)\s*(<=|>=|==)\s*(?:(\d+(?:\.\d+)?)\s*\*\s*)?count\(\s*([^\s()]+)\s*\)$`)
	requiresSyntax = regexp.MustCompile(`^(\S+)\s+requires\s+(\S+)$`)
)

// ParseInvariant reads "count(a) <= count(b)", "count(a) == 10 * count(b)" and
// "a requires b".
func ParseInvariant(s string) (Invariant, error) {
	text := strings.TrimSpace(s)
	if m := countSyntax.FindStringSubmatch(text); m != nil {
		i := Invariant{Text: text, Left: m[1], Op: m[2], Right: m[4]}
		if m[3] != "" {
			i.Factor, _ = strconv.ParseFloat(m[3], 64) // matched digits
		}
		return i, nil
	}
	if m := requiresSyntax.FindStringSubmatch(text); m != nil {
		return Invariant{Text: text, Left: m[1], Op: "requires", Right: m[2]}, nil
	}
	return Invariant{}, fmt.Errorf("invariant %q: want count(A) <= count(B), with <=, >= or == and perhaps 10 * before the second, or A requires B", s)
}

// Holds reports whether i holds in a session that requests these endpoints, by
// name and in this order. For <= and == the session must be a whole one.
func (i *Invariant) Holds(session []string) bool {
	left, right := 0, 0
	for _, name := range session {
		if name == i.Left {
			if left++; i.Op == "requires" && right == 0 {
				return false
			}
		}
		if name == i.Right {
			right++
		}
	}
	factor := i.Factor
	if factor == 0 {
		factor = 1
	}
	want := factor * float64(right)
	switch i.Op {
	case "<=":
		return float64(left) <= want
	case ">=":
		return float64(left) >= want
	case "==":
		return float64(left) == want
	}
	return true
}
