package analyzers

import (
	"fmt"
	"math"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// QueueBacklog finds background jobs that arrive faster than they are done.
var QueueBacklog = &Analyzer{
	Name:  "queue-backlog",
	Needs: []evidence.Kind{evidence.Jobs},
	Run:   queueBacklog,
	Doc: `jobs arrive faster than the workers finish them

Every page is fast, and the mail comes tomorrow. A queue whose arrival rate is
above its service rate grows without limit; it does not level out, and it is
drained only by a quiet night. By then users have pressed the button again.

How to confirm it by hand, twice, a minute apart:

    SELECT queue, kind, count(*), now() - min(scheduled_at) AS oldest
    FROM   river_job
    WHERE  state = 'available'
    GROUP  BY queue, kind;

What to do: make the job shorter, give its kind a queue with enough workers of its
own (workers ≥ arrival rate × duration, with room to spare), or do less of it. More
workers help only while the job waits for something that has room; when it waits
for a rate limit, they make it worse.

When it is wrong: a batch arrived at once and is being worked off. The finding
needs growth in the highest step that chance does not explain, but it has seen a
minute of your day.`,
}

// sigmas: arrivals are counts, and a count of n varies by √n (Poisson). Growth by
// less than three times that is chance. What busy workers complete hardly varies.
const sigmas = 3

// minGrowth: the part of the arrivals by which the queue must grow. Below it the
// queue is about balanced, and a longer look is needed to say which way it goes.
const minGrowth = 0.1

func queueBacklog(p *Pass) {
	last := lastStep(p.Run)
	w, err := evidence.Merge(last)
	if err != nil {
		return
	}
	for _, j := range w.Jobs {
		growth := j.Waiting - j.Before
		if growth <= sigmas*math.Sqrt(j.Arrived) || growth <= minGrowth*j.Arrived || !rises(last, j) {
			continue
		}
		seconds := float64(w.Length)
		in, out := j.Arrived/seconds, j.Finished/seconds
		// Little's law on the workers: busy = finished a second × duration.
		needed := in * j.Work
		detail := "queue " + j.Queue
		caveats := []string{fmt.Sprintf("seen over %.0f s of the highest load", seconds)}
		if first := firstWork(p.Run, j); first > 0 && j.Work > 1.5*first {
			caveats = append(caveats, fmt.Sprintf("the job itself took %.1f times as long as at low load: look at what it waits for first", j.Work/first))
		}
		p.Report(Finding{
			Bound:   capacity.Workers,
			Subject: Subject{Kind: Job, Name: j.Kind, Detail: detail},
			Message: fmt.Sprintf("%s: %.1f arrive a second, %.1f are done; %.0f wait, the oldest for %.0f s", j.Kind, in, out, j.Waiting, j.Oldest),
			Fails:   true,
			Exhibits: []Exhibit{
				{"arrivals", in, "1/s", "river_job"},
				{"completions", out, "1/s", "river_job"},
				{"waiting", j.Waiting, "jobs", "river_job"},
				{"oldest", j.Oldest, "s", "river_job"},
				{"running on average", j.Running, "jobs", "river_job"},
				{"duration of a job", j.Work, "s", "river_job"},
				{"workers that the arrivals keep busy", needed, "workers", "Little's law"},
			},
			Remedy:  &Remedy{Title: fmt.Sprintf("at least %.0f workers for %s in a queue of its own, or a shorter job", math.Ceil(needed*1.3), j.Kind)},
			Caveats: caveats,
		})
	}
}

// lastStep returns the windows of the highest step with load on, settling
// included: a queue does not wait for the measurement to begin.
func lastStep(r *evidence.Run) []evidence.Window {
	top := -1
	for _, w := range r.Windows {
		if w.Phase == evidence.Measure {
			top = max(top, w.Step)
		}
	}
	var out []evidence.Window
	for _, w := range r.Windows {
		if (w.Phase == evidence.Measure || w.Phase == evidence.Settle) && w.Step == top {
			out = append(out, w)
		}
	}
	return out
}

// rises reports whether the queue grew in every one of the windows.
func rises(ws []evidence.Window, j evidence.JobQueue) bool {
	for _, w := range ws {
		for _, k := range w.Jobs {
			if k.Queue == j.Queue && k.Kind == j.Kind && k.Waiting < k.Before {
				return false
			}
		}
	}
	return true
}

func firstWork(r *evidence.Run, j evidence.JobQueue) float64 {
	for _, w := range r.Windows {
		for _, k := range w.Jobs {
			if k.Queue == j.Queue && k.Kind == j.Kind && k.Work > 0 {
				return k.Work
			}
		}
	}
	return 0
}
