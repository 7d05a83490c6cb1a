package faults

// RoundTrips asks a database in another region for one figure at a time.
var RoundTrips = &Fault{
	Name: "round-trips",
	Doc: `the dashboard asks for one figure after the other, far away

The dashboard shows the user in numbers: items read, assignments handed in, best grade,
conversations of this week. Each module came with figures of its own, each figure with a
statement of its own, some twenty, different ones, each indexed and done in a tenth of a
millisecond. The app was moved to another region than its database, twelve milliseconds
away, and each statement waits for the answer to the one before. That is a third of a
second in which neither app nor database does anything. The pool was doubled when it
happened, which changed nothing: nobody waits for a connection.

The fix is to send what does not depend on each other's answers in one batch (pipeline
mode, a round trip for all), or as one statement with a sub-select for each figure; and
an app next door to its database.`,
	Switch: func(s *Switches) { s.FigureByFigure = true },
}
