package mine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// A Log is what was recorded: operations and sessions of them.
type Log struct {
	Report   Report
	Ops      []Op
	Vars     []Var
	Sessions []Session // by start
	// Share of all sessions that are in Sessions.
	Share float64

	resolution float64     // of the times, in seconds
	exchanges  []*exchange // by time
}

// An Op is a request as users send it, without its values.
type Op struct {
	Name   string
	Method string
	Path   string // template
	Vars   []int  // in the order of Call.Values
	N      int    // requests
}

// A Var is what stands in a variable part of requests.
type Var struct {
	Name   string
	Number bool // all values are whole numbers
	Secret bool // its name, or how it looks, says that values are nobody's business
	kind   kind
	query  bool
	text   *textStats
}

// A Session is what one user did in one visit.
type Session struct {
	Start float64 // seconds since 1970, or since the beginning
	Calls []Call
}

// A Call is one request of a session.
type Call struct {
	Op     int
	Think  float64 // seconds since the answer before; of the first call 0
	Values []Value // of Op.Vars
}

// minSeen: an operation that fewer requests than this asked for in a long log is
// a scanner's or a developer's, and what is special about it may be a secret.
const minSeen = 3

// Log ends the reading.
func (m *Miner) Log() (*Log, error) {
	for e := m.byIdle.Front(); e != nil; e = m.byIdle.Front() {
		m.end(e.Value.(*openSession))
	}
	if m.closed == 0 {
		return nil, hint.Exit(hint.Wrap(fmt.Errorf("no session is left; dropped: %s", strings.Join(m.report.Why(), ", ")),
			"assets, health checks, bots and what was not found are left out"), hint.NotStarted)
	}
	m.routes.names()
	l := &Log{Report: m.report, Share: float64(len(m.sample)) / float64(m.closed), resolution: 1, exchanges: m.entries}
	plans := m.operations(l)
	for _, s := range m.sample {
		if session, ok := l.session(s, plans); ok {
			l.Sessions = append(l.Sessions, session)
		}
	}
	slices.SortStableFunc(l.Sessions, func(a, b Session) int { return cmp.Compare(a.Start, b.Start) })
	l.Report.Sessions, l.Report.Sampled = m.closed, len(l.Sessions)
	for _, e := range l.exchanges {
		e.op = plans[e.shape].op
		e.texts = plans[e.shape].texts(e.texts, m.routes.shapes[e.shape])
	}
	l.count()
	l.numbers()
	return l, nil
}

// session makes a session of operations.
func (l *Log) session(s raw, plans []plan) (Session, bool) {
	// By the stamps: within one, the order of the lines says more than a start
	// that was reckoned from it.
	slices.SortStableFunc(s.calls, func(a, b rawCall) int { return cmp.Compare(a.stamp, b.stamp) })
	out := Session{Start: s.calls[0].at}
	end := 0.0
	for _, c := range s.calls {
		if frac := c.at - math.Trunc(c.at); frac > 1e-6 && frac < 1-1e-6 {
			l.resolution = 0.001
		}
		p := plans[c.shape]
		if p.op < 0 {
			l.Report.Dropped["operations that hardly anybody used"]++
			l.Report.Kept--
			continue
		}
		call := Call{Op: p.op, Values: p.values(c.values)}
		if len(out.Calls) > 0 {
			call.Think = max(0, c.at-end)
		}
		end = max(end, c.at+max(0, c.took))
		out.Calls = append(out.Calls, call)
	}
	return out, len(out.Calls) > 0
}

// count counts the requests of the operations.
func (l *Log) count() {
	for i := range l.Ops {
		l.Ops[i].N = 0
	}
	for _, s := range l.Sessions {
		for _, c := range s.Calls {
			l.Ops[c.Op].N++
		}
	}
}

// numbers finds the variables of which all values are whole numbers.
func (l *Log) numbers() {
	seen := make([]bool, len(l.Vars))
	for i := range l.Vars {
		l.Vars[i].Number = true
	}
	for _, s := range l.Sessions {
		for _, c := range s.Calls {
			for i, v := range c.Values {
				x := l.Ops[c.Op].Vars[i]
				seen[x] = true
				l.Vars[x].Number = l.Vars[x].Number && v.Number
			}
		}
	}
	for i := range l.Vars {
		l.Vars[i].Number = l.Vars[i].Number && seen[i]
	}
}
