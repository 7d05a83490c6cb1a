package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// Calls reads the app's outgoing calls from its own metrics.
var Calls = &Collector{
	Name: "calls",
	Kind: evidence.Calls,
	Doc: `the app's calls to other systems, from its metrics

Calls, their time, failures and refusals for each dependency, from a Prometheus page
with the names of OpenTelemetry's semantic conventions:

	http_client_request_duration_seconds{server_address, server_port, http_response_status_code, error_type}
	messaging_client_operation_duration_seconds{messaging_system, server_address, error_type}

HTTP dependencies are called host:port, mail servers smtp. A call counts as
throttled when the answer was 429 or 503, or 421 or 451 from a mail server. What the
app calls without such metrics does not show.`,
	Start: startCalls,
}

type calls struct {
	scraper *scraper
	notes   Notes
	last    map[callKey]callReading
	noted   bool
}

type callKey struct{ dependency, system, outcome string }

type callReading struct{ count, seconds float64 }

func startCalls(ctx context.Context, t *Target, n Notes) (Running, error) {
	s, err := scraperFor(t)
	if err != nil {
		return nil, err
	}
	page, err := s.scrape(ctx, families)
	if err != nil {
		return nil, err
	}
	return &calls{scraper: s, notes: n, last: readCalls(page)}, nil
}

// Close has nothing to end: counters need no samples.
func (c *calls) Close() { c.scraper.client.CloseIdleConnections() }

// readCalls sums the series by dependency and outcome: "", "failed" or "throttled".
func readCalls(page *page) map[callKey]callReading {
	out := map[callKey]callReading{}
	put := func(k callKey, s *series) {
		r := out[k]
		r.count += s.count
		r.seconds += s.sum
		out[k] = r
	}
	for _, s := range page.series("http_client_request_duration_seconds") {
		status, failure := s.label("http_response_status_code"), s.label("error_type")
		k := callKey{dependency: s.label("server_address"), system: "http"}
		if port := s.label("server_port"); port != "" {
			k.dependency = net.JoinHostPort(k.dependency, port)
		}
		switch {
		case status == "429", status == "503", status == "" && (failure == "429" || failure == "503"):
			k.outcome = "throttled"
		case failure != "", status >= "400":
			k.outcome = "failed"
		}
		put(k, &s)
	}
	for _, s := range page.series("messaging_client_operation_duration_seconds") {
		k := callKey{system: s.label("messaging_system")}
		if k.dependency = s.label("server_address"); k.system == "smtp" || k.dependency == "" {
			k.dependency = cmp.Or(k.system, "messaging")
		}
		switch failure := s.label("error_type"); {
		case k.system == "smtp" && (strings.Contains(failure, "421") || strings.Contains(failure, "451")):
			k.outcome = "throttled"
		case failure != "":
			k.outcome = "failed"
		}
		put(k, &s)
	}
	return out
}

func (c *calls) Cut(ctx context.Context, w *evidence.Window) error {
	last := c.last
	c.last = nil
	page, err := c.scraper.scrape(ctx, families)
	if err != nil {
		return err
	}
	c.last = readCalls(page)
	if last == nil {
		return errors.New("the window's begin was not measured")
	}
	type name struct{ dependency, system string }
	sums := map[name]*evidence.Call{}
	restarted := false
	for k, now := range c.last {
		d := callReading{now.count - last[k].count, now.seconds - last[k].seconds}
		if d.count < 0 || d.seconds < 0 {
			restarted = true
			break
		}
		n := name{k.dependency, k.system}
		s := sums[n]
		if s == nil {
			s = &evidence.Call{Dependency: k.dependency, System: k.system}
			sums[n] = s
		}
		s.Count += d.count
		s.Seconds += d.seconds
		if k.outcome != "" {
			s.Failed += d.count
		}
		if k.outcome == "throttled" {
			s.Throttled += d.count
		}
	}
	for k := range last {
		_, still := c.last[k]
		restarted = restarted || !still
	}
	if restarted {
		return fmt.Errorf("counters of calls went backwards: the app was restarted; they are left out")
	}
	for _, s := range sums {
		if s.Count > 0 {
			w.Calls = append(w.Calls, *s)
		}
	}
	slices.SortFunc(w.Calls, func(a, b evidence.Call) int {
		return cmp.Or(cmp.Compare(a.Dependency, b.Dependency), cmp.Compare(a.System, b.System))
	})
	if len(c.last) == 0 && underLoad(w) && !c.noted {
		c.noted = true
		return c.notes.Missing(evidence.Calls, "the app's metrics have neither http_client_request_duration_seconds nor messaging_client_operation_duration_seconds: "+
			"it made no calls, or they are not instrumented under OpenTelemetry's names")
	}
	return nil
}
