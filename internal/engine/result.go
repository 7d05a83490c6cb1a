package engine

import (
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A Result is the outcome of one request, redirects included.
type Result struct {
	Endpoint    string // route, "GET /api/v1/courses/{id}"
	Method, URL string // as sent
	Intended    time.Time
	Start       time.Time // when it was sent
	End         time.Time // when the answer had been read, or the request had failed
	Status      int       // of the last answer; 0 without one
	Bytes       int64     // of the body, decompressed
	// Err is empty when the answer was as expected, else its kind, from a small
	// set without addresses: "connection refused", "timeout", "status 500",
	// "check: body", "redirect refused", "body too large", …
	Err  string
	User int  // number of the session, from 1
	New  bool // the first request of a session
}

// A Start is a request that is being sent; its Result follows.
type Start struct {
	Endpoint     string // route
	At, Intended time.Time
	User         int  // number of the session, as in its Result
	New          bool // the first request of a session
}

// A Passage is a path of the scenario that a session has walked to its end.
type Passage struct {
	Path    string
	End     time.Time     // of its last request
	Latency time.Duration // of its requests together, each from its intended start
	Failed  bool          // one of them did
}

// A Sink takes what happens. It is called from many goroutines and must not
// block: the caller is a user who is about to send the next request.
//
// Every session is Offered, then either Dropped or Started; until then it waits.
type Sink interface {
	Offered(n int) // sessions that are due
	Dropped(n int) // of these, those that will not be begun
	Started(Start)
	Result(Result)
	Passed(Passage)
	Active(users int) // users active from now on
}

// Options say what to run.
type Options struct {
	Scenario *scenarios.Scenario
	Plan     *scenarios.Plan
	// Segment is the share (from, to] of the users that this process walks,
	// both in [0,1]. The zero value means all. Processes whose segments cover
	// (0,1] together walk the users of one.
	Segment [2]float64
}
