package scenarios

import "time"

// Seconds is a duration in a file. Files hold base units, as Prometheus and
// benchmark results do; only reports make them pretty.
type Seconds float64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Kind says who decides what a user does next.
type Kind string

const (
	Journeys Kind = "journeys" // a scenario file: Go walks users through their journeys
	Script   Kind = "k6"       // a plain k6 script: its own scenarios and thresholds rule
)

// A Plan is what a run intends to do: a scenario, a target, a staircase of
// load and the objectives that it is held against. It is written into the run
// file before the first request is sent.
type Plan struct {
	Name   string `json:"name"`             // the scenario's name
	Kind   Kind   `json:"kind"`             //
	Source string `json:"source,omitempty"` // "builtin:lms", or the file's base name
	SHA256 string `json:"sha256,omitempty"` // of the scenario's text

	Target string `json:"target"` // base URL without credentials
	Seed   int64  `json:"seed"`   // same seed, same users with the same choices

	// Stages rise. A k6 script has none: its windows are slices of time.
	Stages []Stage `json:"stages,omitempty"`

	// Drain is how long sessions that are under way at the end of the last
	// stage may go on to their own end. Without it they end with the request
	// that is under way: what is measured is over then.
	Drain Seconds `json:"drain,omitempty"`

	// Mix is what the users mean to request, to hold what they did against; nil
	// for a k6 script, and in files from before it existed.
	Mix      *Mix   `json:"mix,omitempty"`
	ClientIP string `json:"client_ip,omitempty"` // PerUser, or empty

	// Follows are the routes that a session may request right after each route: who
	// reads what has just been written. Nil for a k6 script, and in files from before
	// it existed.
	Follows map[string][]string `json:"follows,omitempty"`

	Objectives []Objective `json:"objectives,omitempty"`
	// Paths are the scenario's, their endpoints by route, as results call them.
	Paths  []Path `json:"paths,omitempty"`
	Limits Limits `json:"limits"`
}

// A Stage is one step of the staircase: settle, then measure.
// Exactly one of Users and Rate is positive.
type Stage struct {
	Users   float64 `json:"users,omitempty"` // users active at once, think time included
	Rate    float64 `json:"rate,omitempty"`  // sessions that start per second, whether or not earlier ones have ended
	Settle  Seconds `json:"settle"`          // load is on, nothing is judged
	Measure Seconds `json:"measure"`         // the measured window
}

// Length returns the seconds that the stage lasts.
func (s Stage) Length() Seconds { return s.Settle + s.Measure }

// Limits are ceilings that hold whatever the scenario says: a scenario and a
// flag can lower them, nothing in a scenario can raise them.
type Limits struct {
	Rate      float64  `json:"rate"`       // requests per second
	Users     float64  `json:"users"`      // users at once
	Duration  Seconds  `json:"duration"`   // of all load together
	BodyBytes int64    `json:"body_bytes"` // read of one answer, decompressed; the rest is cut and counted
	Hosts     []string `json:"hosts"`      // host or host:port that may be sent a request, redirects included
}

// DefaultLimits are the ceilings of a run that sets none. They are far above
// what two cores answer and far below what harms a staging network.
func DefaultLimits() Limits {
	return Limits{Rate: 2000, Users: 20000, Duration: 30 * 60, BodyBytes: 8 << 20}
}
