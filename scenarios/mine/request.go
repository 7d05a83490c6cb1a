package mine

import (
	"hash/fnv"
	"math"
	"time"
)

// unknown is a request time that the log does not have.
const unknown = -1

// A request is one line of a log, or one entry of a recording, as it was read.
// Only this type holds what identifies people; it does not outlive the reading
// of its line.
type request struct {
	stamp  float64 // seconds since 1970 that the line has
	at     float64 // when it began, as far as that is known
	took   float64 // seconds, or unknown
	method string
	uri    string // path and query
	status int

	client, agent, user, session, cookie string

	exchange *exchange // of a recording
}

func seconds(t time.Time) float64 {
	return float64(t.Unix()) + float64(t.Nanosecond())/1e9
}

// A rung is a way of telling sessions apart, best first.
type rung int

const (
	bySession rung = iota
	byUser
	byCookie
	byClient
	rungs
)

// String says what the sessions are told apart by.
func (r rung) String() string {
	return [...]string{"a session id", "the user", "a hash of the cookie", "client address and user agent"}[r]
}

// Caution says what telling sessions apart by r may get wrong.
func (r rung) Caution() string {
	return [...]string{
		"splits who gets a new id within a session",
		"merges devices that one user has open at once",
		"splits who loses the cookie, merges nobody",
		"merges people behind one address with the same browser, splits who changes networks",
	}[r]
}

// keys returns the hash of the strongest mark of the request's session, and
// that of the weakest: a log-in has no user yet.
func (q *request) keys() (strong, weak uint64, r rung) {
	weak = hash("client", q.client, q.agent)
	switch {
	case q.session != "":
		return hash("session", q.session), weak, bySession
	case q.user != "":
		return hash("user", q.user), weak, byUser
	case q.cookie != "":
		return hash("cookie", q.cookie), weak, byCookie
	}
	return 0, weak, byClient
}

func hash(parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// A Value is what stood in a variable part of a request: a whole number, or the
// hash of something else.
type Value struct {
	N      int64
	Number bool
}

func value(s string) Value {
	if n, ok := whole(s); ok {
		return Value{n, true}
	}
	return Value{int64(hash(s) & math.MaxInt64), false}
}

// whole reads a number that is written in the only way a number is: 007 and +7
// are texts.
func whole(s string) (n int64, ok bool) {
	if s == "" || len(s) > 15 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
