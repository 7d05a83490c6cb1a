package faults

// AnalyticsInOLTP aggregates raw events in a user's request.
var AnalyticsInOLTP = &Fault{
	Name: "analytics-in-oltp",
	Doc: `the notifications aggregate all events of the campus

Beside the notifications stands a chart: how active was everybody on each day? It is
computed from the raw events of two terms, all of them, whenever somebody opens the
page. That takes a few tenths of a second of a processor. It is one request in sixteen,
not even among the frequent ones; but while it computes, every other page waits for a
processor, and they are the ones that people complain about.

The fix is the rollup that is already there: daily_activity, which a job keeps up to
date and which answers in a millisecond.`,
	Database: []string{
		`insert into activity_events (user_id, course_id, kind, at) select user_id, course_id, kind, at - interval '90 days' from activity_events`,
		`analyze activity_events`,
	},
	Switch: func(s *Switches) { s.ActivityFromEvents = true },
}
