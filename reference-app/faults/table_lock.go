package faults

// TableLock has a script of somebody else lock a table.
var TableLock = &Fault{
	Name: "table-lock",
	Doc: `a script locks the notifications while it copies them

A script of the operations team archives old notifications: every second it locks the
whole table in ACCESS EXCLUSIVE mode, reads a batch, uploads it somewhere, six tenths
of a second, and commits. Meanwhile nobody can read a notification. The dashboard, the
notifications page and the unread counter wait, with their connections, and soon
everybody waits for those. The statements that wait have not even been parsed, so
that no statistics of statements show their wait, and the app's code is innocent.

The fix is in the script: a batch is read without any lock (a repeatable-read
snapshot does not change either), uploaded outside of the transaction, and deleted by
id afterwards. Scripts and migrations set lock_timeout.`,
	Switch: func(s *Switches) { s.LockedArchive = true },
}
