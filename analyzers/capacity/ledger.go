package capacity

// A Key says where requests spend time. Empty fields are unknown or do not apply.
type Key struct {
	Class      Class
	Endpoint   string
	Statement  string // ID
	Dependency string
}

// An Entry is an amount at a key.
type Entry struct {
	Key
	Amount float64
}

// A Ledger holds a step's requests in flight, split additively, and who uses
// the two things that requests queue for.
type Ledger struct {
	Time       []Entry // requests in flight; add up to the step's InFlight, ClassOther included
	CPU        []Entry // cores used: by the app (no statement) and by statements
	Hold       []Entry // connections in use by requests, by what their holders do
	Background []Entry // sessions in the database, and calls, that no request waits for
	// Inferred is the part of Time, by class, that no counter showed but what is
	// otherwise unattributed is taken for. Of ClassQueue: threads that wait for a
	// processor are seen, requests that wait for a thread inside the app's runtime are
	// not. The part that was under way while processors were short is counted as such:
	// all where they were short on average (CPUUse.Saturated), else by
	// evidence.Window.Seconds. Of ClassPool: requests that wait while nearly all
	// sessions that the app ever uses are busy, and wait themselves.
	Inferred map[Class]float64
	// Guessed says that no footprints tell which endpoint a statement belongs
	// to: time in the database was given to endpoints in proportion to their
	// unexplained time, but for sessions that say whom they work for.
	Guessed bool
}
