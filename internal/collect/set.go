package collect

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A hub is what the collectors of a Set share.
type hub struct {
	count  counter
	health health
	pace   atomic.Int32
	shared *link // for those that read now and then: tables, processes, jobs

	mu      sync.Mutex
	links   []*link
	scraper *scraper
	ids     map[string]string // fingerprint → statement ID; "" where several have it
}

// learn remembers which statement has a fingerprint.
func (h *hub) learn(fingerprint, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids == nil {
		h.ids = map[string]string{}
	}
	if known, ok := h.ids[fingerprint]; ok && known != id {
		id = ""
	}
	h.ids[fingerprint] = id
}

// lookUp returns the one statement with the fingerprint, or "".
func (h *hub) lookUp(fingerprint string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ids[fingerprint]
}

// openHub connects the shared session.
func openHub(ctx context.Context, cfg *pgx.ConnConfig) (*hub, error) {
	h := &hub{}
	l, err := h.dial(ctx, cfg, sharedTimeout)
	if err != nil {
		return h, err
	}
	h.shared = l
	return h, nil
}

// sharedTimeout: statements on the shared session keep others waiting.
const sharedTimeout = 3 * time.Second

func (h *hub) dial(ctx context.Context, cfg *pgx.ConnConfig, timeout time.Duration) (*link, error) {
	l, err := dial(ctx, cfg, timeout, &h.count, &h.health)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.links = append(h.links, l)
	return l, nil
}

// pids returns the server processes of our sessions.
func (h *hub) pids() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var pids []int
	for _, l := range h.links {
		if pid := l.pid.Load(); pid != 0 {
			pids = append(pids, int(pid))
		}
	}
	return pids
}

// link opens a session of the collector's own, which it closes.
func (t *Target) link(ctx context.Context, timeout time.Duration) (*link, error) {
	h := t.hub
	if h == nil {
		h = &hub{}
	}
	return h.dial(ctx, t.Database, timeout)
}

// sharedLink returns the session that collectors of a Set share; outside a Set
// one of its own. done gives it back.
func (t *Target) sharedLink(ctx context.Context) (l *link, done func(), err error) {
	switch {
	case t.hub == nil:
	case t.hub.shared == nil:
		return nil, nil, errors.New("there is no session with the database")
	default:
		return t.hub.shared, func() {}, nil
	}
	l, err = t.link(ctx, sharedTimeout)
	if err != nil {
		return nil, nil, err
	}
	return l, l.close, nil
}

// A Set is all collectors that could be started.
type Set struct {
	hub     *hub
	running []started
	own     ownCost
	watch   context.CancelFunc
	done    sync.WaitGroup
}

type started struct {
	*Collector
	Running
}

// cutTimeout bounds a cut. Collectors go on with the next window at the start of
// theirs, so that a slow one delays nobody's window but its caller.
const cutTimeout = 15 * time.Second

// Open starts all collectors. What cannot be had is noted as missing, with the
// reason and what to do about it. n is used until the Set is closed, by one
// goroutine at a time, inside Open and Cut only. The caller closes the Set.
func Open(ctx context.Context, t *Target, n Notes) *Set {
	notes := &notes{to: n}
	target := *t
	var err error
	if t.Database != nil {
		target.hub, err = openHub(ctx, t.Database)
	} else {
		target.hub = &hub{}
		_, err = Connect(ctx, nil)
	}
	s := &Set{hub: target.hub, own: ownCost{}.start()}
	for _, c := range All {
		if err != nil && c.needsDatabase() {
			notes.Missing(c.Kind, Reason(err)) // once is enough to know
			continue
		}
		r, err := c.Start(ctx, &target, notes)
		if err != nil {
			notes.Missing(c.Kind, Reason(err))
			continue
		}
		s.running = append(s.running, started{c, r})
	}
	watched, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.watch = cancel
	if s.hub.shared != nil {
		s.done.Go(func() { s.hub.listen(watched) })
	}
	return s
}

func (c *Collector) needsDatabase() bool {
	switch c.Kind {
	case evidence.Statements, evidence.Sessions, evidence.Tables, evidence.Server, evidence.Jobs:
		return true
	}
	return false
}

// listen asks the server for a sign of life when nobody else talks to it.
func (h *hub) listen(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if h.health.quiet() > time.Second {
			// What came of it is in h.health.
			_ = h.shared.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
				_, err := c.Exec(ctx, "select /* scalecheck */ 1")
				return err
			})
		}
	}
}

// Reason makes one sentence of an error and its hint.
func Reason(err error) string {
	if h := hint.Of(err); h != "" {
		return err.Error() + "; " + h
	}
	return err.Error()
}

// Cut closes the running window of every collector into w and begins the next.
// What went wrong becomes a caveat of w.
func (s *Set) Cut(ctx context.Context, w *evidence.Window) {
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	parts := make([]evidence.Window, len(s.running))
	var wg sync.WaitGroup
	for i, r := range s.running {
		p := &parts[i]
		p.Phase, p.Step, p.Start, p.Length = w.Phase, w.Step, w.Start, w.Length
		wg.Go(func() {
			if err := r.Cut(ctx, p); err != nil {
				p.Caveats = append(p.Caveats, Reason(err))
			}
			for j, c := range p.Caveats {
				// What begins with StatisticsBroken must go on beginning with it.
				c, broken := strings.CutPrefix(c, evidence.StatisticsBroken)
				p.Caveats[j] = r.Name + ": " + c
				if broken {
					p.Caveats[j] = evidence.StatisticsBroken + p.Caveats[j]
				}
			}
		})
	}
	wg.Wait()
	for i := range parts {
		fill(w, &parts[i])
	}
	s.own.add(w)
	s.limit(w)
}

// fill adds what a collector measured to w.
func fill(w, p *evidence.Window) {
	w.Statements = append(w.Statements, p.Statements...)
	w.Tables = append(w.Tables, p.Tables...)
	w.Processes = append(w.Processes, p.Processes...)
	w.Jobs = append(w.Jobs, p.Jobs...)
	w.Pools = append(w.Pools, p.Pools...)
	w.Calls = append(w.Calls, p.Calls...)
	w.Holders = append(w.Holders, p.Holders...)
	w.Groups = append(w.Groups, p.Groups...)
	w.Disks = append(w.Disks, p.Disks...)
	if p.Sessions != nil {
		w.Sessions = p.Sessions
	}
	if p.Server != nil {
		w.Server = p.Server
	}
	if p.Host != nil {
		w.Host = p.Host
	}
	switch {
	case p.Database == nil:
	case w.Database == nil:
		w.Database = p.Database
	default: // evictions come from the statements collector, all else from the tables'
		d := p.Database.Dealloc + w.Database.Dealloc
		if p.Database.Limit != 0 {
			w.Database = p.Database
		}
		w.Database.Dealloc = d
	}
	w.Caveats = append(w.Caveats, p.Caveats...)
}

// Running returns the names of the collectors that could be started.
func (s *Set) Running() []string {
	var names []string
	for _, r := range s.running {
		names = append(names, r.Name)
	}
	return names
}

// Lost returns an error when the database has gone: it refuses connections, or
// does not answer, for longer than a restart takes. It may be called at any time.
func (s *Set) Lost() error { return s.hub.health.lost() }

// Overhead returns what observing has cost so far.
func (s *Set) Overhead() evidence.Overhead {
	o := s.own.total()
	o.DatabaseCalls = float64(s.hub.count.sent.Load())
	o.SampleInterval = scenarios.Seconds(s.hub.paced(sampleInterval).Seconds())
	return o
}

// Close ends all collectors and sessions.
func (s *Set) Close() {
	s.watch()
	s.done.Wait()
	for _, r := range slices.Backward(s.running) {
		r.Close()
	}
	if s.hub.shared != nil {
		s.hub.shared.close()
	}
}

// notes serializes.
type notes struct {
	mu sync.Mutex
	to Notes
}

func (n *notes) Texts(texts map[string]evidence.Text) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.to.Texts(texts)
}

func (n *notes) Catalog(ts []evidence.Table) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.to.Catalog(ts)
}

func (n *notes) Missing(k evidence.Kind, reason string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.to.Missing(k, reason)
}
