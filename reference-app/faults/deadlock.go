package faults

// Deadlock updates two rows in random order.
var Deadlock = &Fault{
	Name: "deadlock",
	Doc: `two counters are updated in random order

Every view of an item updates two rows, how many items were opened and how many
minutes were spent, by walking through a map of counters, whose order is another one
each time. The database is in the next zone, a millisecond away, and so much time passes
between the two. Two views that lock the same two rows in opposite order wait for each
other until PostgreSQL ends one of them a second later; the app tries that one again.
During the second both rows are locked, and all other views queue up behind. A single
developer never sees it, and neither does a test with one user at a time.

The fix is to lock in one order everywhere: sort the names before the updates, or
update all of them in one statement. Better, append to activity_events and count
later.`,
	Database: []string{
		`create table activity_counters (name text primary key, value bigint not null)`,
		`insert into activity_counters (name, value) values ('items', 0), ('minutes', 0)`,
	},
	Switch: func(s *Switches) { s.CountInAnyOrder = true },
}
