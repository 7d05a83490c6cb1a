package collect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// ApplicationName is what scalecheck's own sessions are called in
// pg_stat_activity. Collectors leave sessions of that name out.
const ApplicationName = "scalecheck"

// connectTimeout bounds one attempt. A server under load may take its time; one
// that takes longer than this is of no use for sampling either.
const connectTimeout = 5 * time.Second

// Settings keep accidents from happening (privileges are the guard against
// malice) and the session's own cost low.
const settingsSQL = `select /* scalecheck */
	pg_backend_pid(),
	set_config('default_transaction_read_only', 'on', false),
	set_config('statement_timeout', $1, false),
	set_config('lock_timeout', '200ms', false),
	set_config('idle_in_transaction_session_timeout', '10s', false),
	set_config('search_path', 'pg_catalog', false),
	set_config('max_parallel_workers_per_gather', '0', false),
	set_config('jit', 'off', false)`

// Connect opens a session that only reads. It is recognised by its
// ApplicationName, so that what it does is not taken for the application's; use
// it for every session with the database that is measured.
//
// Texts that came from elsewhere (a log, pg_stat_statements, a file) must not go
// to Exec, which runs stacked statements; Query and Prepare take one only.
func Connect(ctx context.Context, cfg *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, _, err := connect(ctx, cfg, 5*time.Second, nil)
	return conn, err
}

// connect is Connect with the statement timeout given; count, if not nil, sees
// all that the session sends. It returns the session's server process, too: a
// pooler tells its clients another one.
func connect(ctx context.Context, cfg *pgx.ConnConfig, timeout time.Duration, count pgx.QueryTracer) (conn *pgx.Conn, pid uint32, err error) {
	if cfg == nil {
		return nil, 0, hint.Wrap(errors.New("no database was given"), "give it with --db or PGHOST, PGDATABASE and PGUSER")
	}
	cfg = cfg.Copy()
	cfg.RuntimeParams["application_name"] = ApplicationName
	cfg.Tracer = count
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err = pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, 0, explainConnect(err, cfg)
	}
	row := conn.QueryRow(ctx, settingsSQL, fmt.Sprint(timeout.Milliseconds()))
	if err := row.Scan(&pid, nil, nil, nil, nil, nil, nil, nil); err != nil {
		conn.Close(ctx)
		return nil, 0, fmt.Errorf("set up session with %s: %w", address(cfg), err)
	}
	return conn, pid, nil
}

// address names a database without credentials.
func address(cfg *pgx.ConnConfig) string {
	return fmt.Sprintf("%s@%s:%d/%s", cfg.User, cfg.Host, cfg.Port, cfg.Database)
}

// explainConnect makes one line of pgx's error, which repeats itself for every
// address and TLS mode tried.
func explainConnect(err error, cfg *pgx.ConnConfig) error {
	text := "connect to " + address(cfg)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		var inner *pgconn.ConnectError
		if errors.As(err, &inner) && inner.Unwrap() != nil {
			err = inner.Unwrap()
		}
		return hint.Wrap(&lineError{text, err}, "is PostgreSQL running there, and may this machine connect?")
	}
	err = fmt.Errorf("%s: %s (%s): %w", text, pgErr.Message, pgErr.Code, errAnswered)
	switch pgErr.Code {
	case "28P01", "28000":
		return hint.Wrap(err, "check the user, and put the password in PGPASSWORD, ~/.pgpass or a service file")
	case "3D000":
		return hint.Wrap(err, "check the name of the database")
	case "42501":
		return hint.Wrapf(err, "GRANT CONNECT ON DATABASE %s TO %s", pgx.Identifier{cfg.Database}.Sanitize(), pgx.Identifier{cfg.User}.Sanitize())
	case "53300":
		return hint.Wrap(err, "scalecheck needs 3 connections: free some, or raise max_connections or the role's connection limit")
	}
	return err
}

// errAnswered marks an error that a living server gave.
var errAnswered = errors.New("the server answered")

// lineError is an error on one line, whatever the one inside looks like. pgx has
// a line for every address and TLS mode that it tried: the same one is said once.
type lineError struct {
	doing string
	err   error
}

func (e *lineError) Error() string {
	var lines []string
	for line := range strings.Lines(e.err.Error()) {
		if line = strings.Join(strings.Fields(line), " "); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return e.doing + ": " + strings.Join(lines, "; ")
}

func (e *lineError) Unwrap() error { return e.err }

// ParseDatabase reads a connection string as libpq does: a URL or keywords, and
// what it leaves out from the PG* environment variables, a service file and a
// password file. An empty one is all environment.
//
// One with a password is refused: command lines are seen by every user of the
// machine, and stay in shell histories and CI logs. No error repeats the string.
func ParseDatabase(dsn string) (*pgx.ConnConfig, error) {
	if hasPassword(dsn) {
		return nil, hint.Wrap(errors.New("connection string: it contains a password, which the command line shows to everybody"),
			"leave it out and set PGPASSWORD, or put it in ~/.pgpass or a service file")
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// ParseConfigError prints the string, options included.
		if inner := errors.Unwrap(err); inner != nil {
			return nil, fmt.Errorf("connection string: %w", inner)
		}
		return nil, hint.Wrap(errors.New("connection string: not understood"), "use postgres://USER@HOST:PORT/DATABASE or 'host=… dbname=… user=…'")
	}
	if cfg.Host == "" {
		return nil, hint.Wrap(errors.New("connection string: no host"), "use postgres://USER@HOST:PORT/DATABASE or set PGHOST")
	}
	return cfg, nil
}

var passwordWord = regexp.MustCompile(`(?i)(^|[\s&?])(ssl)?password\s*=`)

func hasPassword(dsn string) bool {
	if passwordWord.MatchString(dsn) {
		return true
	}
	_, rest, isURL := strings.Cut(dsn, "://")
	if !isURL {
		return false
	}
	if u, err := url.Parse(dsn); err == nil {
		_, set := u.User.Password()
		for k := range u.Query() {
			set = set || strings.HasSuffix(strings.ToLower(k), "password")
		}
		return set
	}
	// Broken, and perhaps because of what is in the password.
	login, _, ok := strings.Cut(rest, "@")
	return ok && strings.Contains(login, ":")
}
