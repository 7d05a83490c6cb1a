package faults

// AdvisoryLock makes item views of all users wait for each other.
var AdvisoryLock = &Fault{
	Name: "advisory-lock",
	Doc: `all item views take the same advisory lock

To be sure that a view is counted once, every view of an item begins its transaction
with pg_advisory_xact_lock of one and the same key, reads the item, records the
user's progress and waits until the view's event has been written by the batching
event recorder, some fifty milliseconds. Views of different items by different users
have nothing to do with each other and queue up all the same, each holding a
connection. Nothing is written to a row that could be found, and the lock is in no
schema.

The fix is to let the database keep what must be unique: the primary key of progress
counts each view once, whoever comes first. Where a lock must be, its key names what
it protects, here the user and the item.`,
	Switch: func(s *Switches) { s.OneViewAtATime = true },
}
