// Package referenceapp is Campus: a learning management system with dashboards
// and messaging, small enough to read in an evening and real enough to break the
// way grown applications break.
//
// It is a modular monolith, one process on one PostgreSQL:
//
//	HTTP ──▶ internal/platform/web ──▶ modules ──▶ web pool ─────▶ PostgreSQL
//	                                      │ enqueue in the           ▲
//	                                      ▼ same transaction         │
//	                                 internal/jobs (River) ──▶ worker pool
//	                                      │
//	                                      └──▶ mail provider, third parties (internal/outside)
//
// Modules are the packages below internal. Each owns its tables, created and
// seeded by schema/<module>.sql, and no other touches them; what a module needs of
// another it asks for through a small interface it declares itself. No foreign key
// crosses a module's boundary. What all stand on is in internal/platform.
//
// The app is healthy as it is: every statement is served by an index, nothing
// external happens inside a request, queues have enough workers. Package faults
// lists what can be made wrong with it, and [Config].Faults turns that on. It knows
// nothing of the tool that examines it.
//
// # Endpoints
//
// All under /api/v1 take and give JSON. Errors are {"error": "…"}. Everything but
// register and login needs the session cookie that those two set.
//
//	POST /api/v1/register                     {email, name, password} → {message, user_id}
//	POST /api/v1/login                        {email, password} → {user_id, role}
//	POST /api/v1/logout
//	GET  /api/v1/me/dashboard                 {courses[{id, title, role, progress_percent}], assignments[{id, …}], unread, notifications[]}
//	GET  /api/v1/courses?page=&q=             {courses[{id, title, …}], next_page}
//	GET  /api/v1/courses/{id}                 {id, title, progress_percent, sections[], items[{id, completed, …}], assignments[{id, …}]}
//	POST /api/v1/courses/{id}/enrol           → {course_id}
//	GET  /api/v1/items/{id}                   {id, course_id, kind, title, body}
//	GET  /api/v1/assignments/{id}             {id, course_id, title, instructions, due_at, submissions[]}
//	POST /api/v1/assignments/{id}/submit      {text} → {submission_id}
//	GET  /api/v1/me/grades                    {grades[{submission_id, assignment_id, score, …}]}
//	GET  /api/v1/courses/{id}/gradebook?page= {students[{user_id, name, scores[]}], next_page}; instructors
//	GET  /api/v1/notifications?page=          {unread, notifications[{id, title, read, …}], next_page}
//	GET  /api/v1/notifications/unread-count   {unread}
//	POST /api/v1/notifications/read
//	GET  /api/v1/conversations                {conversations[{id, subject, last_message_at}]}
//	GET  /api/v1/conversations/{id}/messages?page= {messages[{id, author, body, …}], next_page}
//	POST /api/v1/conversations/{id}/messages  {body} → {id}
//	GET  /api/v1/courses/{id}/forum           {threads[{id, title, posts, …}]}
//	GET  /api/v1/threads/{id}?page=           {id, course_id, title, posts[{id, author, body, …}], next_page}
//	POST /api/v1/threads/{id}/posts           {body} → {id}
//	GET  /api/v1/admin/analytics              {days[{day, kind, events, users}]}; administrators
//	POST /api/v1/announcements                {course_id, title, body} → {id}; instructors
//	GET  /api/v1/search?q=                    {results[{kind, id, title}]}
//	GET  /healthz                             200 while the database answers
//	GET  /metrics                             OpenTelemetry's metrics as Prometheus text
//	GET  /                                    this list
//
// # Seeded users
//
// Users are user1@example.test, user2@example.test, …, all with the password
// "scalecheck". Every 20th teaches, every 100th administers, the others are
// students with eight to twelve courses.
package referenceapp
