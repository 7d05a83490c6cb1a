package k6

import (
	"slices"
	"strings"
)

// passed are the variables that a process needs to work at all, and the knobs
// of Go's runtime. A journeys run gets only these.
var passed = []string{
	"PATH", "HOME", "USER", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "GOCOVERDIR", "XDG_CONFIG_HOME",
	"RES_OPTIONS", "LOCALDOMAIN",
}

// outputs are the prefixes of what configures k6's own outputs.
var outputs = []string{"K6_PROMETHEUS_RW_", "K6_OTEL_", "OTEL_", "K6_INFLUXDB_", "K6_CSV_", "K6_JSON_", "K6_STATSD_"}

// environment returns what the child sees of the parent's variables env.
//
// A script gets nearly all of them, as under plain k6: scripts read tokens and
// addresses from __ENV. It does not get credentials of the database, which it
// has no business with and could send anywhere; proxies, which would do the
// dialing in place of the guarded dialer; and those of k6's options that would
// undo what we set. A journeys plan has no code that could read any.
func environment(env []string, script bool, extra map[string]string) []string {
	keep := func(k, v string) bool {
		if hasPrefix(k, outputs) || slices.Contains(passed, k) || strings.HasPrefix(k, "LC_") {
			return true
		}
		return script && !withheld(k, v)
	}
	var out []string
	for _, kv := range env {
		k, v, ok := strings.Cut(kv, "=")
		if _, set := extra[k]; ok && !set && keep(k, v) {
			out = append(out, kv)
		}
	}
	for k, v := range extra {
		out = append(out, k+"="+v)
	}
	out = append(out, "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false")
	slices.Sort(out)
	return out
}

func withheld(k, v string) bool {
	up := strings.ToUpper(k)
	switch up {
	case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "DATABASE_URL", "POSTGRES_PASSWORD":
		return true
	case "K6_OUT", "K6_LOG_OUTPUT", "K6_LOG_FORMAT", "K6_LOG_LEVEL", "K6_NO_COLOR", "K6_PAUSED", "K6_LINGER",
		"K6_NO_THRESHOLDS", "K6_NO_SUMMARY", "K6_BLACKLIST_IPS", "K6_RPS", "K6_PROFILING_ENABLED",
		"K6_NO_USAGE_REPORT", "K6_AUTO_EXTENSION_RESOLUTION", "K6_BINARY_PROVISIONING", "K6_BUILD_SERVICE_URL",
		"K6_TRACES_OUTPUT", "K6_INCLUDE_SYSTEM_ENV_VARS":
		return true
	}
	return hasPrefix(up, []string{"PG", "SCALECHECK_", "K6_WEB_DASHBOARD", "K6_CLOUD_", "K6_SUMMARY_", "K6_SCALECHECK"}) ||
		strings.HasPrefix(v, "postgres://") || strings.HasPrefix(v, "postgresql://")
}

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
