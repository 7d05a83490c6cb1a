// Package peer calls third parties: JSON over HTTP, with a time limit, measured,
// and with "too many requests" told apart from other failures.
package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace/noop"
)

// Client calls one third party.
type Client struct {
	base string
	http *http.Client
}

// timeout bounds one call where the caller's context does not.
const timeout = 10 * time.Second

// NewClient returns a client for the service at base, a URL without a final slash.
func NewClient(base string, provider metric.MeterProvider) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The default of two idle connections would dial anew for most calls of a busy queue.
	transport.MaxIdleConnsPerHost = 32
	return &Client{base: base, http: &http.Client{
		Timeout: timeout,
		Transport: otelhttp.NewTransport(transport,
			otelhttp.WithMeterProvider(provider),
			otelhttp.WithTracerProvider(noop.NewTracerProvider())),
	}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Throttled is the error of a call that the third party refused for now.
type Throttled struct {
	// RetryAfter is how long it asked to be left alone.
	RetryAfter time.Duration
}

func (e *Throttled) Error() string { return fmt.Sprintf("throttled, retry after %v", e.RetryAfter) }

// Post sends in and decodes the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("post %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post %s: %w", path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("post %s: %w", path, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("post %s: %w", path, &Throttled{retryAfter(resp)})
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("post %s: status %d", path, resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(out); err != nil {
		return fmt.Errorf("post %s: %w", path, err)
	}
	return nil
}

// retryAfter reads the header's seconds, or takes one where it says nothing.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return time.Second
	}
	return time.Duration(seconds) * time.Second
}
