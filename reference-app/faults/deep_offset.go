package faults

// DeepOffset turns pages by counting through all pages before.
var DeepOffset = &Fault{
	Name: "deep-offset",
	Doc: `the activity feed continues with OFFSET

The dashboard shows what happened on campus since the user was last there. How many
events a user has seen is remembered as a number, and the next ten are read with

    order by at offset $1 limit 10

In the first week the number is small. With a million events, all but the
last few seen, each dashboard reads them all in order and throws them away.

The fix is to remember the last event instead of how many there were, and to go on from
there by the index:

    where at > $1 order by at limit 10`,
	Database: []string{
		// The first year's events, which nobody has thrown away.
		`insert into activity_events
select e.user_id, e.course_id, e.kind, e.at - make_interval(days => 91 * g)
from generate_series(3, 1, -1) g, activity_events e
order by 4`,
		`create table feed_positions as select id as user_id, (select count(*) from activity_events) - 10 * (1 + id % 100) as seen from users`,
		`alter table feed_positions add primary key (user_id)`,
		`analyze activity_events`,
	},
	Switch: func(s *Switches) { s.FeedByOffset = true },
}
