package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/scalecheck/scalecheck/evidence"
)

// Pool reads the app's connection pools from its own metrics.
var Pool = &Collector{
	Name: "pool",
	Kind: evidence.Pool,
	Doc: `the app's connection pools, from its metrics

Size, use and waiting of each pool, from a Prometheus page with the names of
OpenTelemetry's semantic conventions:

	db_client_connection_count{db_client_connection_state="used"}
	db_client_connection_max
	db_client_connection_pending_requests
	db_client_connection_wait_time_seconds   (histogram)
	db_client_connection_use_time_seconds    (histogram)

each with db_client_connection_pool_name. Gauges are read every other second; what
happens between two readings does not show in their averages, but does in the
histograms. An acquire counts as one that waited when it took more than a
millisecond: from a pool with a free connection it takes microseconds. The histogram
knows nothing of those that still wait at a window's end: where more were seen
pending than it accounts for, by more than the readings vary, they are counted.`,
	Start: startPool,
}

type poolReading struct {
	max, acquires, waits, wait, use float64
	slow                            bool // waits could be read off the histogram
}

type pools struct {
	scraper *scraper
	leave   func()
	notes   Notes
	last    map[string]poolReading
	noted   bool

	mu      sync.Mutex
	samples float64
	inUse   map[string]float64   // sums over samples
	pending map[string][]float64 // each sample
}

func startPool(ctx context.Context, t *Target, n Notes) (Running, error) {
	s, err := scraperFor(t)
	if err != nil {
		return nil, err
	}
	page, err := s.scrape(ctx, families)
	if err != nil {
		return nil, err
	}
	p := &pools{scraper: s, notes: n, last: readPools(page), inUse: map[string]float64{}, pending: map[string][]float64{}}
	p.leave = s.join(ctx, p.sample)
	return p, nil
}

func (p *pools) Close() { p.leave() }

func poolName(s *series) string {
	return cmp.Or(s.label("db_client_connection_pool_name", "pool_name", "pool"), "default")
}

func (p *pools) sample(page *page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.samples++
	for _, s := range page.series("db_client_connection_count", "db_client_connections_usage") {
		if s.label("db_client_connection_state", "state") == "used" {
			p.inUse[poolName(&s)] += s.value
		}
	}
	for _, s := range page.series("db_client_connection_pending_requests", "db_client_connections_pending_requests") {
		p.pending[poolName(&s)] = append(p.pending[poolName(&s)], s.value)
	}
}

// waited is how long an acquire takes that found the pool empty, at least: in
// seconds.
const waited = 0.001

func readPools(page *page) map[string]poolReading {
	out := map[string]poolReading{}
	for _, s := range page.series("db_client_connection_count", "db_client_connections_usage") {
		out[poolName(&s)] = poolReading{}
	}
	for _, s := range page.series("db_client_connection_max", "db_client_connections_max") {
		r := out[poolName(&s)]
		r.max += s.value
		out[poolName(&s)] = r
	}
	for _, s := range page.series("db_client_connection_wait_time_seconds") {
		r := out[poolName(&s)]
		r.acquires += s.count
		r.wait += s.sum
		quick, known := s.below(waited)
		r.waits += s.count - quick
		r.slow = known
		out[poolName(&s)] = r
	}
	for _, s := range page.series("db_client_connection_use_time_seconds") {
		r := out[poolName(&s)]
		r.use += s.sum
		out[poolName(&s)] = r
	}
	return out
}

func (p *pools) Cut(ctx context.Context, w *evidence.Window) error {
	last := p.last
	p.last = nil
	page, err := p.scraper.scrape(ctx, families)
	if err != nil {
		return err
	}
	p.sample(page) // a window that is shorter than the sampling has this one
	p.mu.Lock()
	samples, inUse, pending := p.samples, p.inUse, p.pending
	p.samples, p.inUse, p.pending = 0, map[string]float64{}, map[string][]float64{}
	p.mu.Unlock()
	p.last = readPools(page)
	if last == nil {
		return errors.New("the window's begin was not measured")
	}
	for name, now := range p.last {
		before := last[name]
		s := evidence.PoolStats{
			Name: name, Max: now.max, InUse: inUse[name] / samples,
			Acquires: now.acquires - before.acquires, Waits: now.waits - before.waits, Wait: now.wait - before.wait, Use: now.use - before.use,
		}
		if !now.slow {
			for _, n := range pending[name] {
				s.Waits += n
			}
		}
		if s.Acquires < 0 || s.Wait < 0 || s.Use < 0 || s.Waits < 0 {
			w.Caveats = append(w.Caveats, fmt.Sprintf("counters of pool %s went backwards: the app was restarted; it is left out", name))
			continue
		}
		s.Wait += stillWaiting(pending[name], s.Wait, float64(w.Length))
		w.Pools = append(w.Pools, s)
	}
	slices.SortFunc(w.Pools, func(a, b evidence.PoolStats) int { return cmp.Compare(a.Name, b.Name) })
	if len(p.last) == 0 && underLoad(w) && !p.noted {
		p.noted = true
		return p.notes.Missing(evidence.Pool, "the app's metrics have no db_client_connection_count; publish its pools under OpenTelemetry's names")
	}
	return nil
}

// beyondChance: two standard errors.
const beyondChance = 2

// stillWaiting returns the seconds that were waited in a window of that length by
// those that wait at its end, from readings of how many did; ended is what those
// waited that have their connection. How far the readings are off comes from their
// successive differences (von Neumann 1941): that they rise is no error.
func stillWaiting(pending []float64, ended, seconds float64) float64 {
	n := float64(len(pending))
	if n < 2 {
		return 0
	}
	var sum, squares float64
	for i, x := range pending {
		sum += x
		if i > 0 {
			squares += (x - pending[i-1]) * (x - pending[i-1])
		}
	}
	deviation := math.Sqrt(squares / (2 * (n - 1)))
	missing := sum/n*seconds - ended
	if missing <= beyondChance*deviation/math.Sqrt(n)*seconds {
		return 0
	}
	return min(missing, pending[len(pending)-1]*seconds)
}

// underLoad reports whether the window is late enough to say that a metric is
// not there: many appear only with their first event.
func underLoad(w *evidence.Window) bool {
	return w.Phase == evidence.Measure || w.Phase == evidence.Drain
}
