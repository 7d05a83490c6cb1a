package faults

// NPlusOne computes the dashboard's progress bars one item at a time.
var NPlusOne = &Fault{
	Name: "n-plus-one",
	Doc: `the dashboard asks for progress item by item

For each course of the user, for each item of the course, one query: "has this user
completed this item?" Each takes a fraction of a millisecond and is perfectly
indexed, so no list of slow queries will ever show it. But a student with ten
courses of thirty items sends three hundred of them per dashboard, one after the
other, each borrowing a connection from the pool. The page is slow when the system
is idle, and at a few dashboards a second the round trips alone fill the machine.

The fix is to ask once, for all courses: an aggregate over the user's progress
joined to an aggregate over the items, grouped by course.`,
	Switch: func(s *Switches) { s.ProgressPerItem = true },
}
