package faults

// StaleStats leaves the planner with statistics from before the work was done.
var StaleStats = &Fault{
	Name: "stale-stats",
	Doc: `statistics are from before the backlog was done

Messages are reviewed by moderators, and the dashboard shows how many still wait. When
the table of reviews was imported and analyzed, all of them waited; since then all but a
few have been done, and autovacuum had been switched off for the table to speed the
import up. PostgreSQL still believes that the rows which wait are all rows. To count all
rows it reads the table, past an index that would find the fifty there are, and the
estimate in the plan is off by a factor of ten thousand.

The fix is to analyze after an import, and to leave autovacuum on:

    alter table message_reviews reset (autovacuum_enabled);
    analyze message_reviews;`,
	Database: []string{
		`create table message_reviews (id bigint primary key, state text not null) with (autovacuum_enabled = off)`,
		`create index message_reviews_state_idx on message_reviews (state)`,
		`insert into message_reviews select g, 'waiting' from generate_series(1, 500 * (select count(*) from users)) g`,
		`analyze message_reviews`,
		`truncate message_reviews`,
		`insert into message_reviews select g, 'done' from generate_series(1, 500 * (select count(*) from users) - 50) g`,
		`insert into message_reviews select 500 * (select count(*) from users) - 50 + g, 'waiting' from generate_series(1, 50) g`,
	},
	Switch: func(s *Switches) { s.CountReviews = true },
}
