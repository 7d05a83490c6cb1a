package scenarios

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the skeleton as a line of a scenario has it: its weight if that
// is not 1, then the steps: "3x login course(course.id=1) item(item.id=1)".
func (k *Skeleton) String() string {
	var b strings.Builder
	// An endpoint called 2x would be taken for a weight.
	if k.Weight != 1 || len(k.Steps) > 0 && strings.HasSuffix(k.Steps[0].Endpoint, "x") {
		b.WriteString(strconv.FormatFloat(k.Weight, 'g', -1, 64) + "x ")
	}
	for i, s := range k.Steps {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.Endpoint)
		for j, v := range s.Bind {
			b.WriteByte("(,"[min(j, 1)])
			b.WriteString(v.Var + "=" + strconv.Itoa(v.N))
		}
		if len(s.Bind) > 0 {
			b.WriteByte(')')
		}
	}
	return b.String()
}

// ParseSkeleton reads what String returns.
func ParseSkeleton(line string) (Skeleton, error) {
	k := Skeleton{Weight: 1}
	words := strings.Fields(line)
	if len(words) > 0 {
		if w, ok := strings.CutSuffix(words[0], "x"); ok {
			if v, err := strconv.ParseFloat(w, 64); err == nil {
				if !(v > 0 && v < 1e12) {
					return k, fmt.Errorf("weight %s: want a positive number", words[0])
				}
				k.Weight, words = v, words[1:]
			}
		}
	}
	if len(words) == 0 {
		return k, fmt.Errorf("no steps; want endpoints, with blanks between them")
	}
	for _, w := range words {
		name, rest, bound := strings.Cut(w, "(")
		s := Step{Endpoint: name}
		if bound {
			list, ok := strings.CutSuffix(rest, ")")
			for _, b := range strings.Split(list, ",") {
				v, number, _ := strings.Cut(b, "=")
				n, err := strconv.Atoi(number)
				if ok = ok && err == nil && n >= 1 && isName(v); !ok {
					break
				}
				s.Bind = append(s.Bind, Bind{v, n})
			}
			if !ok {
				return k, fmt.Errorf("step %q: want an endpoint, or one with its values' numbers such as item(course.id=1,item.id=2)", shorten(w))
			}
		}
		if name == "" {
			return k, fmt.Errorf("step %q has no endpoint", shorten(w))
		}
		k.Steps = append(k.Steps, s)
	}
	return k, nil
}
