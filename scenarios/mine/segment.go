package mine

import (
	"net/url"
	"strings"
)

// A kind is what a part of a path looks like.
type kind byte

const (
	literal kind = iota
	integer
	uuid
	ulid
	hexID
	token // long and random, perhaps a secret
	email
	day  // 2026-03-09
	slug // one of many words; only the whole log shows it
)

var kindNames = [...]string{"literal", "number", "UUID", "ULID", "hexadecimal", "random text", "e-mail address", "date", "name"}

// classify says what one part of a path looks like by itself.
func classify(s string) kind {
	var digits, lower, upper, hex, dashes, other int
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			hex++
			fallthrough
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			if c < 'a' {
				upper++
			} else {
				lower++
			}
		case c == '-' || c == '_' || c == '.':
			dashes++
		default:
			other++
		}
	}
	n := len(s)
	switch {
	case n > 0 && digits == n:
		return integer
	case strings.Contains(s, "@") || strings.Contains(strings.ToLower(s), "%40"):
		return email
	case n == 36 && hex == 32 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		return uuid
	case n == 10 && digits == 8 && s[4] == '-' && s[7] == '-':
		return day
	case n == 26 && digits > 2 && lower == 0 && dashes+other == 0 && s[0] <= '7':
		return ulid
	case n >= 12 && hex == n && digits > 0:
		return hexID
	case n >= 16 && digits >= 2 && (upper >= 2 && lower >= 2 || dashes == 0 && digits >= 4):
		return token // "Ab3dE…", "x8f2k1…"; words have few digits or dashes between
	case n > 64 || other > 0 && n > 24:
		return token
	}
	return literal
}

// suspicious parts of names tell that a value is nobody's business.
var suspicious = []string{"token", "secret", "passw", "pwd", "auth", "apikey", "api_key", "api-key", "signature", "sig", "jwt", "session", "sid",
	"email", "mail", "phone", "ssn", "iban", "card", "otp", "code", "nonce", "csrf", "xsrf", "credential", "key", "user", "login", "name", "state",
	"address", "birth", "ip"}

// isSecret reports whether a field of that name holds what must not be shown.
func isSecret(name string) bool {
	name = strings.ToLower(name)
	for _, s := range suspicious {
		// Short ones are whole words: "sig" is not in "design".
		if len(s) > 4 && strings.Contains(name, s) || name == s ||
			strings.HasSuffix(name, "_"+s) || strings.HasSuffix(name, "-"+s) || strings.HasPrefix(name, s+"_") {
			return true
		}
	}
	return false
}

// tracking query keys say where a user came from or defeat caches; the
// application does not look at them.
func tracking(key string) bool {
	switch key {
	case "_", "fbclid", "gclid", "msclkid", "ref", "cb", "cachebust", "nocache", "_ga":
		return true
	}
	return strings.HasPrefix(key, "utm_")
}

// splitPath returns the parts of a path. Empty ones are kept out: servers treat
// /a//b and /a/b/ alike, or redirect.
func splitPath(path string) []string {
	var parts []string
	for p := range strings.SplitSeq(path, "/") {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return parts
}

// splitQuery returns keys and values in the order of the keys' names, without
// tracking. Values are unescaped.
func splitQuery(query string) (keys, values []string) {
	if query == "" {
		return nil, nil
	}
	q, _ := url.ParseQuery(query) // what can't be read is left out
	for _, k := range sortedKeys(q) {
		if tracking(k) || k == "" || len(q[k]) == 0 {
			continue
		}
		keys = append(keys, k)
		values = append(values, q[k][0])
	}
	return keys, values
}

// asset reports whether the path is a file that pages are made of: browsers and
// CDNs fetch them, and no database sees it.
func asset(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	if i := strings.LastIndexByte(last, '.'); i >= 0 {
		switch strings.ToLower(last[i+1:]) {
		case "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "ico", "webp", "avif", "woff", "woff2", "ttf", "eot", "otf", "mp4", "webm",
			"mp3", "webmanifest":
			return true
		}
	}
	if last == "robots.txt" || last == "sitemap.xml" {
		return true
	}
	for _, dir := range []string{"/static/", "/assets/", "/_next/static/", "/.well-known/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// health reports whether the path is asked by machines that look after the
// application.
func health(path string) bool {
	switch strings.TrimSuffix(path, "/") {
	case "/health", "/healthz", "/livez", "/readyz", "/ready", "/live", "/ping", "/metrics", "/status", "/server-status", "/nginx_status",
		"/health/live", "/health/ready", "/actuator/health", "/_health", "/up":
		return true
	}
	return false
}

var machines = []string{"bot", "crawl", "spider", "slurp", "kube-probe", "healthcheck", "health-check", "googlehc", "prometheus", "blackbox",
	"uptime", "pingdom", "statuscake", "monitor", "scanner", "zgrab", "masscan", "nmap", "facebookexternalhit", "feedfetcher", "headlesschrome",
	"lighthouse"}

// bot reports whether the user agent calls itself a machine that acts for no
// person. Libraries (curl, okhttp) do act for persons: apps use them.
func bot(agent string) bool {
	agent = strings.ToLower(agent)
	for _, m := range machines {
		if strings.Contains(agent, m) {
			return true
		}
	}
	return false
}
