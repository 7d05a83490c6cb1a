package k6ext

import (
	"regexp"
	"strings"
)

// endpoint names the route of a request: the name that the script gave it, or
// the method and the path with its identifiers replaced: "GET /courses/{id}".
// Without a name k6 sets name to the URL; with its http.url template to a URL
// with ${} in it.
func endpoint(method, name string) string {
	path, ok := pathOf(name)
	if !ok {
		if name == "" {
			return method + " (unnamed)"
		}
		return name
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = segment(s)
	}
	return method + " " + strings.Join(segments, "/")
}

// pathOf returns the path of a URL, without query and fragment. It does not
// parse: templates are no URLs.
func pathOf(s string) (path string, ok bool) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, " /?#") {
		return "", false
	}
	i := strings.IndexAny(rest, "/?#")
	if i < 0 || rest[i] != '/' {
		return "/", true
	}
	path = rest[i:]
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	return path, true
}

// host returns the host of a URL, or the string itself if it is none.
func host(s string) string {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return rest
}

const id = "{id}"

var (
	hexRun = regexp.MustCompile(`^[0-9a-fA-F]{8,}$`)
	token  = regexp.MustCompile(`^[0-9A-Za-z]{20,}$`)
	parts  = regexp.MustCompile(`[^-_.~:]+`)
	uuid   = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)
)

// segment replaces what identifies one thing among many.
func segment(s string) string {
	s = strings.ReplaceAll(s, "${}", id)
	switch {
	case s == "" || strings.Contains(s, id):
		return s
	case digits(s), strings.ContainsAny(s, "@"), strings.Contains(s, "%40"):
		return id
	}
	s = uuid.ReplaceAllString(s, id)
	if s == id {
		return s
	}
	// "course-123", "app.3f2a9c10.js": the words stay, so that different
	// things keep different names. One digit is a version more often than an id.
	return parts.ReplaceAllStringFunc(s, func(p string) string {
		n := count(p, '0', '9')
		if n >= 2 && n == len(p) || n >= 1 && hexRun.MatchString(p) || n >= 3 && token.MatchString(p) {
			return id
		}
		return p
	})
}

func digits(s string) bool { return s != "" && count(s, '0', '9') == len(s) }

func count(s string, from, to byte) int {
	n := 0
	for i := range len(s) {
		if from <= s[i] && s[i] <= to {
			n++
		}
	}
	return n
}
