package faults

// OldSnapshot leaves a transaction of the morning open.
var OldSnapshot = &Fault{
	Name: "old-snapshot",
	Doc: `a report's forgotten session keeps a morning's dead rows

The dashboard shows how many users are here, and who opens it is noted in presence: a
small table of who is here now, a row for each, inserted when somebody comes and deleted
when they leave. In the morning somebody began a REPEATABLE READ transaction in a
reporting tool, read a table and went away. Its snapshot may still see every row that
has died since, so VACUUM may not remove one: presence has a few hundred rows and the
remains of millions, and counting them reads all of them at each dashboard.
Nothing in the app has changed, no lock is waited for, VACUUM runs and does nothing.

The fix is to end the session and to VACUUM; and so that it does not happen again,
idle_in_transaction_session_timeout for the role of the reporting tool, or a standby for
reports.`,
	Database: []string{
		`create table presence (user_id bigint primary key, seen_at timestamptz not null)`,
	},
	Switch: func(s *Switches) { s.ForgottenReport = true },
}
