package scenarios

import (
	"fmt"
	"strings"
)

// A JSONPath says where in an answer values are: names joined by dots, "[]"
// for every element of an array: "courses[].id", "[].id", "user.name".
type JSONPath []Hop

// A Hop is one step of a path: the field of that name, or every element if Name
// is empty.
type Hop struct{ Name string }

// ParseJSONPath reads a path.
func ParseJSONPath(s string) (JSONPath, error) {
	var p JSONPath
	for i, part := range strings.Split(s, ".") {
		name := part
		for strings.HasSuffix(name, "[]") {
			name = strings.TrimSuffix(name, "[]")
		}
		if (name == "" && (i > 0 || part == "")) || strings.ContainsAny(name, "[]*?|#@!{}()\\\"' ") {
			return nil, fmt.Errorf("path %q: want names joined by dots, with [] behind arrays, such as courses[].id", s)
		}
		if name != "" {
			p = append(p, Hop{name})
		}
		for range (len(part) - len(name)) / 2 {
			p = append(p, Hop{})
		}
	}
	return p, nil
}
