package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// SmallPool finds pools that are the limit themselves.
var SmallPool = &Analyzer{
	Name:  "small-pool",
	Needs: []evidence.Kind{evidence.Pool},
	Run:   smallPool,
	Doc: `requests wait for a connection although the database has room

A pool with c connections that are held for H seconds each lets c/H through in a
second, and not one more. Where H is as short under load as without, and the
database is far from busy, the number c is the limit. The other way round, a pool
that is full because its holders wait for a lock, a processor or somebody else's
server is a symptom: then this is silent and what they wait for is named.

How to confirm it by hand: watch the pool's own figures (connections in use, time
spent waiting for one), and meanwhile

    SELECT state, wait_event_type, count(*)
    FROM   pg_stat_activity
    WHERE  application_name = '…'
    GROUP  BY 1, 2;

shows mostly "idle".

What to do: more connections, as many as X·H with room to spare, for X acquires a
second. Not as many as one can have: a server works best with a few active sessions
for each processor. Hold them shorter: fewer round trips, nothing else in between.
Connections that never come back are another finding, pool-leak.

When it is wrong: the server has no room for more (max_connections, memory), or H was
as long at the lowest load because something was slow there already.`,
}

const (
	// poolFull: the least of the pool that is in use on average, by a gauge that is
	// read once a second and missed when the app is busiest. That it is short of
	// connections is shown by the waits: longer than the use itself, which takes a
	// utilization of 0.87 with four connections (Erlang C), or bursts.
	poolFull = 0.7
	// flatHold: a hold time that has grown by less is not inflated by the load. In
	// simulations it was 0.96 where the pool was the limit and 17 to 22 where a lock
	// or a processor behind it was.
	flatHold = 1.3
	// innocentHold: the most of the connections that may wait for something behind
	// the pool. Above a third the pool is at least not alone to blame.
	innocentHold = 0.33
)

func smallPool(p *Pass) {
	waited := waitedForPools(p.Window)
	for _, c := range p.Window.Pools {
		if c.Max <= 0 || c.InUse < poolFull*c.Max || c.Acquires <= 0 {
			continue
		}
		seconds := float64(p.Window.Length)
		hold := holdOf(c, seconds)
		if c.Wait < hold*c.Acquires {
			continue
		}
		first, ok := firstHold(p.Run, c)
		_, leaks := leakOf(p.Run, c)
		// Where processors are short, more connections would queue for them instead.
		slowed := ok && hold > flatHold*first || p.Step.CPU.Saturated()
		if leaks || slowed || waitsBehind(p.Step, c.InUse) > innocentHold {
			continue
		}
		blame := p.Step.BlameQueue(func(capacity.Key) float64 { return 0 }, c.Wait/waited, 0)
		rate := c.Acquires / seconds
		message := fmt.Sprintf("pool %s has %.0f connections, %.1f in use for %.1f ms each; %.0f acquires a second wait %.1f ms",
			c.Name, c.Max, c.InUse, 1e3*hold, rate, 1e3*c.Wait/c.Acquires)
		p.Report(Finding{
			Bound:   capacity.Pool,
			Subject: Subject{Kind: Station, Name: "pool " + c.Name},
			Message: message,
			Load:    blame.Load, Share: blame.Share,
			Exhibits: []Exhibit{
				{"connections", c.Max, "", "pool metrics"},
				{"in use on average", c.InUse, "", "pool metrics"},
				{"held for", hold, "s", "pool metrics"},
				{"held for, at the lowest load", first, "s", "pool metrics"},
				{"wait for one", c.Wait / c.Acquires, "s", "pool metrics"},
				{"share of the connections that wait for something behind the pool", waitsBehind(p.Step, c.InUse), "share", "pg_stat_activity"},
			},
			Remedy: &Remedy{Title: fmt.Sprintf("twice the connections for pool %s, and the same load again; or hold them shorter", c.Name)},
		})
	}
}

// waitedForPools returns the seconds that were waited for a connection, in all pools.
func waitedForPools(w evidence.Window) float64 {
	var sum float64
	for _, c := range w.Pools {
		sum += c.Wait
	}
	return sum
}

// holdOf returns for how long a connection is held: as the pool says, or by
// Little's law, connections in use ÷ acquires a second.
func holdOf(c evidence.PoolStats, seconds float64) float64 {
	if c.Acquires <= 0 {
		return 0
	}
	if c.Use > 0 {
		return c.Use / c.Acquires
	}
	return c.InUse * seconds / c.Acquires
}

// firstHold returns the hold time in the first measured window, if it is another.
func firstHold(r *evidence.Run, c evidence.PoolStats) (float64, bool) {
	ws := r.Measured()
	if len(ws) < 2 {
		return 0, false
	}
	for _, first := range ws[0].Pools {
		if h := holdOf(first, float64(ws[0].Length)); first.Name == c.Name && h > 0 {
			return h, true
		}
	}
	return 0, false
}

// waitsBehind returns the share of a pool's connections whose holders wait for
// something behind it: a lock, the disk, the app.
func waitsBehind(s *capacity.Step, inUse float64) float64 {
	var behind float64
	if s.Ledger == nil || inUse <= 0 {
		return 0
	}
	for _, e := range s.Ledger.Hold {
		if e.Class.Waits() {
			behind += e.Amount
		}
	}
	return min(1, behind/inUse)
}
