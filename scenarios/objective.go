package scenarios

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An Objective is one promise about the answers: a latency quantile below a
// limit, or a share of failed requests below a limit.
//
// With an empty Endpoint it holds for every endpoint by itself: a page that
// five users in a hundred wait for is not excused by the ninety-five others.
type Objective struct {
	Endpoint string  `json:"endpoint,omitempty"` // its route, or the name of a path
	Quantile float64 `json:"quantile,omitempty"` // 0.95 for p95; 0 where Errors is meant
	Limit    Seconds `json:"limit,omitempty"`    // of the quantile
	Errors   float64 `json:"errors,omitempty"`   // share of failed requests that is still in order, 0 < Errors < 1
}

var objectiveSyntax = regexp.MustCompile(`^(?:(.+?)\s+)?(?:p(\d{1,2}(?:\.\d+)?)|(errors))\s*<\s*(\S+)$`)

// ParseObjective reads "p95<300ms", "errors<1%" and, for one endpoint or path,
// "GET /courses p99<1s" and "open course: p95<2s".
func ParseObjective(s string) (Objective, error) {
	m := objectiveSyntax.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Objective{}, fmt.Errorf("objective %q: want [ENDPOINT ]p95<300ms or [ENDPOINT ]errors<1%%", s)
	}
	o := Objective{Endpoint: strings.TrimSuffix(m[1], ":")}
	if m[3] != "" {
		share, ok := strings.CutSuffix(m[4], "%")
		v, err := strconv.ParseFloat(share, 64)
		if ok {
			v /= 100
		}
		if err != nil || v <= 0 || v >= 1 {
			return Objective{}, fmt.Errorf("objective %q: the share of errors must lie between 0%% and 100%%", s)
		}
		o.Errors = v
		return o, nil
	}
	q, err := strconv.ParseFloat(m[2], 64)
	if err != nil || q <= 0 || q >= 100 {
		return Objective{}, fmt.Errorf("objective %q: the percentile must lie between p1 and p99.99", s)
	}
	limit, err := time.ParseDuration(m[4])
	if err != nil || limit <= 0 {
		return Objective{}, fmt.Errorf("objective %q: %q is no duration such as 300ms", s, m[4])
	}
	// Rounded, so that 99.9 is 0.999 and not the next float.
	o.Quantile, o.Limit = math.Round(q*1e4)/1e6, Seconds(limit.Seconds())
	return o, nil
}

// String returns o in the form that ParseObjective reads.
func (o Objective) String() string {
	var s string
	if o.Quantile > 0 {
		s = "p" + strconv.FormatFloat(o.Quantile*100, 'g', 6, 64) + "<" + o.Limit.Duration().String()
	} else {
		s = "errors<" + strconv.FormatFloat(o.Errors*100, 'g', 6, 64) + "%"
	}
	switch {
	case strings.Contains(o.Endpoint, " /"):
		s = o.Endpoint + " " + s
	case o.Endpoint != "":
		s = o.Endpoint + ": " + s
	}
	return s
}

// Covers reports whether o holds for the endpoint.
func (o Objective) Covers(endpoint string) bool { return o.Endpoint == "" || o.Endpoint == endpoint }
