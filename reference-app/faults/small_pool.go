package faults

// SmallPool has too few connections for the way to the database.
var SmallPool = &Fault{
	Name: "small-pool",
	Doc: `four connections to a database in another region

The app was moved to another region than its database, twenty milliseconds away, and its
pool still has the four connections that somebody once chose for a small server.
Every statement holds a connection for a round trip. Four of them carry two hundred
statements a second, and fewer than eighty requests; the rest wait for a connection,
while the database has nothing to do.

The fix is a pool as large as statements a second × time that each holds a connection,
with room to spare: here twenty. And fewer round trips, or a database next door.`,
	Switch: func(s *Switches) { s.FewConnectionsFarAway = true },
}
