package faults

// QueueBacklog gives the grading queue a single worker.
var QueueBacklog = &Fault{
	Name: "queue-backlog",
	Doc: `submissions arrive faster than one worker grades them

Grading a submission waits a third of a second for a plagiarism check. One worker
therefore grades fewer than three submissions a second. Before a deadline more than
that arrive, and the queue grows for as long as they do: grades come minutes, then
hours late. No request becomes slower and no error is logged, so dashboards stay
green while students wait.

The fix is to work off the queue with more hands than arrivals × duration, here
twenty: the workers only wait for somebody else's server, so they cost next to
nothing. And to watch the age of the oldest job, which is what users feel.`,
	Switch: func(s *Switches) { s.OneGrader = true },
}
