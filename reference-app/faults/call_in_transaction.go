package faults

// CallInTransaction holds a connection while it calls a third party.
var CallInTransaction = &Fault{
	Name: "call-in-transaction",
	Doc: `item views ask a licence server in a transaction

Some items are licensed, so a view begins a transaction, records the user's progress,
asks the publisher's licence server, a quarter of a second away, and commits. Nobody
minds the quarter of a second. But the call holds a connection meanwhile, and the six
connections of this process make twenty-four views a second. More than that come in the
evening, and then the login page waits for a connection, too. The database and the CPU
are idle.

The fix is to ask before the transaction begins, to keep the answer for as long as it
is valid, and to give the call a timeout.`,
	Switch: func(s *Switches) { s.LicenceInTransaction = true },
}
