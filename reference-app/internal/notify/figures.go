package notify

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what notify knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "days_since_news", SQL: `
select coalesce(extract(day from now() - max(created_at)), 0)::bigint
from notifications
where user_id = $1`},
	{Name: "news_this_week", SQL: `
select count(*)
from notifications
where user_id = $1
  and created_at > now() - interval '7 days'`},
	{Name: "days_since_read", SQL: `
select coalesce(max(extract(day from now() - read_through)), 0)::bigint
from inboxes
where user_id = $1`},
}
