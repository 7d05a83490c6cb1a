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

Quick jobs may be the ones that pile up while a slow kind in the same queue has the
workers. Then the slow kind is named.

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
	for i, w := range last {
		last[i] = evidence.Window{Start: w.Start, Length: w.Length, Jobs: w.Jobs} // merging all the rest takes long
	}
	w, err := evidence.Merge(last)
	if err != nil {
		return
	}
	seen := map[evidence.JobQueue]bool{}
	for _, j := range w.Jobs {
		growth := j.Waiting - j.Before
		if growth <= sigmas*math.Sqrt(j.Arrived) || growth <= minGrowth*j.Arrived || !rises(last, j) {
			continue
		}
		ahead := takesWorkers(w.Jobs, j)
		if !seen[ahead] {
			seen[ahead] = true
			p.Report(queueFinding(p, j, ahead, float64(w.Length)))
		}
	}
}

// mostWorkers: a kind that keeps more than half of a queue's workers busy decides
// how fast all of the queue is.
const mostWorkers = 0.5

// takesWorkers returns the kind in j's queue that keeps most of its workers busy:
// another one, if j waits behind it, or j itself.
func takesWorkers(js []evidence.JobQueue, j evidence.JobQueue) evidence.JobQueue {
	var busy float64
	most := j
	for _, k := range js {
		if k.Queue != j.Queue {
			continue
		}
		busy += k.Running
		if k.Running > most.Running {
			most = k
		}
	}
	if most.Running > mostWorkers*busy {
		return most
	}
	return j
}

// queueFinding reports that j waits, because of ahead.
func queueFinding(p *Pass, j, ahead evidence.JobQueue, seconds float64) Finding {
	in, out := j.Arrived/seconds, j.Finished/seconds
	// Little's law on the workers: busy = finished a second × duration.
	needed := ahead.Arrived / seconds * ahead.Work
	message := fmt.Sprintf("%s: %.1f arrive a second, %.1f are done; %.0f wait, the oldest for %.0f s", j.Kind, in, out, j.Waiting, j.Oldest)
	if ahead.Kind != j.Kind {
		message += fmt.Sprintf("; %s in the same queue has %.1f workers", ahead.Kind, ahead.Running)
	}
	caveats := []string{fmt.Sprintf("seen over %.0f s of the highest load", seconds)}
	if first := firstWork(p.Run, ahead); first > 0 && ahead.Work > 1.5*first {
		caveats = append(caveats, fmt.Sprintf("the job itself took %.1f times as long as at low load: look at what it waits for first", ahead.Work/first))
	}
	return Finding{
		Bound:   capacity.Workers,
		Subject: Subject{Kind: Job, Name: ahead.Kind, Detail: "queue " + j.Queue},
		Message: message,
		Fails:   true,
		Exhibits: []Exhibit{
			{"arrivals", in, "1/s", "river_job"},
			{"completions", out, "1/s", "river_job"},
			{"waiting", j.Waiting, "jobs", "river_job"},
			{"oldest", j.Oldest, "s", "river_job"},
			{"running on average", ahead.Running, "jobs", "river_job"},
			{"duration of a job", ahead.Work, "s", "river_job"},
			{"workers that the arrivals keep busy", needed, "workers", "Little's law"},
		},
		Remedy:  &Remedy{Title: fmt.Sprintf("at least %.0f workers for %s in a queue of its own, or a shorter job", math.Ceil(needed*1.3), ahead.Kind)},
		Caveats: caveats,
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
