package faults

// SyncEmail sends the welcome mail inside the registration request.
var SyncEmail = &Fault{
	Name: "sync-email",
	Doc: `registration waits for the mail provider

After the user has been committed, the request opens an SMTP connection, delivers
the welcome mail and only then responds. The provider takes the better part of a
second, which every new user waits; when it throttles or is down, registration
fails although the account exists, and trying again says that the address is taken.
Neither database nor CPU has anything to do, so no server will make it faster.

The fix is to enqueue the mail as a job in the same transaction as the user: both
are committed or neither, the response leaves at once, and a worker delivers, and
retries, at the provider's pace.`,
	Switch: func(s *Switches) { s.MailInline = true },
}
