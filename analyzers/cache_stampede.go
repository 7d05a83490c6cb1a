package analyzers

import (
	"fmt"
	"slices"

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
so several times on purpose.`,
}

const (
	// herd: calls in a burst. One is a cache that is filled as it should be; two may
	// have met by chance.
	herd = 4
	// minBursts: a period takes two intervals of about the same length to be seen.
	minBursts = 3
	// quiet: between bursts less than this part of the nearest burst's calls. The herd
	// grows with the load, so that the largest burst of all is no measure.
	quiet = 0.2
)

func cacheStampede(p *Pass) {
	for s := range p.ours() {
		if p.Run.Texts[s.ID].Kind != "SELECT" {
			continue
		}
		b, ok := p.burstsOf(s.ID)
		if !ok {
			continue
		}
		f := p.query(s, statement(s.ID))
		f.Message = fmt.Sprintf("it comes in bursts of about %.0f calls every %.0f s or so, each of %.0f ms, and hardly in between: a cache that many fill at once",
			b.calls, b.period, 1e3*s.Seconds/s.Calls)
		f.Exhibits = append([]Exhibit{
			{"bursts", float64(b.count), "", "pg_stat_statements"},
			{"calls in a burst", b.calls, "", "pg_stat_statements"},
			{"time from burst to burst", b.period, "s", "pg_stat_statements"},
		}, f.Exhibits...)
		f.Remedy = &Remedy{Title: "one fills the cache, the others wait for it or take the old value"}
		f.Caveats = []string{fmt.Sprintf("the time between bursts is known to within the %.0f s of a slice", b.slice)}
		p.Report(f)
	}
}

type bursts struct {
	count                int
	calls, period, slice float64
}

// longSlice, in seconds: caches that expire after ten seconds are common, and what
// is looked at must be shorter than what it should show.
const longSlice = 8

// A pulse is how often each statement was called in each slice of the load.
type pulse struct {
	begins []float64 // of the slices, in seconds since the load began
	slice  float64   // the longest
	calls  map[string][]float64
}

// pulse returns the slices of the load; a window too short to have any is one. A
// statement that is missing from a slice was among the least there: next to none.
func (p *Pass) pulse() *pulse {
	if p.kept.pulse != nil {
		return p.kept.pulse
	}
	var all []evidence.Slice
	for _, w := range p.Run.Windows {
		switch {
		case w.Phase != evidence.Measure && w.Phase != evidence.Settle:
		case len(w.Slices) > 0:
			all = append(all, w.Slices...)
		default:
			all = append(all, wholeOf(w))
		}
	}
	out := &pulse{calls: map[string][]float64{}}
	var at float64
	for i, sl := range all {
		out.begins = append(out.begins, at)
		at += float64(sl.Length)
		out.slice = max(out.slice, float64(sl.Length))
		for _, s := range sl.Statements {
			if out.calls[s.ID] == nil {
				out.calls[s.ID] = make([]float64, len(all))
			}
			out.calls[s.ID][i] += s.Calls
		}
	}
	p.kept.pulse = out
	return out
}

// wholeOf returns the window as one slice.
func wholeOf(w evidence.Window) evidence.Slice {
	whole := evidence.Slice{Start: w.Start, Length: w.Length}
	for _, s := range w.Statements {
		if !s.Nested {
			whole.Statements = append(whole.Statements, evidence.SliceStatement{ID: s.ID, Calls: s.Calls})
		}
	}
	return whole
}

// burstsOf finds a statement's bursts in the slices of the load: calls in some
// slices, hardly any in those between, and about the same time from one to the
// next.
func (p *Pass) burstsOf(id string) (bursts, bool) {
	all := p.pulse()
	series, begins := all.calls[id], all.begins
	b := bursts{slice: all.slice}
	if len(series) == 0 {
		return b, false
	}
	var total float64
	if b.slice > longSlice {
		return b, false // bursts would be lost in it
	}
	var first, last, shortest, longest float64
	var still int
	inside := false
	for i, calls := range series {
		if calls <= quiet*slices.Max(series[max(0, i-1):min(len(series), i+2)]) {
			still++
			inside = false
			continue
		}
		total += calls
		if inside { // a burst that goes on into the next slice
			continue
		}
		inside = true
		if b.count > 0 {
			gap := begins[i] - last
			if b.count == 1 || gap < shortest {
				shortest = gap
			}
			longest = max(longest, gap)
		} else {
			first = begins[i]
		}
		last = begins[i]
		b.count++
	}
	// A burst begins anywhere in its slice, so that gaps differ by one slice at most.
	if b.count < minBursts || still < b.count-1 || total < herd*float64(b.count) || longest-shortest > 1.01*b.slice {
		return b, false
	}
	b.calls = total / float64(b.count)
	b.period = (last - first) / float64(b.count-1)
	return b, true
}
