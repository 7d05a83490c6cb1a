package k6ext

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/lib/netext/httpext"
	"go.k6.io/k6/metrics"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/engine"
	"github.com/scalecheck/scalecheck/internal/k6"
	"github.com/scalecheck/scalecheck/scenarios"
)

const (
	// maxEndpoints: a histogram takes 22 kB and up to openSeconds+1 of each
	// are alive, twice as many where requests fail. A script that names its requests one by one must not fill
	// the memory; what comes after the cap is one endpoint more.
	maxEndpoints = 500
	other        = "(other endpoints)"

	// maxKinds of errors an endpoint, of checks and of refused hosts: likewise.
	maxKinds   = 50
	otherKinds = "(other)"

	// openSeconds are kept apart at most. More are open only when nobody
	// reads what we write; then the last takes all that comes.
	openSeconds = 8

	// grace: k6 hands samples on every 50 ms, and on two busy cores late.
	grace = 250 * time.Millisecond

	// maxTagSets: k6 makes one for every URL without a name. Forgetting them
	// costs no more than looking again.
	maxTagSets = 4096
)

// A fold sums samples up by second and endpoint. A request belongs to the
// second in which it ended; one that comes too late for its second counts in
// the oldest that is still open, so that the seconds sum up to everything.
type fold struct {
	mu sync.Mutex

	start time.Time // of the load; zero before
	over  time.Time // when nothing but teardown() was left to do; zero before
	clock string

	ids  map[string]int // endpoint → index into names
	name []string

	open []*second // consecutive; open[0] is the lo-th
	lo   int64
	free []*second

	flights map[int]flight // by user: requests that have no answer yet

	users   float64 // as last heard
	waiting int64   // sessions, when the latest second was over

	about   map[*metrics.TagSet]about
	checks  map[string]*k6.Check
	order   []string // of checks
	refused map[string]int64
}

// A second is what happened in one.
type second struct {
	rows                 []*row // by endpoint; nil or untouched where nothing happened
	seen                 []int  // endpoints that something happened to
	lag                  *evidence.Histogram
	lagged               bool
	paths                []evidence.PathTime
	started, completed   int64
	offered, sessions    int64
	dropped              int64
	busy                 time.Duration // all requests together
	usersSum, usersCount float64
}

// A row keeps its histograms when the rest is emptied. failed and pending are the
// endpoint's FailedLatency and Pending, made when they are needed first.
type row struct {
	evidence.Endpoint
	failed, pending *evidence.Histogram
	used            bool
}

// A flight is a request without an answer.
type flight struct {
	at, intended time.Time
	endpoint     int
}

// about is what the tags of a sample say.
type about struct {
	endpoint int
	status   int
	kind     string // of the failure; empty: none
	outside  bool   // setup() or teardown()
	after    bool   // teardown()
	refused  string // host, when the allow-list kept the request back
}

func newFold() *fold {
	return &fold{
		clock:   evidence.ServiceTime,
		ids:     map[string]int{},
		flights: map[int]flight{},
		about:   map[*metrics.TagSet]about{},
		checks:  map[string]*k6.Check{},
		refused: map[string]int64{},
	}
}

// add folds samples. It only computes.
func (f *fold) add(containers []metrics.SampleContainer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range containers {
		switch c := c.(type) {
		case *events:
			f.events(c)
		case *httpext.Trail:
			f.trail(c)
		case users:
			f.active(c.at, float64(c.n))
		case begin:
			f.begin(c.at)
			f.clock = evidence.IntendedStart
		case end:
			f.finish(c.at)
		default:
			for _, s := range c.GetSamples() {
				f.sample(s)
			}
		}
	}
}

func (f *fold) begin(at time.Time) {
	if f.start.IsZero() {
		f.start = at
	}
}

func (f *fold) finish(at time.Time) {
	if f.over.IsZero() {
		f.over = at
	}
}

// at returns the second that t falls into, or the nearest open one.
func (f *fold) at(t time.Time) *second {
	k := int64(0)
	if d := t.Sub(f.start); d > 0 {
		k = int64(d / time.Second)
	}
	k = min(max(k, f.lo), f.lo+openSeconds-1)
	for int64(len(f.open)) <= k-f.lo {
		f.open = append(f.open, f.fresh())
	}
	return f.open[k-f.lo]
}

func (f *fold) fresh() *second {
	if n := len(f.free); n > 0 {
		s := f.free[n-1]
		f.free = f.free[:n-1]
		return s
	}
	return &second{lag: evidence.NewHistogram()}
}

func (f *fold) events(e *events) {
	f.begin(e.at)
	if e.offered+e.dropped > 0 {
		s := f.at(e.at)
		s.offered += e.offered
		s.dropped += e.dropped
	}
	for i := range e.starts {
		x := &e.starts[i]
		s := f.at(x.At)
		s.started++
		s.lag.Record(x.At.Sub(x.Intended))
		s.lagged = true
		if x.New {
			s.sessions++
		}
		f.flights[x.User] = flight{x.At, x.Intended, f.id(x.Endpoint)}
	}
	for i := range e.results {
		r := &e.results[i]
		f.landed(r)
		f.at(r.End).count(f.id(r.Endpoint), r.Status, r.Err, r.End.Sub(r.Intended), r.End.Sub(r.Start), r.Bytes)
		if strings.HasPrefix(r.Err, "redirect refused") {
			f.refuse(host(r.URL))
		}
	}
	for _, p := range e.passages {
		f.at(p.End).pass(p)
	}
}

// young requests are not told of: that they have no answer yet says nothing.
const young = 100 * time.Millisecond

// landed ends the request's flight. In the seconds that it was under way in beyond
// their ends, and that are not closed, it was pending.
func (f *fold) landed(r *engine.Result) {
	if l, ok := f.flights[r.User]; ok && l.at.Equal(r.Start) { // else its user has begun the next
		delete(f.flights, r.User)
	}
	for i, s := range f.open {
		over := f.start.Add(time.Duration(f.lo+int64(i)+1) * time.Second)
		if r.Start.Before(over) && r.End.After(over) {
			s.wait(f.id(r.Endpoint), over.Sub(r.Intended))
		}
	}
}

// wait adds a request that is pending when the second ends.
func (s *second) wait(endpoint int, age time.Duration) {
	if age < young {
		return
	}
	r := s.row(endpoint)
	if r.pending == nil {
		r.pending = evidence.NewHistogram()
	}
	r.Pending = r.pending
	r.pending.Record(age)
}

func (f *fold) trail(t *httpext.Trail) {
	a := f.read(t.Tags)
	if f.skip(a, t.EndTime) {
		return
	}
	f.begin(t.EndTime.Add(-t.Duration - t.Blocked))
	// http_req_duration leaves out the wait for a connection, as k6 users know
	// it. A request without an answer has none: its latency is what was spent.
	d := t.Duration
	if a.status == 0 {
		d = max(d, t.Blocked+t.ConnDuration+t.Duration)
	}
	switch {
	case a.status > 0 && !t.Failed.Bool:
		a.kind = "" // an error status that the script expected
	case t.Failed.Bool && a.kind == "":
		a.kind = "failed" // the script keeps k6 from saying more
	}
	s := f.at(t.EndTime)
	s.started++
	s.count(a.endpoint, a.status, a.kind, d, d, 0)
	if a.refused != "" {
		f.refuse(a.refused)
	}
}

func (f *fold) sample(s metrics.Sample) {
	switch s.Metric.Name {
	case metrics.VUsName:
		if s.Value > 0 {
			f.begin(s.Time)
		}
		if !f.start.IsZero() {
			f.active(s.Time, s.Value)
		}
	case metrics.DroppedIterationsName:
		f.begin(s.Time)
		second := f.at(s.Time)
		second.offered += int64(s.Value)
		second.dropped += int64(s.Value)
	case metrics.IterationsName:
		// What comes nearest to a session: a user of a script begins its
		// next iteration when it has ended one.
		f.begin(s.Time)
		second := f.at(s.Time)
		second.offered += int64(s.Value)
		second.sessions += int64(s.Value)
	case metrics.ChecksName:
		name, _ := s.Tags.Get(metrics.TagCheck.String())
		f.check(name, s.Value != 0)
	case metrics.GRPCReqDurationName:
		a := f.read(s.Tags)
		if f.skip(a, s.Time) {
			return
		}
		d := time.Duration(s.Value * float64(time.Millisecond))
		f.begin(s.Time.Add(-d))
		second := f.at(s.Time)
		second.started++
		second.count(a.endpoint, a.status, a.kind, d, d, 0)
	}
}

// skip reports whether a sample is none of the load.
func (f *fold) skip(a about, at time.Time) bool {
	if a.after {
		f.finish(at)
	}
	return a.outside
}

func (f *fold) active(at time.Time, n float64) {
	f.users = n
	s := f.at(at)
	s.usersSum += n
	s.usersCount++
}

func (f *fold) check(name string, ok bool) {
	c := f.checks[name]
	if c == nil && len(f.checks) >= maxKinds {
		name = otherKinds
		c = f.checks[name]
	}
	if c == nil {
		c = &k6.Check{Name: name}
		f.checks[name] = c
		f.order = append(f.order, name)
	}
	if ok {
		c.Passed++
	} else {
		c.Failed++
	}
}

func (f *fold) refuse(host string) {
	if _, ok := f.refused[host]; !ok && len(f.refused) >= maxKinds {
		host = otherKinds
	}
	f.refused[host]++
}

func (f *fold) id(name string) int {
	i, ok := f.ids[name]
	if ok {
		return i
	}
	if len(f.name) >= maxEndpoints {
		name = other
		if i, ok := f.ids[name]; ok {
			return i
		}
	}
	f.ids[name] = len(f.name)
	f.name = append(f.name, name)
	return len(f.name) - 1
}

// row returns the endpoint's, for something that happened to it.
func (s *second) row(endpoint int) *row {
	for len(s.rows) <= endpoint {
		s.rows = append(s.rows, nil)
	}
	r := s.rows[endpoint]
	if r == nil {
		r = &row{}
		r.Latency = evidence.NewHistogram()
		s.rows[endpoint] = r
	}
	if !r.used {
		r.used = true
		s.seen = append(s.seen, endpoint)
	}
	return r
}

// count adds one request that has ended.
func (s *second) count(endpoint, status int, kind string, latency, busy time.Duration, bytes int64) {
	r := s.row(endpoint)
	r.Requests++
	r.Bytes += bytes
	if kind == "" {
		r.Latency.Record(latency)
	}
	if status > 0 {
		if r.Statuses == nil {
			r.Statuses = map[int]int64{}
		}
		r.Statuses[status]++
	}
	if kind != "" {
		r.Failed++
		if r.failed == nil {
			r.failed = evidence.NewHistogram()
		}
		r.FailedLatency = r.failed
		r.failed.Record(latency)
		if r.Errors == nil {
			r.Errors = map[string]int64{}
		}
		if _, ok := r.Errors[kind]; !ok && len(r.Errors) >= maxKinds {
			kind = otherKinds
		}
		r.Errors[kind]++
	}
	s.completed++
	s.busy += busy
}

// pass adds a path that somebody has walked.
func (s *second) pass(p engine.Passage) {
	i := slices.IndexFunc(s.paths, func(r evidence.PathTime) bool { return r.Name == p.Path })
	if i < 0 {
		if len(s.paths) >= maxKinds { // no scenario has so many
			return
		}
		i = len(s.paths)
		s.paths = append(s.paths, evidence.PathTime{Name: p.Path, Latency: evidence.NewHistogram()})
	}
	r := &s.paths[i]
	r.Walked++
	if p.Failed {
		r.Failed++
	} else {
		r.Latency.Record(p.Latency)
	}
}

// cut closes the oldest second if it was over, with its grace, at now. With
// last, what is left is closed, and the last second is as long as it was.
// The tick's histograms are those of the second: it is the caller's until
// recycle.
func (f *fold) cut(now time.Time, last bool) (t evidence.Tick, s *second, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start.IsZero() {
		return t, nil, false
	}
	from := f.start.Add(time.Duration(f.lo) * time.Second)
	length := time.Second
	switch {
	case !now.Before(from.Add(length + grace)):
	case last && now.After(from) && (now.Sub(from) >= length/10 || f.pending()):
		length = min(length, now.Sub(from))
	case last && f.pending():
		length = time.Millisecond
	default:
		return t, nil, false
	}
	if len(f.open) > 0 {
		s = f.open[0]
		f.open = append(f.open[:0], f.open[1:]...)
	} else {
		s = f.fresh()
	}
	f.lo++
	over := from.Add(length)
	for _, l := range f.flights {
		if l.at.Before(over) {
			s.wait(l.endpoint, over.Sub(l.intended))
		}
	}
	return f.tick(s, from, length), s, true
}

func (f *fold) pending() bool {
	for _, s := range f.open {
		if len(s.seen) > 0 || s.started > 0 || s.offered > 0 || s.dropped > 0 {
			return true
		}
	}
	return false
}

func (f *fold) tick(s *second, from time.Time, length time.Duration) evidence.Tick {
	f.waiting += s.offered - s.sessions - s.dropped
	t := evidence.Tick{
		Start: from, Length: scenarios.Seconds(length.Seconds()), Alive: f.over.IsZero() || from.Before(f.over),
		Generator: evidence.Generator{
			Clock: f.clock, Started: s.started, Completed: s.completed,
			Offered: s.offered, Sessions: s.sessions, Dropped: s.dropped, Waiting: f.waiting,
			InFlight: s.busy.Seconds() / length.Seconds(), ActiveUsers: f.users,
		},
	}
	if s.usersCount > 0 {
		t.Generator.ActiveUsers = s.usersSum / s.usersCount
	}
	if s.lagged {
		t.Generator.Lag = s.lag
	}
	for _, i := range s.seen {
		e := s.rows[i].Endpoint
		e.Name = f.name[i]
		t.Endpoints = append(t.Endpoints, e)
	}
	for _, p := range s.paths {
		if p.Walked > 0 {
			t.Paths = append(t.Paths, p)
		}
	}
	return t
}

// recycle takes a second back when its tick was written.
func (f *fold) recycle(s *second) {
	for _, i := range s.seen {
		r := s.rows[i]
		r.Latency.Reset()
		if r.FailedLatency != nil {
			r.FailedLatency.Reset()
		}
		if r.Pending != nil {
			r.Pending.Reset()
		}
		*r = row{Endpoint: evidence.Endpoint{Latency: r.Latency}, failed: r.failed, pending: r.pending}
	}
	for i := range s.paths {
		p := &s.paths[i]
		p.Latency.Reset()
		p.Walked, p.Failed = 0, 0
	}
	s.lag.Reset()
	*s = second{rows: s.rows, seen: s.seen[:0], paths: s.paths, lag: s.lag}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free = append(f.free, s)
}

// read returns what tags say.
func (f *fold) read(tags *metrics.TagSet) about {
	if a, ok := f.about[tags]; ok {
		return a
	}
	get := func(t metrics.SystemTag) string {
		v, _ := tags.Get(t.String())
		return v
	}
	var a about
	group := get(metrics.TagGroup)
	a.after = group == "::teardown" || strings.HasPrefix(group, "::teardown::")
	a.outside = a.after || group == "::setup" || strings.HasPrefix(group, "::setup::")
	if !a.outside {
		name := get(metrics.TagName)
		if name == "" {
			name = get(metrics.TagURL)
		}
		if service := get(metrics.TagService); service != "" { // gRPC: status 0 is OK
			a.endpoint = f.id(service + "/" + get(metrics.TagMethod))
			if code := get(metrics.TagStatus); code != "0" && code != "" {
				a.kind = "grpc status " + code
			}
		} else {
			a.endpoint = f.id(endpoint(get(metrics.TagMethod), name))
			a.status, _ = strconv.Atoi(get(metrics.TagStatus))
			code, _ := strconv.Atoi(get(metrics.TagErrorCode))
			a.kind = kind(code, a.status, get(metrics.TagError), get(metrics.TagExpectedResponse))
			if code == codeBlacklisted || code == codeBlocked {
				a.refused = host(name)
			}
		}
	}
	if len(f.about) >= maxTagSets {
		clear(f.about)
	}
	f.about[tags] = a
	return a
}

// k6's error codes, which it keeps to itself (lib/netext/httpext/error_codes.go).
const (
	codeTimeout     = 1050
	codeNoSuchHost  = 1101
	codeBlacklisted = 1110
	codeBlocked     = 1111
	codeBrokenPipe  = 1201
	codeDialTimeout = 1211
	codeRefused     = 1212
	codeReset       = 1220
)

// kind names the failure of a request, without addresses: the names are counted.
func kind(code, status int, message, expected string) string {
	switch {
	case code == codeTimeout:
		return "timeout"
	case code == codeNoSuchHost:
		return "no such host"
	case code == codeBlacklisted, code == codeBlocked:
		return "not on the allow-list"
	case code == codeBrokenPipe, code == codeReset:
		return "connection reset"
	case code == codeDialTimeout:
		return "connect timeout"
	case code == codeRefused:
		return "connection refused"
	case 1300 <= code && code < 1400:
		return "tls"
	case 1400 <= code && code < 1600, status > 0 && expected == "false":
		return "status " + strconv.Itoa(status)
	case 1600 <= code && code < 1700:
		return "http2"
	case strings.HasSuffix(message, "EOF"):
		return "connection closed"
	case code != 0:
		return "error " + strconv.Itoa(code)
	case status == 0:
		return "no answer"
	}
	return ""
}
