package collect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/scalecheck/scalecheck/internal/hint"
)

const (
	// scrapeInterval: gauges are averaged over samples at this distance. Writing the
	// page costs the application about what reading it costs us; what pools and calls
	// did in between is in counters.
	scrapeInterval = 2 * time.Second
	// scrapeTimeout: the page comes from the very process that is under load.
	scrapeTimeout = 3 * time.Second
	// A page of a large application has about 1 MB and 10,000 series.
	maxPage   = 8 << 20
	maxSeries = 100_000
)

// Families of the page, by their names with underscores. Of a page, which has
// hundreds, only these are parsed: parsing all took half of what observing cost.
var (
	gauges = []string{
		"db_client_connection_count", "db_client_connections_usage",
		"db_client_connection_pending_requests", "db_client_connections_pending_requests",
	}
	families = append([]string{
		"db_client_connection_max", "db_client_connections_max",
		"db_client_connection_wait_time_seconds", "db_client_connection_use_time_seconds",
		"http_client_request_duration_seconds", "messaging_client_operation_duration_seconds",
	}, gauges...)
)

// A page is what the application said about itself at one time.
type page struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

// A scraper reads the application's gauges now and then, for all collectors
// that want them. The first that starts it starts its goroutine, the last that
// leaves ends it.
type scraper struct {
	url    string
	client *http.Client
	hub    *hub // paces it; nil outside a Set

	mu    sync.Mutex
	users map[*func(*page)]bool
	stop  context.CancelFunc
	done  sync.WaitGroup
}

func newScraper(address string) (*scraper, error) {
	if address == "" {
		return nil, hint.Wrap(errors.New("the address of the app's metrics is not known"),
			"give the URL of its Prometheus page (/metrics), with OpenTelemetry's names")
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the address of the app's metrics is not an http URL")
	}
	return &scraper{
		url: address, users: map[*func(*page)]bool{},
		client: &http.Client{
			Timeout: scrapeTimeout,
			// What is elsewhere is not the app's.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{MaxIdleConnsPerHost: 2, DisableCompression: false},
		},
	}, nil
}

// scraperFor returns the scraper that the collectors of a Set share, or a new one.
func scraperFor(t *Target) (*scraper, error) {
	h := t.hub
	if h == nil {
		return newScraper(t.MetricsURL)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if h.scraper == nil {
		if h.scraper, err = newScraper(t.MetricsURL); err == nil {
			h.scraper.hub = h
		}
	}
	return h.scraper, err
}

// join has f called with every page from now on. The returned function ends that.
func (s *scraper) join(ctx context.Context, f func(*page)) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[&f] = true
	if len(s.users) == 1 {
		ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
		s.done.Go(func() { s.run(ctx) })
	}
	return func() {
		s.mu.Lock()
		delete(s.users, &f)
		last := len(s.users) == 0
		s.mu.Unlock()
		if last {
			s.stop()
			s.done.Wait()
			s.client.CloseIdleConnections()
		}
	}
}

func (s *scraper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.hub.paced(scrapeInterval)):
		}
		p, err := s.scrape(ctx, gauges)
		if err != nil {
			continue // one sample fewer; a cut says so when it can't read either
		}
		s.mu.Lock()
		for f := range s.users {
			(*f)(p)
		}
		s.mu.Unlock()
	}
}

// scrape reads the page now, and of it the families wanted.
func (s *scraper) scrape(ctx context.Context, wanted []string) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	req.Header.Set("User-Agent", "scalecheck")
	resp, err := s.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the URL may hold credentials
		}
		return nil, fmt.Errorf("read the app's metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the app's metrics: status %s", resp.Status)
	}
	lines, err := keepFamilies(resp.Body, wanted)
	if err != nil {
		return nil, fmt.Errorf("read the app's metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the app's metrics: %w", firstLine(err)), notPrometheus)
	}
	p := &page{at: time.Now(), families: make(map[string]*dto.MetricFamily, len(parsed))}
	n := 0
	for name, f := range parsed {
		p.families[strings.ReplaceAll(name, ".", "_")] = f
		n += len(f.Metric)
	}
	if n > maxSeries {
		return nil, fmt.Errorf("read the app's metrics: %d series are more than %d", n, maxSeries)
	}
	return p, nil
}

const notPrometheus = "the page must be Prometheus text (version 0.0.4)"

// keepFamilies returns the lines of the page that are about the families.
func keepFamilies(r io.Reader, wanted []string) ([]byte, error) {
	counting := &io.LimitedReader{R: r, N: maxPage + 1}
	in := bufio.NewReaderSize(counting, 32<<10)
	var kept []byte
	for {
		// A line that is longer than the buffer comes in pieces; the first decides.
		line, more, err := in.ReadLine()
		keep := false
		if err == nil && len(line) > 0 {
			if keep, err = about(line, wanted); err != nil {
				return nil, err
			}
		}
		if keep {
			kept = append(kept, line...)
		}
		for more && err == nil {
			line, more, err = in.ReadLine()
			if keep {
				kept = append(kept, line...)
			}
		}
		if keep {
			kept = append(kept, '\n')
		}
		switch {
		case counting.N <= 0:
			return nil, fmt.Errorf("more than %d MB", maxPage>>20)
		case err == io.EOF:
			return kept, nil
		case err != nil:
			return nil, err
		}
	}
}

// about reports whether the line says something about one of the families.
func about(line []byte, wanted []string) (bool, error) {
	name := bytes.TrimLeft(line, " \t\r")
	switch {
	case len(name) == 0:
		return false, nil
	case name[0] == '#':
		var ok bool
		if name, ok = bytes.CutPrefix(name, []byte("# TYPE ")); !ok {
			return false, nil // HELP, or any comment
		}
	case name[0] == '{', name[0] == '_', name[0] == ':', name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z':
	default:
		return false, hint.Wrap(errors.New("a line that begins with neither a name nor #"), notPrometheus)
	}
	// Names with dots stand in quotes, in samples within the braces.
	name = bytes.TrimLeft(name, "{\"")
	for _, w := range wanted {
		if len(name) >= len(w) && sameName(name[:len(w)], w) {
			return true, nil
		}
	}
	return false, nil
}

// sameName compares names, with dots or with underscores.
func sameName(name []byte, underscored string) bool {
	for i, c := range name {
		if c != underscored[i] && (c != '.' || underscored[i] != '_') {
			return false
		}
	}
	return true
}

func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return errors.New(line)
}

// A series is one line's labels and values.
type series struct {
	labels  map[string]string
	value   float64 // of a counter or gauge
	sum     float64 // of a histogram or summary
	count   float64
	buckets []bucket // of a histogram, cumulative
}

type bucket struct{ upper, count float64 }

// series returns the series of a family, by whichever of its names it has.
func (p *page) series(names ...string) []series {
	for _, name := range names {
		f := p.families[name]
		if f == nil {
			continue
		}
		out := make([]series, 0, len(f.Metric))
		for _, m := range f.Metric {
			s := series{labels: map[string]string{}}
			for _, l := range m.Label {
				s.labels[strings.ReplaceAll(l.GetName(), ".", "_")] = l.GetValue()
			}
			switch {
			case m.Histogram != nil:
				s.sum, s.count = m.Histogram.GetSampleSum(), float64(m.Histogram.GetSampleCount())
				for _, b := range m.Histogram.Bucket {
					s.buckets = append(s.buckets, bucket{b.GetUpperBound(), float64(b.GetCumulativeCount())})
				}
			case m.Summary != nil:
				s.sum, s.count = m.Summary.GetSampleSum(), float64(m.Summary.GetSampleCount())
			case m.Gauge != nil:
				s.value = m.Gauge.GetValue()
			case m.Counter != nil:
				s.value = m.Counter.GetValue()
			case m.Untyped != nil:
				s.value = m.Untyped.GetValue()
			}
			if finite(s.value) && finite(s.sum) {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// below returns how many observations are below the largest bound up to limit;
// false when there is no such bound.
func (s *series) below(limit float64) (n float64, ok bool) {
	for _, b := range s.buckets {
		if b.upper <= limit*1.0001 {
			n, ok = b.count, true
		}
	}
	return n, ok
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// label returns the first of the labels that is there.
func (s *series) label(names ...string) string {
	for _, n := range names {
		if v := s.labels[n]; v != "" {
			return v
		}
	}
	return ""
}
