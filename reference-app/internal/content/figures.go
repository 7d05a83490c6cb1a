package content

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what content knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "items_read", SQL: `
select count(*)
from progress
where user_id = $1`},
	{Name: "items_read_this_week", SQL: `
select count(*)
from progress
where user_id = $1
  and completed_at > now() - interval '7 days'`},
	{Name: "courses_begun", SQL: `
select count(distinct course_id)
from progress
where user_id = $1`},
	{Name: "days_of_reading", SQL: `
select count(distinct (completed_at at time zone 'UTC')::date)
from progress
where user_id = $1`},
}
