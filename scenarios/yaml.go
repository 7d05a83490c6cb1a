package scenarios

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Problem is one thing that is wrong in a scenario file.
type Problem struct {
	File string // beside the scenario; empty: the scenario itself
	Line int    // from 1; 0 where no line is to blame
	Text string //
}

// Problems are all things that are wrong in a scenario file, by line.
type Problems struct {
	Name string // of the file
	List []Problem
}

// Error returns one line for each problem, "lms.yaml:12: …".
func (p *Problems) Error() string {
	lines := make([]string, len(p.List))
	for i, q := range p.List {
		name := p.Name
		if q.File != "" {
			name = filepath.Join(filepath.Dir(p.Name), q.File)
		}
		if q.Line > 0 {
			lines[i] = fmt.Sprintf("%s:%d: %s", name, q.Line, q.Text)
		} else {
			lines[i] = fmt.Sprintf("%s: %s", name, q.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// reader takes a YAML tree apart. It goes on after a problem, so that a user
// sees all of them at once. What it can't read stays zero.
type reader struct {
	problems []Problem
	later    []func()          // checks that need the whole file
	beside   fs.FS             // where other files are; nil: nowhere
	sums     map[string]string // SHA-256 of those that were read
}

func (r *reader) bad(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	r.badAt(place{line: line}, format, args...)
}

// A place is a line of the scenario, or of a file beside it.
type place struct {
	file string
	line int
}

func (r *reader) badAt(at place, format string, args ...any) {
	r.problems = append(r.problems, Problem{at.file, at.line, fmt.Sprintf(format, args...)})
}

func (r *reader) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slices.Compact(r.problems)
}

// field is a key that a mapping may have.
type field struct {
	key  string
	read func(*yaml.Node)
}

// fields reads a mapping with a fixed set of keys.
func (r *reader) fields(n *yaml.Node, what string, known ...field) {
	r.entries(n, what, func(k, v *yaml.Node) {
		i := slices.IndexFunc(known, func(f field) bool { return f.key == k.Value })
		if i >= 0 {
			known[i].read(v)
			return
		}
		var keys []string
		for _, f := range known {
			keys = append(keys, f.key)
		}
		near := didYouMean(k.Value, keys)
		if near == "" {
			near = "; there are " + strings.Join(keys, ", ")
		}
		r.bad(k, "%s: unknown key %q%s", what, k.Value, near)
	})
}

// entries reads a mapping with free keys, in the order of the file.
func (r *reader) entries(n *yaml.Node, what string, entry func(k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.bad(n, "%s: want a mapping, have %s", what, kindOf(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if line, ok := seen[k.Value]; ok {
			r.bad(k, "%s: key %q is there twice, first in line %d", what, k.Value, line)
			continue
		}
		seen[k.Value] = k.Line
		if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" {
			r.bad(k, "%s: want plain keys", what)
			continue
		}
		entry(k, v)
	}
}

func (r *reader) list(n *yaml.Node, what string, item func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.bad(n, "%s: want a list, have %s", what, kindOf(n))
		return
	}
	for _, v := range n.Content {
		item(v)
	}
}

func (r *reader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		r.bad(n, "%s: want a text, have %s", what, kindOf(n))
		return ""
	}
	return n.Value
}

// template reads a text with variables; known says later which there are.
func (r *reader) template(n *yaml.Node, what string) string {
	s := r.text(n, what)
	if _, err := ParseTemplate(s); err != nil {
		r.bad(n, "%s: %v", what, err)
		return ""
	}
	return s
}

func (r *reader) integer(n *yaml.Node, what string) int64 {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.bad(n, "%s: want a whole number, have %s", what, kindOf(n))
	}
	return v
}

func (r *reader) positive(n *yaml.Node, what string) float64 {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || err != nil || !(v > 0) || v > 1e12 {
		r.bad(n, "%s: want a positive number, have %s", what, kindOf(n))
		return 0
	}
	return v
}

// share reads 0.25 or 25%.
func (r *reader) share(n *yaml.Node, what string) float64 {
	s, percent := strings.CutSuffix(n.Value, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if percent {
		v /= 100
	}
	if n.Kind != yaml.ScalarNode || err != nil || !(v >= 0 && v <= 1) {
		r.bad(n, "%s: want a share such as 0.25 or 25%%, have %s", what, kindOf(n))
		return 0
	}
	return v
}

func (r *reader) duration(n *yaml.Node, what string) Seconds {
	if n.Kind == yaml.ScalarNode {
		if d, err := time.ParseDuration(n.Value); err == nil && d >= 0 {
			return Seconds(d.Seconds())
		}
	}
	r.bad(n, "%s: want a duration such as 3s or 250ms, have %s", what, kindOf(n))
	return 0
}

// seconds reads a duration, or a bare number of seconds as measurements have it.
func (r *reader) seconds(n *yaml.Node, what string) Seconds {
	if v, ok := parseSeconds(n.Value); ok && n.Kind == yaml.ScalarNode {
		return v
	}
	r.bad(n, "%s: want seconds or a duration such as 2.5 or 250ms, have %s", what, kindOf(n))
	return 0
}

func parseSeconds(s string) (v Seconds, ok bool) {
	f, err := strconv.ParseFloat(s, 64)
	if d, bad := time.ParseDuration(s); bad == nil {
		f, err = d.Seconds(), nil
	}
	return Seconds(f), err == nil && f >= 0 && f < 1e9
}

var bytesSyntax = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)?$`)

func (r *reader) bytes(n *yaml.Node, what string) int64 {
	unit := map[string]float64{"": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	if m := bytesSyntax.FindStringSubmatch(n.Value); m != nil && n.Kind == yaml.ScalarNode {
		if v, err := strconv.ParseFloat(m[1], 64); err == nil && v*unit[m[2]] >= 1 && v*unit[m[2]] < 1<<53 {
			return int64(v * unit[m[2]])
		}
	}
	r.bad(n, "%s: want a size such as 64kB or 8MB, have %s", what, kindOf(n))
	return 0
}

// json returns the tree as JSON text, keys in the order of the file.
func (r *reader) json(n *yaml.Node, what string) string {
	switch n.Kind {
	case yaml.MappingNode:
		var parts []string
		r.entries(n, what, func(k, v *yaml.Node) { parts = append(parts, quote(k.Value)+":"+r.json(v, what)) })
		return "{" + strings.Join(parts, ",") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, v := range n.Content {
			parts = append(parts, r.json(v, what))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	switch n.ShortTag() {
	case "!!str":
		return quote(r.template(n, what))
	case "!!null":
		return "null"
	}
	var v any
	if err := n.Decode(&v); err == nil {
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	r.bad(n, "%s: %s has no form in JSON", what, kindOf(n))
	return "null"
}

// quote returns s as a JSON string, without the escapes for HTML.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // of a string, into memory
	return strings.TrimSuffix(b.String(), "\n")
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	return strconv.Quote(shorten(n.Value))
}

// shorten cuts what a message shows of a text.
func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
