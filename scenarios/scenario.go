package scenarios

import "fmt"

// A Scenario says who the users are and what they do: personas with shares,
// the endpoints that they request, and the journeys that lead from one to the
// next. It is read from a YAML file (see Read) and can be carried as JSON.
type Scenario struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Doc     string `json:"doc,omitempty"`

	Source string `json:"source,omitempty"` // "builtin:lms", or the file's base name
	SHA256 string `json:"sha256,omitempty"` // of the text

	Load       Load        `json:"load,omitzero"` // what is run when nothing else is asked for
	Objectives []Objective `json:"objectives,omitempty"`
	Limits     Limits      `json:"limits,omitzero"` // can lower the run's, never raise them

	ClientIP string   `json:"client_ip,omitempty"` // PerUser, or empty
	Timeout  Seconds  `json:"timeout,omitempty"`   // of one request; 0: DefaultTimeout
	Headers  []Field  `json:"headers,omitempty"`   // of every request
	Arrivals Arrivals `json:"arrivals,omitzero"`   // how sessions come, in open load

	Data      []Source   `json:"data,omitempty"`
	Endpoints []Endpoint `json:"endpoints"`
	Between   []Between  `json:"between,omitempty"`
	Personas  []Persona  `json:"personas"`

	// Invariants hold in every session. One that does not is a mistake of the
	// scenario, not of the target.
	Invariants []Invariant `json:"invariants,omitempty"`

	// Paths are what users wait for as a whole: the log-in, the front page and
	// the course behind it.
	Paths []Path `json:"paths,omitempty"`
}

// PerUser is the Scenario.ClientIP that sends one X-Forwarded-For address for
// each user: without it, an application's rate limit per address refuses the
// load of many users that come from one machine.
const PerUser = "per_user"

// DefaultTimeout is how long a request may take: as long as the usual proxies
// wait.
const DefaultTimeout Seconds = 30

// Load is how much: exactly one of Users and Rate is positive. Zero fields
// mean "as the scenario says".
type Load struct {
	Users    float64 `json:"users,omitempty"`    // at once, at the highest step
	Rate     float64 `json:"rate,omitempty"`     // sessions started per second, at the highest step
	Duration Seconds `json:"duration,omitempty"` // of all steps together
	Steps    int     `json:"steps,omitempty"`
}

// A Field is a named template: a header, or a field of a form.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Source is a named origin of values. Exactly one of Range, Choice, Text,
// Unique and Words is set.
type Source struct {
	Name   string    `json:"name"`             // "user.n"; templates use it as ${user.n}
	Range  *[2]int64 `json:"range,omitempty"`  // whole numbers, both ends included
	Choice []string  `json:"choice,omitempty"` // one of these; also the column of a data feed
	Row    string    `json:"row,omitempty"`    // of Choice: the source whose Range, from 1, numbers the value; for several columns of one row
	Text   string    `json:"text,omitempty"`   // a template over other sources
	Unique string    `json:"unique,omitempty"` // a template whose ${unique} never comes twice, not even in another run
	Words  *[2]int   `json:"words,omitempty"`  // prose of so many words

	Exclusive  bool `json:"exclusive,omitempty"`   // no two users that are active at once share a value of Range
	PerRequest bool `json:"per_request,omitempty"` // drawn for each request, not once for each session

	// Popularity says how often each value of Range or Choice is drawn; the
	// zero value means all alike.
	Popularity Popularity `json:"popularity,omitzero"`

	// Locality is the probability that a request keeps the value of the
	// session's request before: who reads a course goes on reading it.
	// Of PerRequest sources only.
	Locality float64 `json:"locality,omitempty"`
}

// Popularity is a law of how often values are drawn. At most one field is set.
type Popularity struct {
	// Zipf is the exponent s: the k-th most popular of the values has weight
	// k^-s. Which value is the k-th is fixed for a source, and scattered over
	// the values: neighbours in a table are not popular together.
	Zipf float64 `json:"zipf,omitempty"`
	// Newest is the exponent of the same law, counted from the highest value
	// down: what came last is asked for most.
	Newest float64 `json:"newest,omitempty"`
	// Weights are those of the values of Choice, in their order.
	Weights []float64 `json:"weights,omitempty"`
}

// An Endpoint is one request that users send.
type Endpoint struct {
	Name   string  `json:"name"`   // in the file
	Method string  `json:"method"` //
	Path   string  `json:"path"`   // template, with the query: "/api/v1/courses/${course.id}"
	Header []Field `json:"headers,omitempty"`

	// At most one of JSON, Form and Body is set.
	JSON string  `json:"json,omitempty"` // template of a JSON text; values are escaped as JSON strings
	Form []Field `json:"form,omitempty"`
	Body string  `json:"body,omitempty"` // template, values as they are

	Extract []Extract `json:"extract,omitempty"`
	Expect  Expect    `json:"expect,omitzero"`
	Think   *Think    `json:"think,omitempty"` // after the answer, where the journey says nothing else
}

// An Extract binds a variable to values found in the answer.
type Extract struct {
	Var  string `json:"var"`  // "course.id"
	JSON string `json:"json"` // path: "courses[].id"
}

// Expect says which answer is in order. The zero value means any status below 400.
type Expect struct {
	Status   []int   `json:"status,omitempty"`
	Contains string  `json:"contains,omitempty"` // the body does
	JSON     []Field `json:"json,omitempty"`     // path → value, or "" for "is there"
}

// A Persona is a kind of user. After Start it follows the graph Journey or one
// of the recorded Skeletons; a scenario gives one of the two.
type Persona struct {
	Name      string     `json:"name"`
	Share     float64    `json:"share"`               // of the sessions; all shares sum to 1
	Start     []string   `json:"start,omitempty"`     // endpoints requested first, in this order; a failure ends the session
	Journey   []Node     `json:"journey,omitempty"`   // begins with the first
	Skeletons []Skeleton `json:"skeletons,omitempty"` // drawn by weight
}

// A Node is a place in a journey.
type Node struct {
	Name     string   `json:"name"`
	Endpoint string   `json:"endpoint"`           // name of it
	Sequence []string `json:"sequence,omitempty"` // endpoints requested one after the other instead
	Repeat   *Repeat  `json:"repeat,omitempty"`   // how often, before it goes on; nil: once
	Think    *Think   `json:"think,omitempty"`    // after each request here; nil: as Between or the endpoint says
	To       []Edge   `json:"to,omitempty"`       // none: the session ends
}

// A Repeat is the number of rounds of a counted loop: the ten questions of a
// quiz, which no chain of independent choices can hold. Exactly one of Times,
// Geometric, Choice and Each is set.
type Repeat struct {
	Times     *[2]int  `json:"times,omitempty"`     // uniform, both ends included
	Geometric float64  `json:"geometric,omitempty"` // probability of another round; at least one
	Max       int      `json:"max,omitempty"`       // of Geometric and Each; 0: no bound
	Choice    []Rounds `json:"choice,omitempty"`    // shares sum to 1
	Each      string   `json:"each,omitempty"`      // once for each value that this extracted variable has; the round uses the value
	About     int      `json:"about,omitempty"`     // values to expect for Each, where the mix is foretold; 0: a few
}

// Rounds is so many rounds, and how often it is that many.
type Rounds struct {
	N     int     `json:"n"`
	Share float64 `json:"share"`
}

// A Skeleton is the sequence of requests of a recorded session, without the
// values that it used: those are drawn anew.
type Skeleton struct {
	Weight float64 `json:"weight"` // sessions that were recorded with this sequence
	Steps  []Step  `json:"steps"`
}

// A Step is one request of a skeleton.
type Step struct {
	Endpoint string `json:"endpoint"` // name of it
	// Bind says for the variables of the endpoint which of the session's
	// values they stand for, numbered from 1 in the order of their first use: a
	// session that looked at two courses and went back to the first one has
	// course.id 1, 2, 1. A variable that is not bound is drawn as its source says.
	Bind []Bind `json:"bind,omitempty"`
}

// Bind is one variable of a step and the number of its value in the session.
type Bind struct {
	Var string `json:"var"`
	N   int    `json:"n"`
}

// Between is the think time after From when To comes next.
type Between struct {
	From  string `json:"from"` // endpoints
	To    string `json:"to"`
	Think Think  `json:"think"`
}

// An Invariant compares how often endpoints were requested in a session, or
// demands an order: "count(quiz_submit) <= count(quiz_open)",
// "count(quiz_answer) == 10 * count(quiz_open)", "submit requires upload".
type Invariant struct {
	Text string `json:"text"` // as written

	Left   string  `json:"left"`             // endpoint
	Op     string  `json:"op"`               // "<=", ">=", "==", or "requires": every Left comes after a Right
	Factor float64 `json:"factor,omitempty"` // of count(Right); 0 means 1
	Right  string  `json:"right"`            // endpoint
}

// A Path is a sequence of requests that users wait for as a whole. Its latency
// is the sum of theirs, without the think time, in sessions that request them
// in this order with nothing in between.
type Path struct {
	Name      string   `json:"name"`
	Endpoints []string `json:"endpoints"`
}

// Arrivals say how sessions come in open load, where Stage.Rate is their
// long-run mean. The zero value is a Poisson process.
type Arrivals struct {
	Bursts *Bursts `json:"bursts,omitempty"`
	Curve  []Level `json:"curve,omitempty"` // stretched over the run, linear in between; its mean is Stage.Rate
	Events []Event `json:"events,omitempty"`
}

// Bursts are a two-state Markov-modulated Poisson process: for On seconds on
// average sessions come Factor times as often as in the Off seconds that follow.
type Bursts struct {
	Factor float64 `json:"factor"`
	On     Seconds `json:"on"`
	Off    Seconds `json:"off"`
}

// A Level is a point of a rate curve.
type Level struct {
	At     Seconds `json:"at"`
	Factor float64 `json:"factor"` // relative to the other points
}

// An Event brings sessions on top of the arrivals. Exactly one of Together and
// Deadline is set.
type Event struct {
	Name    string  `json:"name"`
	At      float64 `json:"at"`                // part of each stage's measured window, 0 to 1
	Persona string  `json:"persona,omitempty"` // of these sessions; empty: as in the shares

	Together *Together `json:"together,omitempty"`
	Deadline *Deadline `json:"deadline,omitempty"`
}

// Together is a lecture that begins: sessions that start within Spread.
type Together struct {
	Sessions float64 `json:"sessions"` // per session/s of the stage's rate
	Spread   Seconds `json:"spread"`
}

// Deadline is a rush that grows as 1/(time left) to Peak times the stage's rate
// and falls to After times when the deadline is over (Alfi, Parisi and
// Pietronero, Nature Physics 3, 2007).
type Deadline struct {
	Peak   float64 `json:"peak"`
	Window Seconds `json:"window"` // before the deadline
	After  float64 `json:"after"`
}

// End is the target of an edge that ends the session.
const End = "end"

// An Edge is what a user may do next. Edges to an endpoint whose variables have
// no value (nobody can click on what is not there) are left out of the draw.
type Edge struct {
	To    string  `json:"to"` // name of a node of the same journey, or End
	Share float64 `json:"share"`
}

// SetRange makes lo to hi the range of the data source of that name: for
// whoever knows how much data the target has.
func (s *Scenario) SetRange(name string, lo, hi int64) error {
	for i := range s.Data {
		if d := &s.Data[i]; d.Name == name && d.Range != nil {
			if lo > hi {
				return fmt.Errorf("range [%d, %d] of %s holds nothing", lo, hi, name)
			}
			d.Range = &[2]int64{lo, hi}
			return nil
		}
	}
	return fmt.Errorf("scenario %s has no range %q", s.Name, name)
}
