package faults

// PoolLeak forgets a connection on a path that is seldom taken.
var PoolLeak = &Fault{
	Name: "pool-leak",
	Doc: `views of withdrawn items keep their connection for ever

Some items have been withdrawn by their authors: one in twenty. A view takes a connection
from the pool, sees that the item is one of those, and returns what is shown instead, but
the connection it does not. Each of these views leaves the pool one connection smaller.
Nobody notices until the last one is gone; from then on every request waits for two
seconds, the deadline that requests have here, and fails, whatever it wanted. The
database and the CPU have nothing to do. A restart helps, and a larger pool helps for a
while, so that is what is done every few hours.

The fix is to release where the connection was taken, in a defer, so that no return can
pass by; or to let the pool do it (pool.QueryRow, pgx.BeginFunc), as everywhere else in
this app.`,
	Database: []string{
		`create table withdrawn_items (item_id bigint primary key)`,
		`insert into withdrawn_items select id from content_items where id % 20 = 7`,
		`analyze withdrawn_items`,
	},
	Switch: func(s *Switches) { s.WithdrawnKeepConnections = true },
}
