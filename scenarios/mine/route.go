package mine

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A Route is a template that the caller knows: GET /courses/{id}.
type Route struct {
	Method   string
	Segments []string // "{id}" is a variable
}

// ReadRoutes reads one route a line; # begins a comment.
func ReadRoutes(name string, r io.Reader) ([]Route, error) {
	var all []Route
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		f := strings.Fields(text)
		if len(f) == 0 {
			continue
		}
		if len(f) != 2 || !isMethod(f[0]) || !strings.HasPrefix(f[1], "/") || strings.Contains(f[1], "?") {
			return nil, fmt.Errorf("%s:%d: want a method and a path such as GET /courses/{id}", name, n)
		}
		all = append(all, Route{f[0], splitPath(f[1])})
	}
	return all, lines.Err()
}

func (t *Route) variable(i int) bool { return strings.HasPrefix(t.Segments[i], "{") }

func (t *Route) match(method string, parts []string) bool {
	if t.Method != method || len(t.Segments) != len(parts) {
		return false
	}
	for i, s := range t.Segments {
		if s != parts[i] && !t.variable(i) {
			return false
		}
	}
	return true
}

// A segment is one part of a path: a text, or a variable of some kind.
type segment struct {
	kind  kind
	text  string // of a literal; of a variable its name in the route, if that is known
	fixed bool   // a name that was taken for a word: text is the value
}

func (s segment) key() string {
	if s.kind == literal {
		return s.text
	}
	return "{" + kindNames[s.kind] + s.text + "}"
}

// A shape is what requests to the same operation have in common, as far as a
// single one shows it: numbers are known for what they are at once, names only
// when there have been many in the same place.
type shape struct {
	method string
	path   []segment
	query  []string // keys, sorted
	n      int      // requests
}

// A router turns requests into shapes.
type router struct {
	routes   []Route
	ids      map[string]int
	shapes   []*shape
	children map[string]map[string]bool // prefix → literal parts seen behind it
}

// maxChildren: of a place in the path where so many different words stood, no
// more are kept apart while reading.
const maxChildren = 500

func newRouter(routes []Route) *router {
	return &router{routes: routes, ids: map[string]int{}, children: map[string]map[string]bool{}}
}

// shape returns the shape of a request and the values of its variables, path
// first; -1: it has no place, because of the routes or of MaxShapes.
func (r *router) shape(method, uri string) (id int, values []Value, texts []string) {
	path, query, _ := strings.Cut(uri, "?")
	parts := splitPath(path)
	var segments []segment
	if r.routes != nil {
		i := slices.IndexFunc(r.routes, func(t Route) bool { return t.match(method, parts) })
		if i < 0 {
			return -1, nil, nil
		}
		t := &r.routes[i]
		for i, s := range t.Segments {
			if !t.variable(i) {
				segments = append(segments, segment{kind: literal, text: s})
				continue
			}
			segments = append(segments, segment{kind: slug, text: strings.Trim(s, "{}")})
			texts = append(texts, parts[i])
		}
	} else {
		prefix := ""
		for _, p := range parts {
			s := segment{kind: classify(p)}
			if s.kind == literal && !r.isWord(prefix, p) {
				s.kind = slug
			}
			if s.kind == literal {
				s.text = p
			} else {
				texts = append(texts, p)
			}
			segments = append(segments, s)
			prefix += "/" + s.key()
		}
	}
	keys, more := splitQuery(query)
	texts = append(texts, more...)
	id = r.intern(&shape{method: method, path: segments, query: keys})
	if id < 0 {
		return -1, nil, nil
	}
	for _, t := range texts {
		values = append(values, value(t))
	}
	return id, values, texts
}

// isWord notes that a literal stands behind prefix; false: there are too many.
func (r *router) isWord(prefix, part string) bool {
	words := r.children[prefix]
	if words == nil {
		if len(r.children) >= MaxShapes {
			return false
		}
		words = map[string]bool{}
		r.children[prefix] = words
	}
	if !words[part] && len(words) < maxChildren {
		words[strings.Clone(part)] = true
	}
	return words[part]
}

func (s *shape) key() string {
	var b strings.Builder
	b.WriteString(s.method)
	for _, p := range s.path {
		b.WriteString("/")
		b.WriteString(p.key())
	}
	for _, k := range s.query {
		b.WriteString("?")
		b.WriteString(k)
	}
	return b.String()
}

func (r *router) intern(s *shape) int {
	key := s.key()
	if id, ok := r.ids[key]; ok {
		return id
	}
	if len(r.shapes) >= MaxShapes {
		return -1
	}
	// The line that these are parts of must not live on with them.
	s.method = strings.Clone(s.method)
	for i := range s.path {
		s.path[i].text = strings.Clone(s.path[i].text)
	}
	for i := range s.query {
		s.query[i] = strings.Clone(s.query[i])
	}
	r.shapes = append(r.shapes, s)
	r.ids[key] = len(r.shapes) - 1
	return len(r.shapes) - 1
}

// minNames: so many different words in one place are not pages of a site but
// names of things, if most of them look like names.
const minNames = 20

// names finds the places where names stand: prefixes of which the next part is
// a variable though each looks like a word. n is how often a shape came.
func (r *router) names() {
	if r.routes != nil {
		return
	}
	for depth := 0; ; depth++ {
		deep := false
		words := map[string]map[string]bool{}
		for _, s := range r.shapes {
			if depth >= len(s.path) {
				continue
			}
			deep = true
			if s.path[depth].kind != literal {
				continue
			}
			prefix := s.prefix(depth)
			if words[prefix] == nil {
				words[prefix] = map[string]bool{}
			}
			words[prefix][s.path[depth].text] = true
		}
		if !deep {
			return
		}
		for _, s := range r.shapes {
			if depth < len(s.path) && s.path[depth].kind == literal && areNames(words[s.prefix(depth)]) {
				s.path[depth].kind, s.path[depth].fixed = slug, true
			}
		}
	}
}

func (s *shape) prefix(depth int) string {
	var b strings.Builder
	for _, p := range s.path[:depth] {
		b.WriteString("/")
		if p.kind == slug {
			b.WriteString("{}")
		} else {
			b.WriteString(p.key())
		}
	}
	return b.String()
}

func areNames(words map[string]bool) bool {
	if len(words) < minNames {
		return false
	}
	if len(words) >= maxChildren/2 {
		return true
	}
	like := 0
	for w := range words {
		if strings.ContainsAny(w, "0123456789-%+") {
			like++
		}
	}
	return 2*like > len(words)
}
