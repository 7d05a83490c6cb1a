package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// CacheStampede finds statements that come in herds, at regular intervals.
var CacheStampede = &Analyzer{
	Name:  "cache-stampede",
	Needs: []evidence.Kind{evidence.Statements},
	Run:   cacheStampede,
	Doc: `an expired cache is filled by many at the same time

A result is kept for a while and computed anew when it has expired. Everybody who comes
before the first has finished finds it expired, too, and computes it beside the others:
the more expensive it is, the more they are, and the slower each of them gets. In between
nothing happens. Averages hide it; what users see is that the page hangs now and then.

How to confirm it by hand: sample

    SELECT now(), count(*), query FROM pg_stat_activity
    WHERE  state = 'active' GROUP BY query HAVING count(*) > 2;

once a second, or take the differences of pg_stat_statements.calls over a few seconds:
bursts of one statement, always the same time apart.

What to do: let one fill the cache while the others wait for it or get the old value
(single flight, stale-while-revalidate); refresh before it expires, by a job; let expiry
times differ by some random part.

When it is wrong: a job or a page's own timer sends the statement every so often, and does
so several times on purpose. Three bursts show a period; where a minute of load has only two, they
count if the calls ran side by side, and the report says so.`,
}

const (
	// herd: calls in a burst. One is a cache that is filled as it should be; two may
	// have met by chance.
	herd = 4
	// periodic: a period takes two intervals of about the same length to be seen, and
	// so this many bursts.
	periodic = 3
	// longSlice, in seconds: caches that expire after ten seconds are common, and what
	// is looked at must be shorter than what it should show.
	longSlice = 8
	// goesOn: where between bursts less than this part of the requests is answered, it is
	// they that come in bursts, or something that stands still lets them go together.
	goesOn = 0.5
)

func cacheStampede(p *Pass) {
	for s := range p.ours() {
		if p.Run.Texts[s.ID].Kind != "SELECT" {
			continue
		}
		h := p.herds(s.ID)
		if h == nil {
			continue
		}
		f := p.query(s, statement(s.ID))
		each := 1e3 * s.Seconds / s.Calls
		f.Message = fmt.Sprintf("it comes in bursts of about %.0f calls every %.0f s or so, each of %.0f ms, and hardly in between: a cache that many fill at once",
			h.calls, h.period, each)
		f.Caveats = []string{fmt.Sprintf("the time between bursts is known to within the %.0f s of a slice", h.slice)}
		if h.count < periodic {
			f.Message = fmt.Sprintf("it came in two bursts of about %.0f calls side by side, %.0f s apart, each of %.0f ms, and hardly in between: a cache that many fill at once",
				h.calls, h.period, each)
			f.Caveats = append(f.Caveats, "two bursts show no period: a longer run says whether they come at regular intervals")
		}
		f.Exhibits = append([]Exhibit{
			{"bursts", float64(h.count), "", "pg_stat_statements"},
			{"calls in a burst", h.calls, "", "pg_stat_statements"},
			{"calls that ran at the same time", h.together, "", "pg_stat_statements"},
			{"time from burst to burst", h.period, "s", "pg_stat_statements"},
		}, f.Exhibits...)
		f.Remedy = &Remedy{Title: "one fills the cache, the others wait for it or take the old value"}
		p.Report(f)
	}
}

// herds are a statement's bursts, on average.
type herds struct {
	count           int
	calls, together float64
	period, slice   float64 // seconds
}

// herds finds out whether a statement comes in herds, and returns nil if it does not.
// Who waits for a lock comes in a herd because the lock lets go.
func (p *Pass) herds(id string) *herds {
	h, known := p.kept.herds[id]
	if !known {
		h = p.herdsOf(id)
		p.kept.herds[id] = h
	}
	if h == nil || p.lockedMostly(id) {
		return nil
	}
	return h
}

// herdsOf looks for calls in some slices of the load, hardly any in those between
// although requests are answered there, and about the same time from one to the next.
// Where there are two only, the calls have to have run side by side.
func (p *Pass) herdsOf(id string) *herds {
	all := p.pulse()
	bs, within := all.bursts(id)
	n := float64(len(bs))
	if len(bs) < 2 || all.longest > longSlice {
		return nil
	}
	h := &herds{count: len(bs), slice: all.longest, period: (bs[len(bs)-1].begin - bs[0].begin) / (n - 1)}
	least := bs[0].together()
	for _, b := range bs {
		h.calls += b.calls / n
		h.together += b.together() / n
		least = min(least, b.together())
	}
	senders := p.sendersOf(id)
	during := all.traffic(senders, func(i int) bool { return within[i] })
	between := all.traffic(senders, func(i int) bool { return !within[i] })
	switch {
	case h.calls < herd || between < goesOn*during:
		return nil
	case len(bs) < periodic && least >= herd, len(bs) >= periodic && regular(bs, all.longest):
		return h
	}
	return nil
}

// regular reports whether it is about the same time from burst to burst. Each begins
// anywhere in its slice, and what is filled later expires later.
func regular(bs []burst, slice float64) bool {
	shortest, longest := bs[1].begin-bs[0].begin, 0.0
	fastest, slowest := bs[0].mean(), 0.0
	for i, b := range bs {
		fastest, slowest = min(fastest, b.mean()), max(slowest, b.mean())
		if i > 0 {
			gap := b.begin - bs[i-1].begin
			shortest, longest = min(shortest, gap), max(longest, gap)
		}
	}
	return longest-shortest <= 1.01*slice+slowest-fastest
}

// lockedMostly reports whether the statement spends most of its time waiting for locks.
func (p *Pass) lockedMostly(id string) bool {
	var locked, all float64
	for class, amount := range p.Step.ByClass(id) {
		all += amount
		if class == capacity.ClassLock {
			locked += amount
		}
	}
	return locked > all/2
}

// sendersOf returns the endpoints that sent the statement when they were alone.
func (p *Pass) sendersOf(id string) []string {
	var out []string
	for _, f := range p.Run.Footprints {
		if f.Sends(id) {
			out = append(out, f.Endpoint)
		}
	}
	return out
}
