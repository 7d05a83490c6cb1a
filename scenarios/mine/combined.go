package mine

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const clfTime = "02/Jan/2006:15:04:05 -0700"

// errNoRequest is a line in order that records no HTTP request: a connection
// that timed out, or spoke something else.
var errNoRequest = errors.New("no request")

// A timing says what a log knows of how long requests took.
type timing string

const (
	noTiming  timing = ""
	inSeconds timing = "request time in seconds, as nginx's $request_time"
	inMicros  timing = "request time in µs, as Apache's %D"
	byName    timing = "request time in a field"
)

// parseCombined reads a line in the common or combined log format, with an
// optional virtual host in front and further fields behind.
func parseCombined(line string) (request, timing, error) {
	q := request{took: unknown}
	head, rest, ok := strings.Cut(line, " [")
	if !ok {
		return q, noTiming, errors.New("no [time]")
	}
	fields := strings.Fields(head)
	switch {
	case len(fields) == 4: // vhost_combined
		fields = fields[1:]
	case len(fields) > 4: // user names may have blanks
		fields = []string{fields[0], fields[1], strings.Join(fields[2:], " ")}
	case len(fields) < 3:
		return q, noTiming, errors.New("want host, identity and user before [time]")
	}
	q.client, q.user = dash(fields[0]), dash(fields[2])
	stamp, rest, ok := strings.Cut(rest, "] ")
	if !ok {
		return q, noTiming, errors.New("[time] does not end")
	}
	at, err := time.Parse(clfTime, stamp)
	if err != nil {
		return q, noTiming, fmt.Errorf("time %q is not day/Mon/year:hour:minute:second zone", clip(stamp))
	}
	q.stamp = seconds(at)
	q.at = q.stamp
	line, rest, ok = quoted(rest)
	if !ok {
		return q, noTiming, errors.New(`no "request"`)
	}
	var status string
	status, rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	if q.status, err = strconv.Atoi(status); err != nil || q.status < 100 || q.status > 999 {
		return q, noTiming, fmt.Errorf("status %q", clip(status))
	}
	var size string
	size, rest, _ = strings.Cut(rest, " ")
	if _, err := strconv.ParseUint(size, 10, 64); err != nil && size != "-" {
		return q, noTiming, fmt.Errorf("size %q", clip(size))
	}
	if _, after, ok := quoted(rest); ok { // the referer
		if agent, after, ok := quoted(strings.TrimLeft(after, " ")); ok {
			q.agent, rest = dash(agent), after
		}
	}
	kind := q.extras(rest)
	if !q.requestLine(line) {
		return q, kind, errNoRequest
	}
	if kind == inSeconds {
		// nginx writes the line, and its time, when the request is over; Apache
		// writes when it came.
		q.at -= q.took
	}
	return q, kind, nil
}

// extras reads what stands behind the format: the first number is how long the
// request took, a quoted address whom a proxy forwarded it for.
func (q *request) extras(rest string) (kind timing) {
	for rest = strings.TrimLeft(rest, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		var v string
		if text, after, ok := quoted(rest); ok {
			v, rest = text, after
			first, _, _ := strings.Cut(v, ",")
			if addr, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil {
				q.client = addr.String()
				continue
			}
		} else {
			v, rest, _ = strings.Cut(rest, " ")
		}
		if _, value, ok := strings.Cut(v, "="); ok { // rt=0.123
			v = value
		}
		if kind != noTiming {
			continue
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || !(n >= 0 && n < 1e12) {
			continue
		}
		if strings.Contains(v, ".") {
			q.took, kind = n, inSeconds
		} else {
			q.took, kind = n/1e6, inMicros
		}
	}
	return kind
}

// requestLine reads "GET /path HTTP/1.1".
func (q *request) requestLine(s string) bool {
	f := strings.Split(s, " ")
	if len(f) < 2 || len(f) > 3 || !isMethod(f[0]) {
		return false
	}
	q.method = f[0]
	return q.setURI(f[1])
}

// setURI takes a path with its query, or a URL.
func (q *request) setURI(s string) bool {
	if _, after, ok := strings.Cut(s, "://"); ok && !strings.HasPrefix(s, "/") {
		i := strings.IndexAny(after, "/?")
		switch {
		case i < 0:
			after = "/"
		case after[i] == '?':
			after = "/" + after[i:]
		default:
			after = after[i:]
		}
		s = after
	}
	s, _, _ = strings.Cut(s, "#")
	q.uri = s
	return strings.HasPrefix(s, "/")
}

func isMethod(s string) bool {
	switch s {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "REPORT":
		return true
	}
	return false
}

// quoted reads "text" at the start of s; \" and \\ stand for themselves.
func quoted(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

func dash(s string) string {
	if s == "-" || s == `""` {
		return ""
	}
	return s
}

// clip shortens what an error quotes. Whatever a broken line holds, a secret
// perhaps, little of it is shown.
func clip(s string) string {
	if len(s) > 12 {
		return s[:12] + "…"
	}
	return s
}
