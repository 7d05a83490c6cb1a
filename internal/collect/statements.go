package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
)

// Statements reads pg_stat_statements.
var Statements = &Collector{
	Name: "statements",
	Kind: evidence.Statements,
	Doc: `what each statement did, from pg_stat_statements

Calls, execution time and its spread, planning, rows, blocks, WAL, temporary blocks
and JIT of every statement of this database, whichever user sent it, as differences
between two readings. Statements that are in both an ordinary call and a function or trigger have two
rows; those that ended in an error have none. Within a window calls, time and
blocks of the busiest statements are read every five seconds, for its slices.

Needs the extension in this database and, for statements of other users, the role
pg_read_all_stats. Numbers are read without texts, which costs about 5 µs an
entry; the text of a statement is read once, when it first shows up, redacted. A
text that can't be read (one bad byte in any database of the server is enough)
leaves the numbers alone. Works with the extension from 1.8 (PostgreSQL 13).

A window in which somebody reset pg_stat_statements has no statements; entries
whose counters went backwards are left out. When the server evicted entries,
because there are more than pg_stat_statements.max, counts are lower bounds.`,
	Start: startStatements,
}

const extensionSQL = `select /* scalecheck */
	n.nspname::text,
	(select array_agg(proname::text || '.' || arg)
		from pg_proc p, unnest(p.proargnames) arg
		where p.pronamespace = n.oid and p.proname in ('pg_stat_statements', 'pg_stat_statements_info')),
	(select oid from pg_database where datname = current_database())
from pg_extension x
join pg_namespace n on n.oid = x.extnamespace
where x.extname = 'pg_stat_statements'`

// An extension's settings are listed once it is loaded; before, they may be in
// postgresql.conf all the same, and current_setting knows them.
const preloadedSQL = `select /* scalecheck */
	exists (select from pg_settings where name = 'pg_stat_statements.max'),
	coalesce(current_setting('pg_stat_statements.track', true), ''),
	current_database()::text,
	current_user::text`

// columns says what Statement's counters are in which version; the first
// expression whose columns all exist is taken. Times are in milliseconds.
var columns = [...]struct {
	what  string // for who lacks it
	exprs []string
}{
	{"calls", []string{"calls"}},
	{"execution time", []string{"total_exec_time", "total_time"}},
	{"planning time", []string{"total_plan_time"}},
	{"rows", []string{"rows"}},
	{"blocks", []string{"shared_blks_hit"}},
	{"blocks", []string{"shared_blks_read"}},
	{"blocks", []string{"shared_blks_dirtied"}},
	{"blocks", []string{"shared_blks_written"}},
	{"temporary blocks", []string{"temp_blks_read"}},
	{"temporary blocks", []string{"temp_blks_written"}},
	{"block times", []string{"shared_blk_read_time", "blk_read_time"}}, // renamed in 1.11 (PostgreSQL 17)
	{"block times", []string{"shared_blk_write_time", "blk_write_time"}},
	{"times of temporary blocks", []string{"temp_blk_read_time + temp_blk_write_time"}}, // from 1.10 (15)
	{"WAL", []string{"wal_bytes"}},
	{"WAL", []string{"wal_records"}},
	{"WAL", []string{"wal_fpi"}},
	{"plans", []string{"plans"}},
	{"JIT", []string{"jit_functions"}}, // from 1.10 (15)
	// Deforming (from 1.11) is part of generation.
	{"JIT", []string{"jit_generation_time + jit_inlining_time + jit_optimization_time + jit_emission_time"}},
	// The sum of the squares of the calls' times: of two readings' means and standard
	// deviations nothing can be said about what lies between them, of this it can.
	squares: {"spread of times", []string{"calls * (mean_exec_time ^ 2 + stddev_exec_time ^ 2)"}},
}

// squares is the last of the columns. It is computed, so that it may lose a bit
// where a counter would stand still.
const squares = 19

// counters are the values of columns.
type counters [len(columns)]float64

func (c *counters) statement(id string, nested, own bool) evidence.Statement {
	s := evidence.Statement{
		ID: id, Nested: nested, Own: own,
		Calls: c[0], Seconds: c[1] / 1e3, Plan: c[2] / 1e3, Rows: c[3],
		Hit: c[4], Read: c[5], Dirtied: c[6], Written: c[7],
		Temp: c[8] + c[9], TempRead: c[8], TempWritten: c[9],
		ReadTime: c[10] / 1e3, WriteTime: c[11] / 1e3, TempTime: c[12] / 1e3,
		WAL: c[13], WALRecords: c[14], FullPages: c[15],
		Plans: c[16], JITUses: c[17], JITTime: c[18] / 1e3,
	}
	// SD² = Σx²/n − mean²
	if s.Calls > 1 {
		mean := c[1] / c[0]
		s.SD = math.Sqrt(max(0, c[squares]/c[0]-mean*mean)) / 1e3
	}
	return s
}

// An entry is one row's key. The database is always ours.
type entry struct {
	user  uint32
	query int64
	top   bool
}

type row struct {
	counters
	since float64 // when the entry was made, from 1.11 (PostgreSQL 17); else 0
}

// A reading is pg_stat_statements at one time.
type reading struct {
	rows       map[entry]row
	hidden     counters // of rows that this role may not see
	hiddenRows int
	reset      time.Time // of everything; zero before 1.9 (PostgreSQL 14)
	dealloc    float64
}

type statements struct {
	link     *link
	hub      *hub
	notes    Notes
	database uint32
	schema   string
	user     string

	numbersSQL, sliceSQL, textsSQL, infoSQL string

	last     *reading        // nil after an error
	sliced   load            // at the last slice or cut; nil after an error
	texts    map[int64]bool  // statements whose text is known → is it our own
	failures int             // of reading texts
	noted    map[string]bool // reasons given
}

// statementsTimeout: reading a text file of 250 MB takes seconds. Numbers and
// texts, one after the other, must fit into a cut.
const statementsTimeout = 6 * time.Second

func startStatements(ctx context.Context, t *Target, n Notes) (Running, error) {
	l, err := t.link(ctx, statementsTimeout)
	if err != nil {
		return nil, err
	}
	s := &statements{link: l, hub: t.hub, notes: n, texts: map[int64]bool{}, noted: map[string]bool{}}
	err = l.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		if err := s.discover(ctx, c); err != nil {
			return err
		}
		s.last, err = s.read(ctx, c)
		return err
	})
	if err != nil {
		l.close()
		return nil, fmt.Errorf("read pg_stat_statements: %w", err)
	}
	s.sliced = s.last.load()
	return s, nil
}

func (s *statements) Close() { s.link.close() }

// discover finds out where the extension is and which columns it has.
func (s *statements) discover(ctx context.Context, c *pgx.Conn) error {
	var loaded bool
	var track, database string
	if err := c.QueryRow(ctx, preloadedSQL).Scan(&loaded, &track, &database, &s.user); err != nil {
		return err
	}
	var args []string
	err := c.QueryRow(ctx, extensionSQL).Scan(&s.schema, &args, &s.database)
	switch {
	case errors.Is(err, pgx.ErrNoRows) && loaded:
		return hint.Wrapf(fmt.Errorf("the extension is loaded but not created in database %s", database),
			"as a superuser in that database: CREATE EXTENSION pg_stat_statements")
	case errors.Is(err, pgx.ErrNoRows):
		return hint.Wrap(fmt.Errorf("the extension is not created in database %s", database),
			"add pg_stat_statements to shared_preload_libraries, restart PostgreSQL, then CREATE EXTENSION pg_stat_statements")
	case err != nil:
		return err
	}
	if track == "none" {
		if err := s.missing("pg_stat_statements.track is none: statements are not counted; set it to top"); err != nil {
			return err
		}
	}
	has := map[string]bool{}
	for _, a := range args {
		has[a] = true
	}
	column := func(expr string) bool {
		for _, name := range strings.FieldsFunc(expr, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
			if !has["pg_stat_statements."+name] {
				return false
			}
		}
		return true
	}
	var list, lacks []string
	for _, c := range columns {
		expr := "0"
		if i := slices.IndexFunc(c.exprs, column); i >= 0 {
			expr = c.exprs[i]
		} else if !slices.Contains(lacks, c.what) {
			lacks = append(lacks, c.what)
		}
		list = append(list, "("+expr+")::float8")
	}
	if len(lacks) > 0 {
		if err := s.missing("this version of pg_stat_statements does not count: " + strings.Join(lacks, ", ")); err != nil {
			return err
		}
	}
	top, since := "true", "0::float8"
	if column("toplevel") {
		top = "toplevel"
	}
	if column("stats_since") {
		since = "extract(epoch from stats_since)::float8"
	}
	schema := pgx.Identifier{s.schema}.Sanitize()
	s.numbersSQL = "select /* scalecheck */ userid, queryid, " + top + ", " + since + ", " + strings.Join(list, ", ") +
		" from " + schema + ".pg_stat_statements(false) where dbid = $1"
	s.sliceSQL = "select /* scalecheck */ queryid, " + strings.Join([]string{list[0], list[1], list[4], list[5]}, ", ") +
		" from " + schema + ".pg_stat_statements(false) where dbid = $1 and queryid is not null"
	s.textsSQL = "select /* scalecheck */ queryid, query from " + schema + ".pg_stat_statements(true) where dbid = $1 and queryid = any($2)"
	if has["pg_stat_statements_info.dealloc"] {
		s.infoSQL = "select /* scalecheck */ dealloc::float8, stats_reset from " + schema + ".pg_stat_statements_info()"
	}
	return nil
}

func (s *statements) read(ctx context.Context, c *pgx.Conn) (*reading, error) {
	r := &reading{rows: map[entry]row{}}
	rows, err := c.Query(ctx, s.numbersSQL, s.database)
	if err != nil {
		return nil, s.explain(err)
	}
	var e entry
	var id *int64
	var v row
	into := []any{&e.user, &id, &e.top, &v.since}
	for i := range v.counters {
		into = append(into, &v.counters[i])
	}
	_, err = pgx.ForEachRow(rows, into, func() error {
		if id == nil {
			r.hiddenRows++
			add(&r.hidden, &v.counters)
			return nil
		}
		e.query = *id
		r.rows[e] = v
		return nil
	})
	if err != nil {
		return nil, s.explain(err)
	}
	if s.infoSQL != "" {
		var reset *time.Time
		if err := c.QueryRow(ctx, s.infoSQL).Scan(&r.dealloc, &reset); err != nil {
			return nil, s.explain(err)
		}
		if reset != nil {
			r.reset = *reset
		}
	}
	return r, nil
}

func (s *statements) explain(err error) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "55000": // object_not_in_prerequisite_state
		return hint.Wrap(errors.New("the extension is created but not loaded"),
			"add pg_stat_statements to shared_preload_libraries and restart PostgreSQL")
	case "42501": // insufficient_privilege
		return hint.Wrapf(fmt.Errorf("role %s may not read it: %s", s.user, pgErr.Message),
			"GRANT USAGE ON SCHEMA %s TO %s", pgx.Identifier{s.schema}.Sanitize(), pgx.Identifier{s.user}.Sanitize())
	}
	return err
}

func add(to, v *counters) {
	for i := range to {
		to[i] += v[i]
	}
}

// missing notes a reason once.
func (s *statements) missing(reason string) error {
	if s.noted[reason] {
		return nil
	}
	s.noted[reason] = true
	return s.notes.Missing(evidence.Statements, reason)
}

func (s *statements) Cut(ctx context.Context, w *evidence.Window) error {
	last := s.last
	s.last, s.sliced = nil, nil
	var now *reading
	err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		now, err = s.read(ctx, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("read pg_stat_statements: %w", err)
	}
	s.last, s.sliced = now, now.load()
	if last == nil {
		return errors.New("the window's begin was not measured")
	}
	done, caveats := difference(last, now)
	w.Caveats = append(w.Caveats, caveats...)
	w.Database = &evidence.Database{Dealloc: max(0, now.dealloc-last.dealloc)}
	if err := s.hidden(last, now, w); err != nil {
		return err
	}
	if err := s.readTexts(ctx, done); err != nil {
		return err
	}
	w.Statements = s.sum(done)
	return nil
}

// difference returns what happened between two readings, and what is wrong with it.
func difference(last, now *reading) (map[entry]counters, []string) {
	var caveats []string
	if !now.reset.Equal(last.reset) {
		return nil, []string{evidence.StatisticsBroken + "somebody reset pg_stat_statements: this window's statements are left out"}
	}
	done := map[entry]counters{}
	backwards, kept := 0, 0
	for e, v := range now.rows {
		before, known := last.rows[e]
		if known {
			kept++
		}
		d, ok := minus(v, before)
		switch {
		case !ok:
			backwards++
		case d[0] > 0:
			done[e] = d
		}
	}
	gone := len(last.rows) - kept
	evicted := now.dealloc - last.dealloc
	if evicted > 0 {
		caveats = append(caveats, evidence.StatisticsBroken+fmt.Sprintf("pg_stat_statements evicted entries (%.0f times): counts are lower bounds; raise pg_stat_statements.max", evicted))
	}
	// Before 1.9 nothing else tells of a reset; eviction takes 5 % at a time.
	if now.reset.IsZero() && evicted <= 0 && gone+backwards > len(last.rows)/2 && len(last.rows) > 0 {
		return nil, []string{evidence.StatisticsBroken + "most of pg_stat_statements' entries are gone, it was probably reset: this window's statements are left out"}
	}
	if backwards > 0 {
		caveats = append(caveats, evidence.StatisticsBroken+fmt.Sprintf("counters of %d statements went backwards (reset or evicted): they are left out", backwards))
	}
	if gone > 0 && evicted <= 0 {
		caveats = append(caveats, evidence.StatisticsBroken+fmt.Sprintf("%d statements disappeared from pg_stat_statements (reset or evicted)", gone))
	}
	return done, caveats
}

// minus returns v − before, or false when the entry is another one by now.
func minus(v, before row) (counters, bool) {
	var d counters
	if before.since != 0 && v.since != before.since {
		return d, false
	}
	for i := range d {
		d[i] = v.counters[i] - before.counters[i]
		switch {
		case d[i] >= 0:
		case i == squares:
			d[i] = 0
		default:
			return d, false
		}
	}
	return d, true
}

func (s *statements) hidden(last, now *reading, w *evidence.Window) error {
	if now.hiddenRows == 0 {
		return nil
	}
	if calls := now.hidden[0] - last.hidden[0]; calls > 0 {
		w.Caveats = append(w.Caveats, fmt.Sprintf("%.0f calls of other users' statements are hidden from role %s", calls, s.user))
	}
	return s.missing(fmt.Sprintf("statements of other users are hidden from role %s; GRANT pg_read_all_stats TO %s", s.user, pgx.Identifier{s.user}.Sanitize()))
}

// maxFailures: texts that could not be read three times will not be read the
// fourth time, and each attempt may take long.
const maxFailures = 3

// readTexts reads the texts of statements that show up for the first time. That
// it fails, or takes too long, is no error: the numbers stand without.
func (s *statements) readTexts(ctx context.Context, done map[entry]counters) error {
	var ids []int64
	for e := range done {
		if _, known := s.texts[e.query]; !known {
			ids = append(ids, e.query)
		}
	}
	if len(ids) == 0 || s.failures >= maxFailures {
		return nil
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	texts := map[string]evidence.Text{}
	err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, s.textsSQL, s.database, ids)
		if err != nil {
			return err
		}
		var id int64
		var text *string
		_, err = pgx.ForEachRow(rows, []any{&id, &text}, func() error {
			if text == nil || *text == "<insufficient privilege>" {
				return nil
			}
			s.texts[id] = strings.Contains(*text, marker)
			redacted := evidence.Redact(*text)
			texts[evidence.StatementID(id)] = redacted
			if s.hub != nil && !s.texts[id] {
				s.hub.learn(redacted.Fingerprint, evidence.StatementID(id))
			}
			return nil
		})
		return err
	})
	if err != nil {
		s.failures++
		if err := s.missing("texts of statements: " + explainText(err)); err != nil {
			return err
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return s.notes.Texts(texts)
}

// marker is in all of our own statements.
const marker = "/* scalecheck */"

func explainText(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == "22021" {
		return "a statement in some database of this server holds bytes that are not valid here, so that PostgreSQL shows none (" + pgErr.Message + ")"
	}
	return err.Error()
}

// sum adds up the users of a statement.
func (s *statements) sum(done map[entry]counters) []evidence.Statement {
	type key struct {
		query int64
		top   bool
	}
	sums := map[key]counters{}
	for e, d := range done {
		k := key{e.query, e.top}
		sum := sums[k]
		add(&sum, &d)
		sums[k] = sum
	}
	out := make([]evidence.Statement, 0, len(sums))
	for k, d := range sums {
		out = append(out, d.statement(evidence.StatementID(k.query), !k.top, s.texts[k.query]))
	}
	slices.SortFunc(out, func(a, b evidence.Statement) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.ID, b.ID), boolCompare(a.Nested, b.Nested))
	})
	return out
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
