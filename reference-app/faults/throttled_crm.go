package faults

// ThrottledCRM waits for a third party that throttles.
var ThrottledCRM = &Fault{
	Name: "throttled-crm",
	Doc: `registration waits for a CRM that limits its clients

Registration tells the customer-relations system of each new user before it answers. The
CRM takes two contacts a second and answers 429 to the rest; the app tries again every
tenth of a second until it gets through. In a quiet hour that is a sixth of a second a
registration. When more than two a second register, each waits for those before it, the
refused attempts are most of the traffic, and the CRM's operator calls.

The fix is a job that is enqueued in the user's transaction, a limiter in front of the
client that stays below the CRM's limit, and Retry-After where it comes.`,
	Switch: func(s *Switches) { s.ContactInline = true },
}
