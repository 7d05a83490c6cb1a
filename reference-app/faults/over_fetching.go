package faults

// OverFetching loads whole rows where a title is needed.
var OverFetching = &Fault{
	Name: "over-fetching",
	Doc: `the dashboard loads whole courses to show their titles

Courses have a syllabus, a JSON document of two hundred kilobytes and more. The dashboard
needs a title for each of the user's ten courses and loads them the way the mapper does:

    select * from courses where id = any($1)

Two megabytes and more travel for each dashboard: read from the table's overflow, made into
text, sent, parsed into maps and thrown away. No list of slow statements shows it, since
the statement finds ten rows by primary key.

The fix is to name the columns that are needed: select id, title.`,
	Database: []string{
		`alter table courses add column syllabus jsonb`,
		`update courses c
set syllabus = (
  select jsonb_agg(jsonb_build_object('week', g, 'topic', md5(c.id::text || g::text), 'minutes', g % 90))
  from generate_series(1, 5000) g
)`,
	},
	Switch: func(s *Switches) { s.WholeCourses = true },
}
