package faults

// ConnectionChurn opens connections all the time.
var ConnectionChurn = &Fault{
	Name: "connection-churn",
	Doc: `connections are closed after two statements

The web side closes each connection after two uses, several in a request, as a pool does
that keeps none idle or whose lifetime was set in the wrong unit. A new one is a new
process in the server, a password check that is slow on purpose, statements to be
prepared and caches to be filled: more CPU than the request itself, and at a hundred
requests a second the machine does little else.

The fix is a pool that keeps its connections: as many idle ones as open ones, for at
least minutes.`,
	Switch: func(s *Switches) { s.ShortConnections = true },
}
