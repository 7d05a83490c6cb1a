package mine

import "time"

// Limits bound what a Miner keeps, so that a log of any length fits into a few
// hundred megabytes. What goes beyond one is counted and said, never dropped in
// silence.
const (
	// MaxSessions is the size of the reservoir. Differences between models
	// that matter (a length KS of 0.03) show with a tenth of it.
	MaxSessions = 50_000
	// MaxCalls is how many requests the sessions of the reservoir have
	// altogether: some 70 bytes each.
	MaxCalls = 2_000_000
	// MaxOpen is how many sessions may be open at once; beyond, the one that
	// was idle for longest is closed early.
	MaxOpen = 200_000
	// MaxLength is the number of requests in a session. People stay far below;
	// what goes on and on is a machine, and is dropped.
	MaxLength = 2_000
	// MaxShapes is how many different requests (method, path without
	// identifiers, names of the query) are told apart.
	MaxShapes = 20_000
	// MaxSkeletons is how many different sequences a persona keeps; of more, a
	// random part is.
	MaxSkeletons = 20_000

	// maxLine is the longest line of a log that is read. Servers cut request
	// lines at 8 to 16 kB.
	maxLine = 1 << 20
)

// DefaultIdle ends a session: the half hour that web analytics has used since
// its beginnings (Catledge and Pitkow, 1995, measured 25.5 minutes).
const DefaultIdle = 30 * time.Minute
