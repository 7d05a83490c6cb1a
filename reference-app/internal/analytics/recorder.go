package analytics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const insertEvents = `
insert into activity_events (user_id, course_id, kind, at)
select *
from unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])`

// Event is something a user did in a course.
type Event struct {
	User, Course int64
	Kind         string
}

// The kinds of events.
const (
	ItemViewed = "item_viewed"
	Submitted  = "submitted"
	Posted     = "posted"
)

const (
	// flushEvery: long enough that a busy second costs a handful of inserts
	// instead of hundreds, short enough that a crash loses next to nothing.
	flushEvery = 60 * time.Millisecond
	// backlog is how many events may wait for a flush. Beyond it recording waits:
	// the database is then too slow to be sent more.
	backlog = 4096
)

// Recorder collects events in memory and writes them in batches, on connections
// of its own. It must not share a pool with the requests: a request that waits
// for an event to be written while it holds a connection would be waiting for
// itself as soon as all connections were held like that.
type Recorder struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	events chan entry
	quit   chan struct{}
	done   chan struct{}
}

type entry struct {
	Event
	at      time.Time
	written chan<- error // nil if nobody waits
}

// NewRecorder starts a recorder. The caller closes it.
func NewRecorder(pool *pgxpool.Pool, log *slog.Logger) *Recorder {
	r := &Recorder{
		pool:   pool,
		log:    log,
		events: make(chan entry, backlog),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	go r.run()
	return r
}

// Record leaves an event to the next flush.
func (r *Recorder) Record(ctx context.Context, e Event) error {
	return r.send(ctx, entry{Event: e, at: time.Now()})
}

// RecordAndWait returns when the event is in the database.
func (r *Recorder) RecordAndWait(ctx context.Context, e Event) error {
	written := make(chan error, 1)
	if err := r.send(ctx, entry{Event: e, at: time.Now(), written: written}); err != nil {
		return err
	}
	select {
	case err := <-written:
		return err
	case <-r.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errClosed = errors.New("record event: recorder is closed")

func (r *Recorder) send(ctx context.Context, e entry) error {
	select {
	case r.events <- e:
		return nil
	case <-r.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close writes what is left.
func (r *Recorder) Close() {
	close(r.quit)
	<-r.done
}

func (r *Recorder) run() {
	defer close(r.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.flush()
		case <-r.quit:
			r.flush()
			return
		}
	}
}

// flushTimeout: events are not worth more of a connection's time.
const flushTimeout = 10 * time.Second

func (r *Recorder) flush() {
	n := len(r.events)
	if n == 0 {
		return
	}
	batch := make([]entry, n)
	users, courses := make([]int64, n), make([]int64, n)
	kinds, times := make([]string, n), make([]time.Time, n)
	for i := range n {
		e := <-r.events
		batch[i], users[i], courses[i], kinds[i], times[i] = e, e.User, e.Course, e.Kind, e.at
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_, err := r.pool.Exec(ctx, insertEvents, users, courses, kinds, times)
	if err != nil {
		err = fmt.Errorf("record events: %w", err)
		r.log.Error("events lost", "count", n, "error", err)
	}
	for _, e := range batch {
		if e.written != nil {
			e.written <- err
		}
	}
}
