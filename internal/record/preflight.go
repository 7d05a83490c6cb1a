package record

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// preflight makes sure that the target answers at all, with one GET of its base
// URL. Any answer will do, also an error page.
func preflight(ctx context.Context, o Options) error {
	target := o.Run.Plan.Target
	if target == "" {
		return nil // a k6 script knows its own
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return hint.Exit(hint.Wrap(fmt.Errorf("target %q is no http URL", target), "write it as http://127.0.0.1:8080"), hint.NotStarted)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return hint.Exit(fmt.Errorf("target: %w", err), hint.NotStarted)
	}
	client := &http.Client{
		// No proxy: it would be the proxy that is measured. No redirects: the
		// first answer is enough, and the next host is not on the list.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err == nil {
		return resp.Body.Close()
	}
	what := "check --target"
	if errors.Is(err, syscall.ECONNREFUSED) {
		what = "nothing listens there; start the application, or check the port in --target"
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return hint.Exit(hint.Wrap(fmt.Errorf("target %s: %s", u.Redacted(), strings.TrimSpace(err.Error())), what), hint.NotStarted)
}
