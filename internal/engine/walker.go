package engine

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A walker is what all users share: the program, the connections, the guards.
type walker struct {
	*program
	seed      int64
	unique    string // differs between runs and between processes that share a plan
	limits    scenarios.Limits
	hosts     []string // that may be sent requests, lower case
	limiter   *rate.Limiter
	transport *transport
	draw      *draw
}

var errHost = errors.New("host not allowed")

func newWalker(o Options) (*walker, error) {
	p, err := compile(o)
	if err != nil {
		return nil, err
	}
	from, to := o.Segment[0], o.Segment[1]
	if from < 0 || to > 1 || from > to || from == to && to != 0 {
		return nil, fmt.Errorf("engine: segment (%g, %g] is not within (0, 1]", from, to)
	}
	w := &walker{
		program: p, seed: o.Plan.Seed, limits: o.Plan.Limits,
		draw:   newDraw(o.Scenario.Personas, o.Segment),
		unique: strconv.FormatInt(time.Now().UnixMicro(), 36),
	}
	w.hosts = append(w.hosts, scenarios.HostPort(p.base))
	for _, h := range o.Plan.Limits.Hosts {
		w.hosts = append(w.hosts, strings.ToLower(h))
	}
	if w.limits.BodyBytes <= 0 {
		w.limits.BodyBytes = scenarios.DefaultLimits().BodyBytes
	}
	limit := rate.Inf
	if w.limits.Rate > 0 {
		limit = rate.Limit(w.limits.Rate * w.draw.share())
	}
	// A tenth of a second's worth may come at once: arrivals are random, and
	// without that half of the ceiling could not be used unhindered.
	w.limiter = rate.NewLimiter(limit, max(1, int(w.limits.Rate*w.draw.share()/10)))
	for _, e := range o.Scenario.Arrivals.Events {
		if e.Persona != "" && !slices.ContainsFunc(p.personas, func(p persona) bool { return p.name == e.Persona }) {
			return nil, fmt.Errorf("engine: event %s brings sessions of %q, which is no persona", e.Name, e.Persona)
		}
	}
	for i := range w.slots {
		if s := w.slots[i].source; s != nil && s.Exclusive && s.Range != nil {
			w.slots[i].pool = newPool(s.Range[0], s.Range[1], w.draw)
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	w.transport = newTransport(w.allowed, dialer.DialContext)
	return w, nil
}

// allowed reports whether host:port may be sent requests. An entry without a
// port allows all ports of its host.
func (w *walker) allowed(addr string) bool {
	addr = strings.ToLower(addr)
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(w.hosts, func(h string) bool {
		return h == addr || h == host || h == "["+host+"]"
	})
}

// persona returns the index of the persona of that name, or -1.
func (w *walker) persona(name string) int {
	return slices.IndexFunc(w.personas, func(p persona) bool { return p.name == name })
}
