package identity

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what identity knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "days_here", SQL: `
select coalesce(max(extract(day from now() - created_at)), 0)::bigint
from users
where id = $1`},
}
