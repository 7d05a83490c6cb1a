package engine

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

const (
	// grace is how long requests that are under way at the end may go on.
	grace = 5 * time.Second

	// maxBacklog sessions wait at the ceiling of users at once. They take four
	// megabytes; who came after so many would wait for minutes, and nothing is
	// learned from them that the others don't say.
	maxBacklog = 100_000
)

// Run follows the stages of the plan from now on. It returns when all of them
// are over or ctx ends; requests under way get a few seconds to finish, and
// count as "unfinished" if they don't. The error says that the plan could not
// be followed, never that the target failed or that ctx ended.
func Run(ctx context.Context, o Options, sink Sink) error {
	w, err := newWalker(o)
	if err != nil {
		return err
	}
	defer w.transport.close()
	var length, most scenarios.Seconds
	for _, s := range o.Plan.Stages {
		length += s.Length()
	}
	if most = length + o.Plan.Drain; w.limits.Duration > 0 {
		length, most = min(length, w.limits.Duration), min(most, w.limits.Duration)
	}
	begin := time.Now()
	load, over := context.WithDeadline(ctx, begin.Add(length.Duration()))
	defer over()
	walks := load
	if most > length {
		var closed context.CancelFunc
		walks, closed = context.WithDeadline(ctx, begin.Add(most.Duration()))
		defer closed()
	}
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()

	r := &run{
		walker: w, sink: sink, stopped: ctx, load: load, begin: begin,
		pace:    pace{load: walks, requests: requests},
		backlog: backlog{most: maxBacklog},
	}
	r.end, _ = load.Deadline()
	for _, s := range o.Plan.Stages {
		r.seats = max(r.seats, int(math.Round(s.Users)))
	}
	if r.seats > 0 {
		r.joiner = newJoiner(w.program, o.Scenario, o.Segment)
	}
	// Without a ceiling on users one is still needed: a target that has stopped
	// answering would take all memory.
	ceiling := w.limits.Users
	if ceiling <= 0 {
		ceiling = scenarios.DefaultLimits().Users
	}
	r.ceiling = max(1, int(ceiling*w.draw.share()))
	w.transport.rest.MaxConnsPerHost = max(r.ceiling, r.seats) // one for each user
	r.schedule = newSchedule(w.seed, o.Scenario.Arrivals, o.Plan.Stages)
	at := begin
	for k, s := range o.Plan.Stages {
		r.stage(k, s, at)
		at = at.Add(s.Length().Duration())
	}
	<-load.Done()
	defer context.AfterFunc(walks, func() {
		r.giveUp()
		time.AfterFunc(grace, cut)
	})()
	r.users.Wait()
	return nil
}

type run struct {
	*walker
	sink     Sink
	stopped  context.Context // the caller's
	load     context.Context // over at the end as well: no session begins
	begin    time.Time
	end      time.Time
	pace     pace // of sessions: it outlasts the load where the plan lets them drain
	users    sync.WaitGroup
	target   atomic.Int64 // closed load: users of all processes at once
	schedule *schedule    // open load

	// Sessions 1 to seats are those that join in closed load; others follow.
	seats  int
	joined int // highest one so far
	joiner *joiner
	named  int // sessions of a given persona so far

	mu      sync.Mutex
	active  int
	ceiling int // of active users in open load
	backlog backlog
}

// stage runs the k-th stage from start to its end.
func (r *run) stage(k int, s scenarios.Stage, start time.Time) {
	end := start.Add(s.Length().Duration())
	before := r.target.Load()
	users := int64(math.Round(s.Users))
	r.target.Store(users)
	here := &pace{load: r.load}
	if s.Rate > 0 {
		r.arrivals(k, here)
		here.wait(end)
		return
	}
	for i := before + 1; i <= users; i++ {
		// Every process draws for all seats, so that a seat is the same in all.
		first := -1
		if int(i) > r.joined {
			r.joined, first = r.joiner.draw.next()
		}
		if !r.draw.owns(int(i)) {
			continue
		}
		// In the middle of each one's part of the settling time.
		part := (float64(i-before) - 0.5) / float64(users-before)
		at := start.Add(time.Duration(part * float64(s.Settle.Duration())))
		if !here.wait(at) {
			return
		}
		r.users.Go(func() { r.seat(int(i), first, at) })
	}
	here.wait(end)
}

// seat is one of the users of closed load: whoever ends a session is replaced.
// The first one is of the given persona, if that is not negative, and joins.
func (r *run) seat(i, persona int, at time.Time) {
	r.count(+1)
	defer r.count(-1)
	p := r.pace
	p.wanted = func() bool { return int64(i) <= r.target.Load() }
	number, joins := i, persona >= 0
	for r.load.Err() == nil && p.wanted() {
		var next time.Time
		var ok bool
		if joins {
			next, ok = r.join(&p, due{number, persona, at})
			joins = false
		} else {
			number, persona = r.draw.nextOwn(r.seats)
			r.sink.Offered(1)
			next, ok = r.walk(&p, due{number, persona, at})
		}
		if !ok {
			// An exclusive value is missing. The plan has made sure that there are
			// enough, so that somebody is about to give one back.
			next = time.Now().Add(time.Second)
			p.wait(next)
		}
		at = next
	}
}

// firstNamed is the number of the first session that an event brings for a
// persona of its own: it takes no turn of those in the shares.
const firstNamed = 1 << 29

// arrivals starts the sessions of the k-th stage when they are due.
func (r *run) arrivals(k int, p *pace) {
	for a := range r.schedule.stage(k) {
		var d due
		if a.persona == "" {
			d.number, d.persona = r.draw.next()
			d.number += r.seats
		} else {
			d.number, d.persona = firstNamed+r.named, r.persona(a.persona)
			r.named++
		}
		if d.at = r.begin.Add(a.at); !r.draw.owns(d.number) {
			continue
		}
		// What was due before the end is sent even if we are late for it, so that
		// the load offered does not depend on how busy this machine is.
		if !p.wait(d.at) && (r.stopped.Err() != nil || d.at.After(r.end)) {
			return
		}
		r.sink.Offered(1)
		r.arrive(d)
	}
}

// A due is a session that has to begin.
type due struct {
	number, persona int
	at              time.Time
}

// arrive begins the session, or lets it wait for a user to leave.
func (r *run) arrive(d due) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.active < r.ceiling:
		r.active++
		r.sink.Active(r.active)
		r.users.Go(func() { r.serve(d) })
	case !r.backlog.push(d):
		r.sink.Dropped(1)
	}
}

// serve walks the session, and then those that have waited for it to end.
func (r *run) serve(d due) {
	for more := true; more; d, more = r.next() {
		r.walk(&r.pace, d)
	}
}

// next returns the session that has waited longest; false: nobody waits, and
// the user is gone.
func (r *run) next() (due, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.backlog.pop()
	if !ok {
		r.active--
		r.sink.Active(r.active)
	}
	return d, ok
}

// giveUp drops the sessions that still wait.
func (r *run) giveUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.backlog.waiting); n > 0 {
		r.backlog.waiting = nil
		r.sink.Dropped(n)
	}
}

// A backlog is the sessions that are due while there are as many users as may
// be, first come, first served. They keep the instant that they were due at, so
// that their wait is part of the latency of their first request.
type backlog struct {
	most    int
	waiting []due
}

func (b *backlog) push(d due) bool {
	if len(b.waiting) >= b.most {
		return false
	}
	b.waiting = append(b.waiting, d)
	return true
}

func (b *backlog) pop() (due, bool) {
	if len(b.waiting) == 0 {
		return due{}, false
	}
	d := b.waiting[0]
	b.waiting = b.waiting[1:] // append moves to a new array when this one is used up
	return d, true
}

// walk is one session that has been offered; false: it sent nothing.
func (r *run) walk(p *pace, d due) (end time.Time, ok bool) {
	u := r.newUser(d.number)
	defer u.close()
	end = d.at
	if who := &r.personas[d.persona]; u.reserve(who) {
		end = u.session(p, who, d.at, r.sink)
	}
	if !u.sent {
		r.sink.Dropped(1)
	}
	return end, u.sent
}

// join is the rest of a session in the middle of which a user is found.
func (r *run) join(p *pace, d due) (end time.Time, ok bool) {
	u := r.newUser(d.number)
	defer u.close()
	who := &r.personas[d.persona]
	if !u.reserve(who) {
		return d.at, false
	}
	return u.join(p, who, d.at, joining{r.sink}, r.joiner.place(d.persona, u.rng)), true
}

// joining is the sink of a session that joins. It is due when its first request
// is: until then its user reads, and may do so to the end of the load.
type joining struct{ Sink }

func (j joining) Started(s Start) {
	if s.New {
		j.Offered(1)
	}
	j.Sink.Started(s)
}

// count adds to the active users. The sink hears of it under the lock, so that
// it hears the numbers in their order.
func (r *run) count(d int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active += d
	r.sink.Active(r.active)
}
