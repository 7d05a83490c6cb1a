package collect

import (
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
	// scrapeInterval: gauges are averaged over samples at this distance.
	scrapeInterval = time.Second
	// scrapeTimeout: the page comes from the very process that is under load.
	scrapeTimeout = 3 * time.Second
	// A page of a large application has about 1 MB and 10,000 series.
	maxPage   = 8 << 20
	maxSeries = 100_000
)

// A page is what the application said about itself at one time.
type page struct {
	at       time.Time
	families map[string]*dto.MetricFamily
}

// A scraper reads the application's metrics once a second, for all collectors
// that want them. The first that starts it starts its goroutine, the last that
// leaves ends it.
type scraper struct {
	url    string
	client *http.Client

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
		h.scraper, err = newScraper(t.MetricsURL)
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
	tick := time.NewTicker(scrapeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p, err := s.scrape(ctx)
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

// scrape reads the page now.
func (s *scraper) scrape(ctx context.Context) (*page, error) {
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return nil, fmt.Errorf("read the app's metrics: %w", err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("read the app's metrics: more than %d MB", maxPage>>20)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("read the app's metrics: %w", firstLine(err)), "the page must be Prometheus text (version 0.0.4)")
	}
	p := &page{at: time.Now(), families: make(map[string]*dto.MetricFamily, len(families))}
	n := 0
	for name, f := range families {
		p.families[strings.ReplaceAll(name, ".", "_")] = f
		n += len(f.Metric)
	}
	if n > maxSeries {
		return nil, fmt.Errorf("read the app's metrics: %d series are more than %d", n, maxSeries)
	}
	return p, nil
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
