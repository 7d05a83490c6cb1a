package capacity

// A Class is what a request is doing while it spends time.
type Class string

const (
	ClassCPU      Class = "cpu"      // a statement or the app on a processor
	ClassQueue    Class = "queue"    // ready to run, no processor
	ClassIO       Class = "io"       // reading or writing data files
	ClassCommit   Class = "commit"   // waiting for the log to be flushed
	ClassLock     Class = "lock"     // waiting for a row, a table or an advisory lock
	ClassLatch    Class = "latch"    // waiting for a lightweight lock inside PostgreSQL
	ClassNetwork  Class = "network"  // sending the result, or between two statements
	ClassPool     Class = "pool"     // waiting for a connection
	ClassExternal Class = "external" // waiting for a dependency
	ClassSleep    Class = "sleep"    // asleep on purpose (pg_sleep, a delay)
	ClassOther    Class = "other"    // measured as time of the request, but not what it was
)

// A Key says where requests spend time. Empty fields are unknown or do not apply.
type Key struct {
	Class      Class
	Endpoint   string // "" for work that no endpoint's footprint explains: background
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
	Time []Entry // requests in flight; amounts of endpoints add up to the step's InFlight
	CPU  []Entry // cores used, by whom: app (no statement) and statements
	Hold []Entry // connections in use, by what their holders do
	// Background is work in the database that no request waits for: jobs, autovacuum.
	Background []Entry
}
