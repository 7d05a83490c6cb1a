package faults

// CacheStampede lets everybody fill an expired cache at the same time.
var CacheStampede = &Fault{
	Name: "cache-stampede",
	Doc: `an expired cache is filled by everybody at once

The dashboard shows the courses that most people visit on most days. Counting that takes
some tenths of a second, so the result is cached for ten seconds. When it expires, every dashboard that
comes before somebody has counted anew counts as well: ten or twenty do the same work
side by side, which makes each of them slower, which lets more come. In between nothing
happens at all. Averages over a minute show a healthy system; every ten seconds, for a
second or two, nobody gets a processor.

The fix is that one fills and the others wait for it or take the old value (single
flight), or that a job fills it before it expires.`,
	Switch: func(s *Switches) { s.PopularTogether = true },
}
