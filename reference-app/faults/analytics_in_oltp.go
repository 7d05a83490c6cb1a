package faults

// AnalyticsInOLTP aggregates raw events in a user's request.
var AnalyticsInOLTP = &Fault{
	Name: "analytics-in-oltp",
	Doc: `the grades page aggregates all events of the campus

Beside the grades stands a chart: how active was everybody on each day? It is computed
from the raw events, all of them, whenever somebody looks at their grades. That takes a
few tenths of a second of a processor or two. Few users look at their grades, so the
page is not even among the frequent ones; but while it computes, every other page waits
for a processor, and they are the ones that people complain about.

The fix is the rollup that is already there: daily_activity, which a job keeps up to
date and which answers in a millisecond.`,
	Switch: func(s *Switches) { s.ActivityFromEvents = true },
}
