package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// StarvedServer finds servers that could run and are not let: by a quota, or by
// neighbours.
var StarvedServer = &Analyzer{
	Name:  "starved-server",
	Needs: []evidence.Kind{evidence.Processes},
	Run:   starvedServer,
	Doc: `ready to run, but somebody else has the processors

A container's CPU quota stops all of its processes for the rest of every tenth of a
second once it is used up. A neighbour on the same machine, or the hypervisor's other
guests, have the same effect. Every statement becomes slow at once, the one that uses
most processor time most of all, and its plan is the same as ever: a query is blamed
that is innocent. pg_stat_activity shows sessions without a wait event, as if they
were running.

How to confirm it by hand: nr_throttled and throttled_usec in the cpu.stat of the
server's control group; /proc/pressure/cpu; and the second figure of
/proc/<pid>/schedstat, nanoseconds ready without a processor, against the first.

What to do: raise the quota, or move the neighbour. Where the quota is meant to be
there, it is the capacity: do less work, beginning with the statements that use most
of it.

When it is wrong: nobody is in the way but the application itself, because it simply
needs more than there is. That is not this finding: it needs a quota that was hit, or
processor time that went to none of the known processes.`,
}

const (
	// waitsMore: at a utilization of one half, what waits for a processor is
	// about as much as what runs (M/M/1); beyond, it is short.
	waitsMore = 1
	// heldBack: the part of the time that a quota must have stopped a process.
	// A group that is throttled now and then at the end of a period loses less.
	heldBack = 0.05
	// taken: the part of the machine that others must have had.
	taken = 0.1
)

func starvedServer(p *Pass) {
	c := p.Step.CPU
	ready := c.AppQueue + c.PostgresQueue
	run := c.App + c.Postgres
	h := p.Window.Host
	if h == nil || c.Cores == 0 || run == 0 {
		return
	}
	seconds := float64(p.Window.Length)
	throttled := h.Throttled / seconds
	role, held := limited(p.Window)
	foreign := c.Foreign + c.Steal
	var cpu float64
	var why, remedy string
	switch {
	case throttled >= heldBack || held >= heldBack:
		// A process that is held back counts as ready. While the machine has
		// processors to spare, nothing but the quota is in its way.
		cpu = 1
		if c.Utilization() >= 1-taken {
			cpu = min(1, throttled/max(ready, throttled))
		}
		why = fmt.Sprintf("a CPU quota held processes back for %.1f s in a second", throttled)
		if role != "" {
			why = fmt.Sprintf("the CPU quota of %s was used up in %.0f %% of its periods", role, 100*held)
		}
		remedy = "a higher CPU quota, or less work for the processor"
	case foreign >= taken*c.Cores && c.Saturated() && ready >= waitsMore*run:
		cpu = foreign / (run + foreign + c.Generator + c.Recorder)
		why = fmt.Sprintf("other processes had %.1f of %.0f cores", foreign, c.Cores)
		remedy = "the same run on a machine without neighbours"
	default:
		return
	}
	blame := p.Step.BlameQueue(func(capacity.Key) float64 { return 0 }, 0, cpu)
	p.Report(Finding{
		Bound:   capacity.CPU,
		Subject: Subject{Kind: Station, Name: "processors", Detail: role},
		Message: fmt.Sprintf("%s while the app and PostgreSQL had %.1f and %.1f more were ready to run", why, run, ready),
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"used by the app and PostgreSQL", run, "cores", "schedstat"},
			{"ready, but without a processor", ready, "threads", "schedstat"},
			{"held back by a quota", throttled, "s/s", "cgroup cpu.stat"},
			{"periods in which the quota ran out", held, "share", "cgroup cpu.stat"},
			{"used by other processes", foreign, "cores", "/proc/stat"},
		},
		Remedy: &Remedy{Title: remedy},
	})
}

// limited returns the role whose quota ran out most often, and in which share of
// the periods; no role where no control group tells.
func limited(w evidence.Window) (role string, held float64) {
	for _, g := range w.Groups {
		if !g.Root && g.Periods > 0 && g.Held/g.Periods > held {
			role, held = g.Role, g.Held/g.Periods
		}
	}
	return role, held
}
