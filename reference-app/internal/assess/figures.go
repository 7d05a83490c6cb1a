package assess

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what assess knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "submissions", SQL: `
select count(*)
from submissions
where user_id = $1`},
	{Name: "submissions_this_week", SQL: `
select count(*)
from submissions
where user_id = $1
  and submitted_at > now() - interval '7 days'`},
	{Name: "assignments_done", SQL: `
select count(distinct assignment_id)
from submissions
where user_id = $1`},
	{Name: "grades", SQL: `
select count(*)
from grades
where user_id = $1`},
	{Name: "best_grade", SQL: `
select coalesce(max(score), 0)::bigint
from grades
where user_id = $1`},
	{Name: "average_grade", SQL: `
select coalesce(round(avg(score)), 0)::bigint
from grades
where user_id = $1`},
}
