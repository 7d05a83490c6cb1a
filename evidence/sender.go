package evidence

import (
	"net/url"
	"regexp"
	"strings"
)

// Sender returns who sends a statement by what its comment says: the route, or else
// controller#action, or one of them; empty where it says none of them. The comment is
// without its delimiters, as sqlcommenter writes it,
//
//	action='show',controller='courses',route='%2Fcourses%2F%3Aid',traceparent='00-…'
//
// or as Rails does without it: controller:courses,action:show. Everything else in it
// is dropped, and of a route all that might be a value (Route).
func Sender(comment string) string {
	var route, controller, action string
	for rest := comment; rest != ""; {
		var key, value string
		var ok bool
		if key, value, rest, ok = tag(rest); !ok {
			return "" // not such a comment, or one that was cut
		}
		switch key {
		case "route":
			route = Route(value)
		case "controller":
			controller = codeName(value)
		case "action":
			action = codeName(value)
		}
	}
	switch {
	case route != "":
		return route
	case controller != "" && action != "":
		return controller + "#" + action
	}
	return controller + action
}

// tag takes the first pair off a comment.
func tag(comment string) (key, value, rest string, ok bool) {
	i := strings.IndexAny(comment, "=:")
	if i <= 0 {
		return "", "", "", false
	}
	key, rest = strings.TrimSpace(comment[:i]), comment[i+1:]
	quoted, isQuoted := strings.CutPrefix(rest, "'")
	if !isQuoted {
		value, rest, _ = strings.Cut(rest, ",")
		return key, strings.TrimSpace(value), rest, true
	}
	// A quote inside is written \', and nearly always %27.
	end := strings.Index(quoted, "'")
	for end > 0 && quoted[end-1] == '\\' {
		next := strings.Index(quoted[end+1:], "'")
		if next < 0 {
			return "", "", "", false
		}
		end += 1 + next
	}
	if end < 0 {
		return "", "", "", false
	}
	value, err := url.PathUnescape(quoted[:end])
	return key, value, strings.TrimLeft(quoted[end+1:], ", "), err == nil
}

var (
	verbs      = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) `)
	fixedPart  = regexp.MustCompile(`^([A-Za-z_.~-]{1,40}|v[0-9]{1,2})$`)
	codeNames  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:/\\-]{0,79}$`)
	manyDigits = regexp.MustCompile(`[0-9]{4}`)
)

// Route returns a route such as "/courses/:id", "GET /courses/{id}",
// "courses/<int:id>/" or "^courses/(?P<id>[0-9]+)$" in one form, /courses/{}, with
// its method where it has one. What might be a value is {}, too, so that an address
// that was taken for a route tells nobody's number. Empty for what is no route.
func Route(s string) string {
	verb := verbs.FindString(s)
	s = s[len(verb):]
	s = strings.TrimSuffix(strings.TrimPrefix(s, "^"), "$")
	s, ok := braces(s)
	if !ok {
		return ""
	}
	s, _, _ = strings.Cut(s, "?")
	segments := strings.Split(strings.Trim(s, "/"), "/")
	for i, part := range segments {
		if !fixedPart.MatchString(part) && part != "" {
			segments[i] = "{}"
		}
	}
	return verb + "/" + strings.Join(segments, "/")
}

// braces replaces what is in brackets, which may hold slashes, by {}.
func braces(s string) (string, bool) {
	var b strings.Builder
	depth := 0
	for _, c := range s {
		switch c {
		case '(', '{', '<', '[':
			if depth == 0 {
				b.WriteString("{}")
			}
			depth++
		case ')', '}', '>', ']':
			if depth--; depth < 0 {
				return "", false
			}
		default:
			if depth == 0 {
				b.WriteRune(c)
			}
		}
	}
	return b.String(), depth == 0
}

// codeName returns the name of a controller or an action, and nothing where it is
// none.
func codeName(s string) string {
	if !codeNames.MatchString(s) || manyDigits.MatchString(s) {
		return ""
	}
	return s
}
