package mine

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"container/list"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// Options say how to read.
type Options struct {
	Fields map[string]string // names of a JSON log's fields, over the usual ones; see FieldNames
	Routes []Route           // if not nil, these are the operations, and nothing else is
	Idle   time.Duration     // ends a session; 0: DefaultIdle
	Seed   uint64            // of what is drawn: same input and seed, same model
}

// A Miner reads logs and recordings. It is not for concurrent use.
type Miner struct {
	o      Options
	fields map[string][]string
	routes *router
	rng    *rand.Rand
	report Report

	open    map[uint64]*openSession // by strong and by weak key
	byIdle  *list.List              // of *openSession, the longest idle first
	now     float64                 // of the log
	checked float64                 // when sessions were last looked through

	sample  []raw
	calls   int // in the sample
	limit   int // of the sample; shrinks when it has too many calls
	closed  int // sessions
	texts   map[slot]*textStats
	entries []*exchange
	logs    bool // some input was a log
}

// An openSession goes on as long as its user does.
type openSession struct {
	raw
	strong, weak uint64
	last         float64
	long         bool // more than MaxLength: a machine
	at           *list.Element
}

// raw is a session before the operations are known.
type raw struct {
	start float64
	calls []rawCall
}

type rawCall struct {
	stamp, at, took float64
	shape           int
	values          []Value
}

// slot is a variable of a shape.
type slot struct{ shape, at int }

// New returns a Miner.
func New(o Options) (*Miner, error) {
	fields, err := fieldTable(o.Fields)
	if err != nil {
		return nil, hint.Exit(err, hint.NotStarted)
	}
	if o.Idle == 0 {
		o.Idle = DefaultIdle
	}
	return &Miner{
		o: o, fields: fields, routes: newRouter(o.Routes), rng: rand.New(rand.NewPCG(o.Seed, 0x6d696e65)),
		open: map[uint64]*openSession{}, byIdle: list.New(), limit: MaxSessions,
		texts: map[slot]*textStats{}, report: Report{Dropped: map[string]int{}},
	}, nil
}

// Read reads one input: a log or a recording, compressed by gzip or not. name
// is what errors call it. Logs of the same servers are read in the order of
// their time (see FirstTime). An error means that the input is not what it
// should be, or can't be read; then the Miner is of no more use.
func (m *Miner) Read(name string, r io.Reader) error {
	err := m.read(name, r)
	if err != nil && hint.Of(err) == "" {
		err = hint.Wrap(err, "an access log in common or combined format or with a JSON object a line, or a HAR recording; --field time=ts names fields")
	}
	return hint.Exit(err, hint.NotStarted)
}

func (m *Miner) read(name string, r io.Reader) error {
	b, err := unzip(name, r)
	if err != nil {
		return err
	}
	head, err := b.Peek(b.Size())
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch formatOf(head) {
	case "":
		return fmt.Errorf("%s: nothing in it", name)
	case "HAR":
		return m.readHAR(name, b)
	case "JSON":
		return m.lines(name, "JSON lines", b, func(line []byte) (request, timing, error) { return parseJSON(line, m.fields) })
	}
	return m.lines(name, "common or combined log", b, func(line []byte) (request, timing, error) { return parseCombined(string(line)) })
}

func unzip(name string, r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return bufio.NewReaderSize(z, 1<<16), nil
}

func formatOf(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	head = bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(head) == 0:
		return ""
	case head[0] != '{':
		return "combined"
	}
	inner := bytes.TrimLeft(head[1:], " \t\r\n")
	if bytes.HasPrefix(inner, []byte(`"log"`)) &&
		(bytes.Contains(head, []byte(`"creator"`)) || bytes.Contains(head, []byte(`"entries"`))) {
		return "HAR"
	}
	return "JSON"
}

// FirstTime returns the time of the first request in r, in seconds since 1970:
// the order of rotated logs. It is 0 if there is none near the beginning.
func FirstTime(r io.Reader, fields map[string]string) float64 {
	b, err := unzip("", r)
	if err != nil {
		return 0
	}
	table, err := fieldTable(fields)
	if err != nil {
		return 0
	}
	head, _ := b.Peek(b.Size())
	format := formatOf(head)
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		var q request
		switch format {
		case "JSON":
			q, _, err = parseJSON(line, table)
		case "combined":
			q, _, err = parseCombined(string(line))
		default:
			return 0
		}
		if err == nil || errors.Is(err, errNoRequest) && q.at > 0 {
			return q.at
		}
	}
	return 0
}

const (
	// maxBroken: a log in which more than one line in a hundred can't be read is
	// read wrongly.
	maxBroken = 0.01
	// enoughLines were read when the share of broken ones means something.
	enoughLines = 200
)

// lines reads a log line by line.
func (m *Miner) lines(name, format string, b *bufio.Reader, parse func([]byte) (request, timing, error)) error {
	in := Input{Name: name, Format: format}
	m.logs = true
	var firstErr error
	s := bufio.NewScanner(b)
	s.Buffer(make([]byte, 0, 1<<16), maxLine)
	n := 0
	for s.Scan() {
		n++
		line := bytes.TrimSpace(s.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		in.Lines++
		q, kind, err := parse(line)
		if kind != noTiming && in.Timing == "" {
			in.Timing = string(kind)
		}
		switch {
		case errors.Is(err, errNoRequest):
			m.drop("no HTTP request")
		case err != nil:
			err = fmt.Errorf("%s:%d: %w", name, n, err)
			if firstErr == nil {
				firstErr = err
			}
			if in.Broken++; len(in.BrokenAt) < 5 {
				in.BrokenAt = append(in.BrokenAt, n)
			}
			if in.Lines == in.Broken && in.Broken >= 10 || in.Lines >= enoughLines && in.tooBroken() {
				return fmt.Errorf("%w (%d of the first %d lines can't be read)", err, in.Broken, in.Lines)
			}
		default:
			m.request(&q)
		}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: line is longer than %d KiB", name, n+1, maxLine>>10)
	case err != nil:
		return fmt.Errorf("%s:%d: %w", name, n+1, err)
	case in.Lines == 0:
		return fmt.Errorf("%s: nothing in it", name)
	case in.tooBroken():
		return fmt.Errorf("%w (%d of %d lines can't be read)", firstErr, in.Broken, in.Lines)
	}
	m.report.Inputs = append(m.report.Inputs, in)
	return nil
}

func (in *Input) tooBroken() bool { return float64(in.Broken) > maxBroken*float64(in.Lines) }

func (m *Miner) drop(why string) { m.report.Dropped[why]++ }

// request puts q to its session.
func (m *Miner) request(q *request) {
	m.report.Requests++
	if q.method == "OPTIONS" || q.method == "CONNECT" || q.method == "TRACE" || q.method == "HEAD" {
		m.drop("method " + q.method)
		return
	}
	path, _, _ := strings.Cut(q.uri, "?")
	switch {
	case asset(path):
		m.drop("assets")
		return
	case health(path):
		m.drop("health checks")
		return
	case bot(q.agent):
		m.drop("bots")
		return
	case q.status == 404 || q.status == 405 || q.status == 400 || q.status == 410:
		// What scanners look for everywhere would become pages of the application.
		m.drop("not found or malformed (400, 404, 405, 410)")
		return
	}
	id, values, texts := m.routes.shape(q.method, q.uri)
	if id < 0 {
		if m.o.Routes != nil {
			m.drop("in no route given")
		} else {
			m.drop(fmt.Sprintf("more than %d different shapes of requests", MaxShapes))
		}
		return
	}
	m.routes.shapes[id].n++
	m.note(id, texts)
	if q.exchange != nil {
		q.exchange.shape, q.exchange.texts = id, texts
	}
	if q.took >= 0 {
		m.report.Timed++
	}
	m.advance(q.stamp)
	strong, weak, r := q.keys()
	m.report.Rungs[r]++
	s := m.session(strong, weak, q.at)
	if len(s.calls) >= MaxLength {
		s.long = true
		return
	}
	if s.start == 0 || q.at < s.start {
		s.start = q.at
	}
	s.calls = append(s.calls, rawCall{q.stamp, q.at, q.took, id, values})
	m.report.Kept++
}

// session returns the open session with these keys. One that began without a
// strong key (before the log-in) is joined by the first request that has one.
func (m *Miner) session(strong, weak uint64, at float64) *openSession {
	s := m.open[weak]
	if strong != 0 {
		if own := m.open[strong]; own != nil {
			s = own
		} else if s != nil && s.strong == 0 {
			s.strong = strong
			m.open[strong] = s
		} else {
			s = nil
		}
	}
	if s != nil && at-s.last > m.o.Idle.Seconds() {
		m.end(s)
		s = nil
	}
	if s == nil {
		if m.byIdle.Len() >= MaxOpen {
			m.report.Cut++
			m.end(m.byIdle.Front().Value.(*openSession))
		}
		s = &openSession{strong: strong, weak: weak}
		s.at = m.byIdle.PushBack(s)
		if strong != 0 {
			m.open[strong] = s
		}
		m.open[weak] = s
	}
	s.last = max(s.last, at)
	m.byIdle.MoveToBack(s.at)
	return s
}

// advance moves the clock and closes what has been idle. Servers write lines
// when requests end, so that the clock of a log may go back a little.
func (m *Miner) advance(at float64) {
	if m.now = max(m.now, at); m.now-m.checked < 60 {
		return
	}
	m.checked = m.now
	for e := m.byIdle.Front(); e != nil; e = m.byIdle.Front() {
		s := e.Value.(*openSession)
		if m.now-s.last <= m.o.Idle.Seconds() {
			return
		}
		m.end(s)
	}
}

// end closes a session and keeps it, or not: of all that were closed, each has
// the same chance to be in the sample (Vitter's algorithm R).
func (m *Miner) end(s *openSession) {
	m.byIdle.Remove(s.at)
	for _, key := range []uint64{s.strong, s.weak} {
		if m.open[key] == s {
			delete(m.open, key)
		}
	}
	if s.long {
		m.report.Dropped[fmt.Sprintf("sessions of more than %d requests", MaxLength)] += len(s.calls)
		m.report.Kept -= len(s.calls)
		return
	}
	if len(s.calls) == 0 {
		return
	}
	m.closed++
	if len(m.sample) < m.limit {
		m.sample = append(m.sample, s.raw)
		m.calls += len(s.calls)
	} else if i := m.rng.IntN(m.closed); i < m.limit {
		m.calls += len(s.calls) - len(m.sample[i].calls)
		m.sample[i] = s.raw
	}
	for m.calls > MaxCalls && len(m.sample) > 1 {
		// A smaller sample of the sample is one of all.
		i, n := m.rng.IntN(len(m.sample)), len(m.sample)-1
		m.calls -= len(m.sample[i].calls)
		m.sample[i] = m.sample[n]
		m.sample, m.limit = m.sample[:n], n
	}
}
