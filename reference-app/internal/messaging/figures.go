package messaging

import "github.com/scalecheck/scalecheck/reference-app/internal/platform/db"

// Figures are what messaging knows about a user in numbers.
var Figures = []db.Figure{
	{Name: "conversations", SQL: `
select count(*)
from conversation_members
where user_id = $1`},
	{Name: "conversations_this_week", SQL: `
select count(*)
from conversation_members m
join conversations c on c.id = m.conversation_id
where m.user_id = $1
  and c.last_message_at > now() - interval '7 days'`},
}
