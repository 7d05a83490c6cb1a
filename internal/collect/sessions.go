package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Sessions samples pg_stat_activity.
var Sessions = &Collector{
	Name: "sessions",
	Kind: evidence.Sessions,
	Doc: `what sessions were doing and waiting for, from pg_stat_activity, 20 times a second

Counts the sessions of this database that are not idle, by statement, state, wait
event, application and backend type; the average over the samples is the number of
average active sessions (AAS), the database's share of the requests in flight, and
how many of an application's were busy at a time. As many as ever in most samples may
mean that requests wait for a worker or a connection, which no other counter shows.
Background processes count while they work. While any session waits for a lock, up
to four times a second pg_blocking_pids is followed to the transaction that waits
for no lock itself: the root.

At the end of a window it lists who keeps VACUUM from removing dead rows: old
snapshots and transactions, prepared transactions, replication slots.

A session without a wait event is on a CPU or waits for one; only the processes
collector can tell which. On PostgreSQL 13, and wherever a statement has no id yet
(it waits for a lock on a table while it is being parsed), the statement's ID is the
fingerprint of its redacted text, unless the statements collector has met the
same text with one id only. A parallel worker works on its leader's statement.

Where statements carry comments that say who sends them (sqlcommenter, or those of
Rails), the route, or controller and action, is noted and all else in them dropped. A
comment at the end of a text longer than track_activity_query_size is not seen.

Costs about 1 % of one core; where observing takes more than its share of the
machine, samples are taken half as often. Needs the role pg_read_all_stats to see other users'
sessions.`,
	Start: startSessions,
}

// sampleInterval: 20 Hz for 30 s are 600 samples, which gives a share of one half
// to within 4 %. 100 Hz costs 4 % of a core and tells nothing more about waits
// longer than 25 ms.
const sampleInterval = 50 * time.Millisecond

// jitter moves each sample by up to a tenth of the interval, so that an
// application that does something 20 times a second is not always caught at it.
const jitter = 0.1

// A comment behind the statement or before it travels without the statement; another
// database may have another encoding. The patterns have no backslash:
// standard_conforming_strings may be off.
const activityColumns = `
	pid,
	coalesce(leader_pid, 0),
	coalesce(state, 'active'),
	coalesce(wait_event_type, ''),
	coalesce(wait_event, ''),
	coalesce(application_name, ''),
	coalesce(backend_type, ''),
	coalesce(extract(epoch from clock_timestamp() - xact_start), 0)::float8,
	case
		when datname = current_database() and query like '%*/%'
		then coalesce(substring(query from '/[*]([^*]*)[*]/[[:space:];]*$'), substring(query from '^[[:space:]]*/[*]([^*]*)[*]/'), '')
		else ''
	end`

// With query_id (14 and later), texts travel for statements without one only.
const (
	withID    = `, coalesce(query_id, 0), case when query_id is null then coalesce(query, '') else '' end`
	withoutID = `, 0::int8, coalesce(query, '')`
)

// Auxiliary processes belong to no database and have no state; asleep they wait
// for an Activity, or for a Timeout between two writes of a checkpoint.
const activityWhere = ` from pg_stat_activity
where (datid = $1 and state <> 'idle'
		or datid is null and backend_type <> 'client backend' and coalesce(wait_event_type, '') not in ('Activity', 'Timeout'))
	and application_name <> 'scalecheck'`

const sessionsStartSQL = `select /* scalecheck */
	(select oid from pg_database where datname = current_database()),
	exists (select from pg_attribute where attrelid = 'pg_stat_activity'::regclass and attname = 'query_id'),
	pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
	current_setting('track_activities') = 'on',
	current_user::text`

// A session is one row of pg_stat_activity.
type session struct {
	pid, leader int32
	evidence.Activity
	age float64 // of the transaction, in seconds
}

type sessions struct {
	link     *link
	hub      *hub
	notes    Notes
	database uint32
	activity string // SELECT list
	holders  string // the query for them
	known    map[int64]string
	texts    map[string]string // raw text → ID
	senders  map[string]bool   // seen so far

	stop context.CancelFunc
	done sync.WaitGroup

	mu  sync.Mutex
	acc *activity
	new map[string]evidence.Text // to be noted by the next Cut
}

// An activity is what was sampled since the last cut.
type activity struct {
	begin    time.Time
	samples  int
	planned  int
	counts   map[evidence.Activity]int
	peak     int              // most clients in a sample
	busy     map[string][]int // application → looks, as in evidence.Busy
	locked   int              // sessions waiting for a lock, all samples together
	blockers map[evidence.Blocker]*blocking
	asked    time.Time // for blockers, last
	err      error     // of the last sample that failed
}

func newActivity() *activity {
	return &activity{begin: time.Now(), counts: map[evidence.Activity]int{}, busy: map[string][]int{}, blockers: map[evidence.Blocker]*blocking{}}
}

func startSessions(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, err := t.link(ctx, 2*time.Second)
	if err != nil {
		return nil, err
	}
	s := &sessions{link: l, hub: t.hub, notes: n, known: map[int64]string{}, texts: map[string]string{}, senders: map[string]bool{}, acc: newActivity(), new: map[string]evidence.Text{}}
	var ids, all, tracked bool
	var user string
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, sessionsStartSQL).Scan(&s.database, &ids, &all, &tracked, &user)
	})
	if err == nil && !tracked {
		err = errors.New("track_activities is off")
	}
	if err == nil && !all {
		err = n.Missing(evidence.Sessions, fmt.Sprintf("sessions of other users are hidden from role %s; GRANT pg_read_all_stats TO %s", user, pgx.Identifier{user}.Sanitize()))
	}
	if err == nil && l.pooled {
		err = n.Missing(evidence.Sessions, "requests that wait for a connection: the database is reached through a pooler, whose queue PostgreSQL does not know; give the server's own address")
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("read pg_stat_activity: %w", err)
	}
	id := withoutID
	if ids {
		id = withID
	}
	s.activity = "select /* scalecheck */" + activityColumns + id
	s.holders = fmt.Sprintf(holdersSQL, id)
	sampling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = cancel
	s.done.Go(func() { s.run(sampling) })
	return s, nil
}

func (s *sessions) Close() {
	s.stop()
	s.done.Wait()
	s.link.close()
}

// run samples until ctx ends.
func (s *sessions) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := s.link.do(ctx, s.sample)
		// Samples that were missed stay missed.
		interval := s.hub.paced(sampleInterval)
		slots := 1 + max(0, int(time.Since(due)/interval))
		due = due.Add(time.Duration(slots) * interval)
		s.mu.Lock()
		s.acc.planned += slots
		if err != nil && ctx.Err() == nil {
			s.acc.err = err
		}
		s.mu.Unlock()
		shift := time.Duration((rand.Float64()*2 - 1) * jitter * float64(interval))
		timer.Reset(time.Until(due.Add(shift)))
	}
}

// sample looks at the sessions once. It is not in a transaction: there the
// server would show the same snapshot again.
func (s *sessions) sample(ctx context.Context, c *pgx.Conn) error {
	rows, err := s.read(ctx, c, activityWhere, s.database)
	if err != nil {
		return err
	}
	var waiting []int32
	for _, r := range rows {
		if r.WaitClass == "Lock" {
			waiting = append(waiting, r.pid)
		}
	}
	s.mu.Lock()
	a := s.acc
	a.samples++
	clients, busy := 0, map[string]int{}
	for _, r := range rows {
		a.counts[r.Activity]++
		if r.Backend == evidence.ClientBackend {
			clients++
			busy[r.Application]++
		}
	}
	a.peak = max(a.peak, clients)
	for app, n := range busy {
		looks := a.busy[app]
		for len(looks) < n {
			looks = append(looks, 0)
		}
		looks[n-1]++
		a.busy[app] = looks
	}
	a.locked += len(waiting)
	ask := len(waiting) > 0 && time.Since(a.asked) > blockerInterval
	if ask {
		a.asked = time.Now()
	}
	s.mu.Unlock()
	if !ask {
		return nil
	}
	found, err := s.findRoots(ctx, c, rows, waiting)
	if err != nil {
		return fmt.Errorf("find who blocks: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// A cut in between has opened another window; these waits were still seen.
	for _, f := range found {
		s.acc.block(f)
	}
	return nil
}

// read returns sessions with their statements resolved.
func (s *sessions) read(ctx context.Context, c *pgx.Conn, where string, arg any) ([]session, error) {
	rows, err := c.Query(ctx, s.activity+where, arg)
	if err != nil {
		return nil, err
	}
	var out []session
	var r session
	var id int64
	var comment, text string
	_, err = pgx.ForEachRow(rows, []any{&r.pid, &r.leader, &r.State, &r.WaitClass, &r.WaitEvent, &r.Application, &r.Backend, &r.age, &comment, &id, &text}, func() error {
		r.Statement = s.statement(id, text)
		r.Sender = s.sender(comment)
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		if out[i].leader == 0 || out[i].Statement != "" && out[i].Statement[0] != 'f' {
			continue
		}
		for _, l := range out {
			if l.pid == out[i].leader {
				out[i].Statement = l.Statement
			}
		}
	}
	return out, nil
}

// maxTexts bounds the memory for statements that come without an id. They hold
// literals, so that there may be any number of them.
const maxTexts = 2000

// statement returns the ID for a row's query_id, or else for its text.
func (s *sessions) statement(id int64, text string) string {
	if id != 0 {
		name, ok := s.known[id]
		if !ok {
			name = evidence.StatementID(id)
			s.known[id] = name
		}
		return name
	}
	if text == "" || text == "<insufficient privilege>" {
		return ""
	}
	name, ok := s.texts[text]
	if ok {
		return name
	}
	redacted := evidence.Redact(text)
	name = evidence.TextID(redacted)
	if len(s.texts) >= maxTexts {
		clear(s.texts)
	}
	s.texts[text] = name
	s.mu.Lock()
	s.new[name] = redacted
	s.mu.Unlock()
	return name
}

// maxSenders bounds what a window holds: an application has some hundred routes. One
// that puts addresses there has any number, and those say nothing.
const maxSenders = 500

// sender returns who sends a statement, by its comment.
func (s *sessions) sender(comment string) string {
	if comment == "" {
		return ""
	}
	name := evidence.Sender(comment)
	if !s.senders[name] {
		if len(s.senders) >= maxSenders {
			return ""
		}
		s.senders[name] = true
	}
	return name
}

// resolve returns the ID that a statement without one has elsewhere. Between its
// arrival and its parsing every statement is without one for a moment.
func (s *sessions) resolve(id string) string {
	if fingerprint, ok := strings.CutPrefix(id, "f:"); ok && s.hub != nil {
		return cmp.Or(s.hub.lookUp(fingerprint), id)
	}
	return id
}

// minShare: an average over half of the samples that should have been says
// little about a system under load, since they are missed when it is busiest.
const minShare = 0.5

func (s *sessions) Cut(ctx context.Context, w *evidence.Window) error {
	if err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error { return s.findHolders(ctx, c, w) }); err != nil {
		w.Caveats = append(w.Caveats, "who keeps dead rows from being removed: "+Reason(err))
	}
	s.mu.Lock()
	a, texts := s.acc, s.new
	s.acc, s.new = newActivity(), map[string]evidence.Text{}
	s.acc.asked = a.asked
	s.mu.Unlock()
	elapsed := s.acc.begin.Sub(a.begin)
	stats := &evidence.SessionStats{
		Samples:  a.samples,
		Peak:     a.peak,
		Planned:  max(a.samples, a.planned),
		Interval: scenarios.Seconds(s.hub.paced(sampleInterval).Seconds()),
	}
	if len(texts) > 0 {
		if err := s.notes.Texts(texts); err != nil {
			return err
		}
	}
	if a.samples == 0 {
		if a.err != nil {
			return fmt.Errorf("no sample in %.1f s: %w", elapsed.Seconds(), a.err)
		}
		return fmt.Errorf("no sample in %.1f s", elapsed.Seconds())
	}
	if float64(stats.Samples) < minShare*float64(stats.Planned) {
		w.Caveats = append(w.Caveats, fmt.Sprintf("only %d of %d samples could be taken", stats.Samples, stats.Planned))
	}
	for _, app := range slices.Sorted(maps.Keys(a.busy)) {
		stats.Busy = append(stats.Busy, evidence.Busy{Application: app, Looks: a.busy[app]})
	}
	counts := map[evidence.Activity]int{}
	for k, n := range a.counts {
		k.Statement = s.resolve(k.Statement)
		counts[k] += n
	}
	for k, n := range counts {
		k.AAS = float64(n) / float64(a.samples)
		stats.Activity = append(stats.Activity, k)
	}
	slices.SortFunc(stats.Activity, func(a, b evidence.Activity) int {
		return cmp.Or(cmp.Compare(b.AAS, a.AAS), cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.State, b.State),
			cmp.Compare(a.WaitEvent, b.WaitEvent), cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Application, b.Application), cmp.Compare(a.Sender, b.Sender))
	})
	stats.Blockers = a.roots(s.resolve)
	w.Sessions = stats
	return nil
}
