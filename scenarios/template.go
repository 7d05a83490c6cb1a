package scenarios

import (
	"fmt"
	"strings"
)

// A Template is text with variables: "/courses/${course.id}". "$${" is a
// literal "${".
type Template []Part

// A Part is a piece of text, or a variable if Var is not empty.
type Part struct {
	Text string
	Var  string
}

// ParseTemplate splits s into its parts.
func ParseTemplate(s string) (Template, error) {
	var t Template
	var text strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			text.WriteString(s)
			break
		}
		if i > 0 && s[i-1] == '$' {
			text.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		text.WriteString(s[:i])
		name, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return nil, fmt.Errorf("%q: ${ without }", s[i:])
		}
		if !isName(name) {
			return nil, fmt.Errorf("${%s}: a variable's name has letters, digits, _, - and dots between them", name)
		}
		if text.Len() > 0 {
			t = append(t, Part{Text: text.String()})
			text.Reset()
		}
		t, s = append(t, Part{Var: name}), rest
	}
	if text.Len() > 0 {
		t = append(t, Part{Text: text.String()})
	}
	return t, nil
}

// Vars returns the names of the variables, in order, each once.
func (t Template) Vars() []string {
	var vars []string
	seen := map[string]bool{}
	for _, p := range t {
		if p.Var != "" && !seen[p.Var] {
			seen[p.Var] = true
			vars = append(vars, p.Var)
		}
	}
	return vars
}

// isName reports whether s is a name as variables and data sources have it.
func isName(s string) bool {
	if s == "" || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// Route returns what results call the endpoint: its method and the path with
// each variable as the last part of its name in braces, without the query.
// "/courses/${course.id}?page=${n}" is "GET /courses/{id}".
func (e *Endpoint) Route() string {
	path, _, _ := strings.Cut(e.Path, "?")
	t, err := ParseTemplate(path)
	if err != nil {
		return e.Method + " " + path // reported when it was read
	}
	b := []byte(e.Method + " ")
	for _, p := range t {
		if p.Var == "" {
			b = append(b, p.Text...)
			continue
		}
		b = append(b, '{')
		b = append(b, p.Var[strings.LastIndexByte(p.Var, '.')+1:]...)
		b = append(b, '}')
	}
	return string(b)
}

// Templates returns all texts of the endpoint that may hold variables.
func (e *Endpoint) Templates() []string {
	all := []string{e.Path, e.JSON, e.Body}
	for _, f := range e.Form {
		all = append(all, f.Value)
	}
	for _, f := range e.Header {
		all = append(all, f.Value)
	}
	return all
}

// Vars returns the names of the variables that a request to e needs, each once.
func (e *Endpoint) Vars() []string {
	var all Template
	for _, s := range e.Templates() {
		t, _ := ParseTemplate(s) // reported when it was read
		all = append(all, t...)
	}
	return all.Vars()
}
