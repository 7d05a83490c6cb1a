package faults

// GenericPlan plans all statements without their values.
var GenericPlan = &Fault{
	Name: "generic-plan",
	Doc: `plans are made without the values, past a partial index

Notifications can be archived, as many of the last term are, almost all reads are of
those that are not, and so the index is a partial one: where not archived. The state
comes as a parameter, archived = $4. Somebody has set plan_cache_mode to
force_generic_plan, because planning takes longer than many a statement. A plan for any
value must not use an index that leaves some values out: the dashboard and the
notifications page read the whole table, and in psql, where the value is written into
the statement, they are fast.

The fix is to leave plan_cache_mode at auto, which makes custom plans while they are
cheaper, or to write the condition of the index into the statement: and not archived.`,
	Database: []string{
		`alter table notifications add column archived boolean not null default false`,
		`insert into notifications (user_id, kind, title, body, created_at, archived)
select user_id, kind, title, body, created_at - interval '90 days', true from notifications where id % 4 = 0`,
		`drop index notifications_user_id_created_at_idx`,
		`create index notifications_user_id_created_at_idx on notifications (user_id, created_at desc) where not archived`,
		`analyze notifications`,
		set("plan_cache_mode", "force_generic_plan"),
	},
	Switch: func(s *Switches) { s.ArchivedByParameter = true },
}
