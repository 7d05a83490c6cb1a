package engine

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// grace is how long requests that are under way at the end may go on.
const grace = 5 * time.Second

// Run follows the stages of the plan from now on. It returns when all of them
// are over or ctx ends; requests under way get a few seconds to finish, and
// count as "unfinished" if they don't. The error says that the plan could not
// be followed, never that the target failed or that ctx ended.
func Run(ctx context.Context, o Options, sink Sink) error {
	w, err := newWalker(o)
	if err != nil {
		return err
	}
	defer w.transport.CloseIdleConnections()
	begin := time.Now()
	var length scenarios.Seconds
	for _, s := range o.Plan.Stages {
		length += s.Length()
	}
	if limit := w.limits.Duration; limit > 0 {
		length = min(length, limit)
	}
	load, over := context.WithDeadline(ctx, begin.Add(length.Duration()))
	defer over()
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()

	r := &run{walker: w, sink: sink, stopped: ctx, load: load, requests: requests, rng: stream(w.seed, -1)}
	r.end, _ = load.Deadline()
	for _, s := range o.Plan.Stages {
		r.seats = max(r.seats, int(math.Round(s.Users)))
	}
	if r.seats > 0 {
		r.joiner = newJoiner(w.program, o.Scenario, o.Segment)
	}
	at := begin
	for _, s := range o.Plan.Stages {
		r.stage(s, at)
		at = at.Add(s.Length().Duration())
	}
	<-load.Done()
	last := time.AfterFunc(grace, cut)
	defer last.Stop()
	r.users.Wait()
	return nil
}

type run struct {
	*walker
	sink     Sink
	stopped  context.Context // the caller's
	load     context.Context // over at the end as well
	requests context.Context // over when the grace is
	end      time.Time
	users    sync.WaitGroup
	target   atomic.Int64 // closed load: users of all processes at once

	// Sessions 1 to seats are those that join in closed load; others follow.
	seats  int
	joined int // highest one so far
	joiner *joiner

	mu     sync.Mutex
	active int

	// rng makes arrivals, the same in every process that shares the plan.
	rng *rand.Rand
}

// stage runs one stage from start to its end.
func (r *run) stage(s scenarios.Stage, start time.Time) {
	end := start.Add(s.Length().Duration())
	before := r.target.Load()
	users := int64(math.Round(s.Users))
	r.target.Store(users)
	here := &pace{load: r.load}
	if s.Rate > 0 {
		r.arrivals(s.Rate, start, end)
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
	p := &pace{r.load, r.requests, func() bool { return int64(i) <= r.target.Load() }}
	number, joins := i, persona >= 0
	for p.load.Err() == nil && p.wanted() {
		if !joins {
			number, persona = r.draw.nextOwn(r.seats)
		}
		next, ok := r.walk(p, number, persona, at, joins)
		if joins = false; !ok {
			// An exclusive value is missing. The plan has made sure that there are
			// enough, so that somebody is about to give one back.
			next = time.Now().Add(time.Second)
			p.wait(next)
		}
		at = next
	}
}

// arrivals starts sessions as a Poisson process.
func (r *run) arrivals(rate float64, start, end time.Time) {
	p := &pace{r.load, r.requests, nil}
	// Without a ceiling on users one is still needed: a target that has stopped
	// answering would take all memory.
	ceiling := r.limits.Users
	if ceiling <= 0 {
		ceiling = scenarios.DefaultLimits().Users
	}
	ceiling = max(1, math.Floor(ceiling*r.draw.share()))
	for at := start; ; {
		// The gap that crosses the end of a stage is drawn anew in the next one:
		// the process has no memory.
		at = at.Add(time.Duration(r.rng.ExpFloat64() / rate * float64(time.Second)))
		if !at.Before(end) {
			p.wait(end)
			return
		}
		number, persona := r.draw.next()
		number += r.seats
		if !r.draw.owns(number) {
			continue
		}
		// What was due before the end is sent even if we are late for it, so that
		// the load offered does not depend on how busy this machine is.
		if !p.wait(at) && (r.stopped.Err() != nil || at.After(r.end)) {
			return
		}
		if !r.admit(int(ceiling)) {
			r.sink.Dropped(1)
			continue
		}
		r.users.Go(func() {
			defer r.count(-1)
			r.walk(p, number, persona, at, false)
		})
	}
}

// walk is one session; false: it sent nothing.
func (r *run) walk(p *pace, number, persona int, at time.Time, joins bool) (end time.Time, ok bool) {
	u := r.newUser(number)
	defer u.close()
	who := &r.personas[persona]
	if !u.reserve(who) {
		r.sink.Dropped(1)
		return at, false
	}
	if joins {
		end = u.join(p, who, at, r.sink, r.joiner.place(persona, u.rng))
	} else {
		end = u.session(p, who, at, r.sink)
	}
	return end, u.sent || joins // who joins may have come for the last moment only
}

// count adds to the active users. The sink hears of it under the lock, so that
// it hears the numbers in their order.
func (r *run) count(d int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active += d
	r.sink.Active(r.active)
}

// admit counts another active user unless there are too many.
func (r *run) admit(ceiling int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active >= ceiling {
		return false
	}
	r.active++
	r.sink.Active(r.active)
	return true
}
