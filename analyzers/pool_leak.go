package analyzers

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// PoolLeak finds connections that are taken out of a pool and never given back.
var PoolLeak = &Analyzer{
	Name:  "pool-leak",
	Needs: []evidence.Kind{evidence.Pool},
	Run:   poolLeak,
	Doc: `connections are taken from the pool and never given back

On some path, mostly one that handles an error, a connection is not released: rows that
are not closed, a transaction that is neither committed nor rolled back, a return before
the release. Each such request costs the pool a connection for as long as the process
lives. All is well until the last but one is gone; then everything waits, and a restart
helps, for some hours. A larger pool helps as long as it is larger.

How to confirm it by hand: watch the pool's connections in use when there is no load;
they should be none. The server shows them as idle, for longer than any request takes:

    SELECT pid, state, now() - state_change AS since, query
    FROM   pg_stat_activity
    WHERE  application_name = '…'
    ORDER  BY since DESC;

and query is what was run last on the path that forgets.

What to do: release in a defer, finally or with block that nothing can pass by; let the
pool log who holds a connection for longer than a minute (HikariCP's
leakDetectionThreshold, for one). A larger pool is no remedy.

When it is wrong: connections that are borrowed for longer than the run, such as one for
each open stream, look the same while their number grows.`,
}

const (
	// lost connections, at least. One may be a listener (LISTEN) that was set up late.
	lost = 2
	// beyondChance: three standard errors.
	beyondChance = 3
	// rounding of a number that is read a few times in a window.
	rounding = 0.5
)

func poolLeak(p *Pass) {
	waited := waitedForPools(p.Window)
	for _, c := range p.Window.Pools {
		l, ok := leakOf(p.Run, c)
		if !ok {
			continue
		}
		// With those that are lost there would be room, or not.
		part := l.last / c.InUse
		if c.InUse-l.last < poolFull*c.Max {
			part = 1
		}
		share := 0.0
		if waited > 0 {
			share = part * c.Wait / waited
		}
		blame := p.Step.BlameQueue(func(capacity.Key) float64 { return 0 }, share, 0)
		message := fmt.Sprintf("%.1f of the %.0f connections of pool %s are taken and do not come back; they were %.1f in the beginning",
			l.last, c.Max, c.Name, l.first)
		if left := c.Max - c.InUse; left >= 1 && l.each > 0 {
			message += fmt.Sprintf(", and at this load the rest lasts for %.0f s", left/l.each)
		}
		p.Report(Finding{
			Bound:   capacity.Pool,
			Subject: Subject{Kind: Station, Name: "pool " + c.Name},
			Message: message,
			Load:    blame.Load, Share: blame.Share,
			Fails: true, // what is not full yet will be
			Exhibits: []Exhibit{
				{"connections", c.Max, "", "pool metrics"},
				{"in use on average", c.InUse, "", "pool metrics"},
				{"of them in uses that ended", c.Use / float64(p.Window.Length), "", "pool metrics, Little's law"},
				{"taken and not given back", l.last, "", "pool metrics"},
				{"taken and not given back, in the beginning", l.first, "", "pool metrics"},
			},
			Against: []Exhibit{
				{"sessions that run a statement, of all applications", running(p.Window), "sessions", "pg_stat_activity"},
			},
			Remedy: &Remedy{Title: "release the connection on every path, also after an error: close rows, commit or roll back"},
		})
	}
}

// A leak is how many of a pool's connections are in no use that ends.
type leak struct {
	first, last float64 // in the first and in the last measured window
	each        float64 // more a second, in between; 0 where the times are not known
}

// leakOf returns the pool's leak, and whether it is one: the connections in use
// beyond those that ended uses account for (Little's law), and beyond the
// sessions that were ever busy at once, never become fewer and have become more than
// chance explains: whose transaction waits for a lock has not leaked. Where the pool
// says nothing about uses there is none.
func leakOf(r *evidence.Run, c evidence.PoolStats) (leak, bool) {
	var l leak
	var begun time.Time
	var ended, variance float64 // the largest of a window
	var n int
	for _, w := range r.Measured() {
		i := slices.IndexFunc(w.Pools, func(q evidence.PoolStats) bool { return q.Name == c.Name })
		if i < 0 || w.Length == 0 {
			continue
		}
		q, seconds := w.Pools[i], float64(w.Length)
		out := max(0, q.InUse-max(q.Use/seconds, busiest(w)))
		ended = max(ended, q.Use/seconds)
		// The number in use is a gauge that is read every other second. Without a
		// queue its variance is its mean (M/G/∞).
		variance = max(variance, q.Use/seconds/max(1, seconds/2))
		middle := w.Start.Add(w.Length.Duration() / 2)
		if n == 0 {
			l.first, begun = out, middle
		} else if out < l.last-beyondChance*math.Sqrt(2*variance)-rounding {
			return leak{}, false // what is borrowed for long comes back some time
		}
		if since := middle.Sub(begun).Seconds(); since > 0 {
			l.each = (out - l.first) / since
		}
		l.last = out
		n++
	}
	return l, ended > 0 && l.last-l.first >= max(lost, beyondChance*math.Sqrt(2*variance))
}

// busiest returns how many sessions were not idle when most were.
func busiest(w evidence.Window) float64 {
	if w.Sessions == nil {
		return 0
	}
	return max(float64(w.Sessions.Peak), running(w))
}

// running returns how many sessions ran a statement, or waited in one, on average.
func running(w evidence.Window) float64 {
	if w.Sessions == nil {
		return 0
	}
	var n float64
	for _, a := range w.Sessions.Activity {
		if a.State == "active" && a.Backend == evidence.ClientBackend {
			n += a.AAS
		}
	}
	return n
}
