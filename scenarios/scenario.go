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

	ClientIP string  `json:"client_ip,omitempty"` // PerUser, or empty
	Timeout  Seconds `json:"timeout,omitempty"`   // of one request; 0: DefaultTimeout
	Headers  []Field `json:"headers,omitempty"`   // of every request

	Data      []Source   `json:"data,omitempty"`
	Endpoints []Endpoint `json:"endpoints"`
	Personas  []Persona  `json:"personas"`
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
	Choice []string  `json:"choice,omitempty"` // one of these
	Text   string    `json:"text,omitempty"`   // a template over other sources
	Unique string    `json:"unique,omitempty"` // a template whose ${unique} never comes twice, not even in another run
	Words  *[2]int   `json:"words,omitempty"`  // prose of so many words

	Exclusive  bool `json:"exclusive,omitempty"`   // no two users that are active at once share a value of Range
	PerRequest bool `json:"per_request,omitempty"` // drawn for each request, not once for each session
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

// A Persona is a kind of user.
type Persona struct {
	Name    string   `json:"name"`
	Share   float64  `json:"share"`             // of the sessions; all shares sum to 1
	Start   []string `json:"start,omitempty"`   // endpoints requested first, in this order; a failure ends the session
	Journey []Node   `json:"journey,omitempty"` // begins with the first
}

// A Node is a place in a journey.
type Node struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`        // name of it
	Think    *Think `json:"think,omitempty"` // nil: the endpoint's
	To       []Edge `json:"to,omitempty"`    // none: the session ends
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
