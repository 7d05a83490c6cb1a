package faults

// MissingIndex drops the index that serves "my newest notifications".
var MissingIndex = &Fault{
	Name: "missing-index",
	Doc: `notifications are searched without an index

The dashboard and the notifications page ask for one user's newest notifications:

    where user_id = $1 and created_at < $2 order by created_at desc limit $3

With nothing but a primary key on id, PostgreSQL reads the whole table and sorts
what it finds. On the developer's machine with a thousand rows nobody notices. With
hundreds of thousands each request burns tens of milliseconds of CPU, and the two
most visited pages keep all cores busy: every other page becomes slow as well.

The fix is one composite index, equality column first, order column second:

    create index notifications_user_id_created_at_idx
    on notifications (user_id, created_at desc);

An index on user_id alone is half a fix: the most notified users still have all
their rows read and sorted.`,
	Database: []string{
		`drop index notifications_user_id_created_at_idx`,
	},
}
