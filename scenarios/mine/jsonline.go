package mine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// aliases are the names by which servers call what is needed, best first; those
// of nested objects are joined by dots. Case counts: Traefik's Duration is in
// nanoseconds, Caddy's duration in seconds.
var aliases = map[string][]string{
	"time": {"time", "ts", "timestamp", "@timestamp", "time_iso8601", "time_local", "StartUTC", "StartLocal", "start_time",
		"msec", "date", "datetime"},
	"method":  {"method", "request_method", "RequestMethod", "request.method", "http_method", "verb", "httpRequest.requestMethod"},
	"uri":     {"uri", "request_uri", "RequestPath", "request.uri", "url", "target", "path", "request_url", "httpRequest.requestUrl"},
	"query":   {"args", "query_string", "query"},
	"request": {"request", "request_line"},
	"status": {"status", "status_code", "DownstreamStatus", "elb_status_code", "response_code", "response.status", "code",
		"httpRequest.status"},
	"took": {"request_time", "duration", "Duration", "duration_ms", "duration_s", "latency", "latency_ms", "response_time", "response_time_ms",
		"elapsed", "elapsed_ms", "took", "took_ms", "duration_us", "duration_ns", "target_processing_time", "httpRequest.latency"},
	"client": {"http_x_forwarded_for", "x_forwarded_for", "client_ip", "request.client_ip", "remote_addr", "request.remote_ip", "ClientHost",
		"ClientAddr", "client", "client:port", "remote_ip", "ip", "remote", "httpRequest.remoteIp"},
	"agent": {"http_user_agent", "user_agent", "agent", "request.headers.User-Agent", "request_User-Agent", "userAgent",
		"httpRequest.userAgent"},
	"user":    {"remote_user", "user", "user_id", "ClientUsername", "username", "uid"},
	"session": {"session_id", "session", "sid", "sessionid"},
	"cookie":  {"cookie_hash", "session_hash", "cookie_session", "cookie_sessionid", "cookie_sid"},
}

// FieldNames returns what --field can name, sorted.
func FieldNames() []string {
	var names []string
	for name := range aliases {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fieldTable returns the aliases with the caller's own in front.
func fieldTable(own map[string]string) (map[string][]string, error) {
	table := map[string][]string{}
	for name, list := range aliases {
		table[name] = list
	}
	for name, field := range own {
		if table[name] == nil {
			return nil, fmt.Errorf("--field %s=%s: there is no %q; there are %s", name, field, name, strings.Join(FieldNames(), ", "))
		}
		table[name] = []string{field}
	}
	return table, nil
}

// parseJSON reads a line of JSON.
func parseJSON(line []byte, table map[string][]string) (request, timing, error) {
	q := request{took: unknown}
	var doc map[string]any
	if err := json.Unmarshal(line, &doc); err != nil {
		return q, noTiming, errors.New("not a JSON object")
	}
	get := func(name string) (v any, field string) {
		for _, field := range table[name] {
			if v := lookup(doc, field); v != nil {
				return v, field
			}
		}
		return nil, ""
	}
	text := func(name string) string {
		v, _ := get(name)
		s, _ := v.(string)
		return dash(s)
	}
	v, field := get("time")
	if v == nil {
		return q, noTiming, fmt.Errorf("no time (looked for %s)", strings.Join(table["time"], ", "))
	}
	var ok bool
	if q.stamp, ok = stamp(v); !ok {
		return q, noTiming, fmt.Errorf("%s is no time", field)
	}
	q.at = q.stamp
	v, _ = get("status")
	n, ok := number(v)
	if q.status = int(n); !ok || n < 0 || n > 999 {
		return q, noTiming, fmt.Errorf("no status (looked for %s)", strings.Join(table["status"], ", "))
	}
	kind := noTiming
	if v, field := get("took"); v != nil {
		if took, ok := duration(v, field); ok {
			q.took, kind = took, byName
		}
	}
	q.client, q.agent, q.user, q.session = text("client"), text("agent"), text("user"), text("session")
	if q.cookie = text("cookie"); q.client != "" {
		q.client, _, _ = strings.Cut(q.client, ",")
		if _, field := get("client"); field == "client:port" {
			q.client = q.client[:max(0, strings.LastIndexByte(q.client, ':'))]
		}
	}
	if v, _ := get("user"); q.user == "" {
		if n, ok := v.(float64); ok {
			q.user = strconv.FormatFloat(n, 'f', -1, 64)
		}
	}
	q.method = text("method")
	if uri := text("uri"); uri != "" && isMethod(q.method) {
		if args := text("query"); args != "" && !strings.Contains(uri, "?") {
			uri += "?" + strings.TrimPrefix(args, "?")
		}
		if !q.setURI(uri) {
			return q, kind, errNoRequest
		}
	} else if line := text("request"); line == "" && q.method == "" && uri == "" {
		return q, kind, fmt.Errorf("no method and uri (looked for %s; %s; %s)",
			strings.Join(table["method"], ", "), strings.Join(table["uri"], ", "), strings.Join(table["request"], ", "))
	} else if !q.requestLine(line) {
		return q, kind, errNoRequest
	}
	if kind == byName && endStamped(doc) {
		q.at -= q.took
	}
	return q, kind, nil
}

// endStamped tells servers that stamp a line when the request is over (nginx,
// Caddy) from those that stamp it when it began (Traefik's StartUTC and other
// fields named so).
func endStamped(doc map[string]any) bool {
	for _, field := range []string{"StartUTC", "StartLocal", "start_time"} {
		if doc[field] != nil {
			return false
		}
	}
	return true
}

// lookup finds a field by its name, or by the names of nested ones.
func lookup(doc map[string]any, field string) any {
	if v, ok := doc[field]; ok {
		switch v := v.(type) {
		case map[string]any:
			return nil // Caddy's request is an object, nginx's a line
		case []any:
			return first(v)
		}
		if v == "" || v == "-" {
			return nil
		}
		return v
	}
	for i := 0; i < len(field); i++ {
		if field[i] == '.' {
			if inner, ok := doc[field[:i]].(map[string]any); ok {
				return lookup(inner, field[i+1:])
			}
		}
	}
	return nil
}

func first(v []any) any {
	if len(v) == 0 {
		return nil
	}
	if s, ok := v[0].(string); ok {
		return s
	}
	return nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

var stampFormats = []string{time.RFC3339Nano, clfTime, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"}

// stamp reads a time: a text in one of the usual formats, or seconds,
// milliseconds, … since 1970, told apart by their size.
func stamp(v any) (float64, bool) {
	if n, ok := number(v); ok {
		for n > 1e11 { // seconds reach this in the year 5138
			n /= 1e3
		}
		return n, n > 1e6
	}
	s, _ := v.(string)
	for _, format := range stampFormats {
		if t, err := time.Parse(format, strings.Trim(s, "[]")); err == nil {
			return seconds(t), true
		}
	}
	return 0, false
}

// duration reads how long a request took, in seconds.
func duration(v any, field string) (float64, bool) {
	if s, ok := v.(string); ok {
		if d, err := time.ParseDuration(s); err == nil {
			return d.Seconds(), d >= 0
		}
	}
	n, ok := number(v)
	if !ok || !(n >= 0) {
		return 0, false
	}
	switch {
	case strings.HasSuffix(field, "_ms"):
		n /= 1e3
	case strings.HasSuffix(field, "_us"):
		n /= 1e6
	case strings.HasSuffix(field, "_ns"), field == "Duration":
		n /= 1e9
	}
	return n, n < 1e6
}
