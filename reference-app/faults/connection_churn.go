package faults

// ConnectionChurn opens a connection for each statement.
var ConnectionChurn = &Fault{
	Name: "connection-churn",
	Doc: `every use of the database opens a connection

The web side closes each connection after its first use, as scripts without a pool do.
Every statement or transaction therefore begins with a new connection: a new process in
the server, a password check that is slow on purpose, and caches to be filled. That is
milliseconds of CPU for a statement of a tenth of one, and at a hundred requests a
second the machine does little else.

The fix is a pool that keeps its connections: as many idle ones as open ones, for at
least minutes.`,
	Switch: func(s *Switches) { s.ConnectEachTime = true },
}
