package faults

// FKIndex leaves a foreign key without an index on the side that refers.
var FKIndex = &Fault{
	Name: "fk-index",
	Doc: `a foreign key has no index on the side that refers

What a user reads is kept as one reading with its events, and opening an item deletes
the user's previous reading. The events refer to the reading with ON DELETE CASCADE,
so PostgreSQL looks for a deleted reading's events. With no index on reading_id it
reads the whole table, once for each row deleted, inside the DELETE of a single row by
primary key. The statement's plan is flawless; the time is in a trigger that only
EXPLAIN ANALYZE shows. Item views keep all cores busy, and the more events there are
the busier.

The fix is the index that PostgreSQL does not make by itself:

    create index reading_events_reading_id_idx on reading_events (reading_id);`,
	Database: []string{
		`create table readings (id bigint generated always as identity primary key, user_id bigint not null, item_id bigint not null)`,
		`create index readings_user_id_idx on readings (user_id)`,
		`create table reading_events (reading_id bigint not null, kind text not null, at timestamptz not null default now())`,
		`insert into readings (user_id, item_id) select id, 1 from users order by id`,
		`insert into reading_events (reading_id, kind) select r.id, 'scrolled' from generate_series(1, 1800) g, readings r`,
		`alter table reading_events add foreign key (reading_id) references readings (id) on delete cascade`,
		`analyze readings, reading_events`,
	},
	Switch: func(s *Switches) { s.OneReadingPerUser = true },
}
