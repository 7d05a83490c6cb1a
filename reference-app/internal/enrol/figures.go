package enrol

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what enrol knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "courses", SQL: `
select count(*)
from enrolments
where user_id = $1`},
	{Name: "courses_taught", SQL: `
select count(*)
from enrolments
where user_id = $1
  and role = 'instructor'`},
	{Name: "days_since_first_course", SQL: `
select coalesce(extract(day from now() - min(enrolled_at)), 0)::bigint
from enrolments
where user_id = $1`},
	{Name: "days_since_last_course", SQL: `
select coalesce(extract(day from now() - max(enrolled_at)), 0)::bigint
from enrolments
where user_id = $1`},
}
