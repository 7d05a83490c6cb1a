package faults

// HotRow counts item views in a single row.
var HotRow = &Fault{
	Name: "hot-row",
	Doc: `all item views update the same row

"How many pages have been read?" is kept in one row of site_counters, and every
view of an item begins its transaction by adding one to it. The row stays locked
until the transaction commits; meanwhile it reads the item, records the user's
progress and waits until the view's event has been written by the batching event
recorder, some fifty milliseconds. All other views of all items by all users queue up
behind it, each holding a connection, until the pool has none left for the pages
that have nothing to do with views. The database and the CPU are idle.

The fix is not to have the row: views are appended to activity_events, in batches
and after the transaction, and counted by a rollup. Where a counter must exist, it
is updated by the last statement before the commit, or split over many rows.`,
	Database: []string{
		`create table site_counters (name text primary key, value bigint not null)`,
		`insert into site_counters (name, value) select 'item_views', count(*) from activity_events where kind = 'item_viewed'`,
	},
	Switch: func(s *Switches) { s.CountViewsInOneRow = true },
}
