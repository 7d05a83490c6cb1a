package pg

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// The names of our databases. On a private server all of these are ours; on a foreign one only those that this process
// created.
const (
	prefix         = "scalecheck_"          // a run's database on a foreign server
	runPrefix      = "scalecheck_run_"      // a run's database on a private server; leftovers are dropped at its start
	buildingPrefix = "scalecheck_building_" // a template that is being built; leftovers are dropped too
	templatePrefix = "scalecheck_template_" // a template that is complete
)

// defaultKeep is how many template databases a cached cluster keeps: every seed and size of the bundled app's data is
// one, of some 10 MB to some GB. The least recently used one goes.
const defaultKeep = 8

// cleanupTimeout bounds dropping a database after the caller's context has ended.
const cleanupTimeout = 30 * time.Second

const (
	// Our comments on templates start with the time of their last use.
	templatesSQL = `/* scalecheck */
SELECT d.datname, coalesce(shobj_description(d.oid, 'pg_database'), '')
FROM pg_database d
WHERE starts_with(d.datname, $1)`
	leftoverSQL = `/* scalecheck */
SELECT datname
FROM pg_database
WHERE starts_with(datname, $1) OR starts_with(datname, $2)`
	existsSQL = `/* scalecheck */
SELECT count(*)
FROM pg_database
WHERE datname = $1`
)

// Server is a PostgreSQL server on which databases can be made: a private one ([Cluster]) or somebody else's ([OpenServer]).
// It holds no connection open between calls, so that it neither disturbs what is measured nor is in the way of
// CREATE DATABASE. Its methods may be called concurrently.
type Server struct {
	dsn        func(db string) string
	admin      string // connection string for CREATE DATABASE and the like
	version    string
	private    bool
	keep       int         // how many templates
	noStrategy atomic.Bool // CREATE DATABASE does not know STRATEGY (before 15)

	mu      sync.Mutex
	created map[string]bool        // databases that we created
	keys    map[string]*sync.Mutex // by template: who builds it
	used    map[string]bool        // templates used by this process
}

// OpenServer returns the server that dsn leads to: a URL, a keyword/value string, or "" for what libpq's environment
// says (PGHOST, PGSERVICE, PGPASSFILE, …). It connects once to see that it can. Nothing needs to be closed.
func OpenServer(ctx context.Context, dsn string) (*Server, error) {
	withDB, err := replaceDatabase(dsn)
	if err != nil {
		return nil, hint.Exit(err, hint.NotStarted)
	}
	s := &Server{dsn: withDB, admin: dsn}
	err = s.with(ctx, dsn, func(conn *pgx.Conn) error {
		s.version, _, _ = strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
		return nil
	})
	if err == nil && major(s.version) < minMajor {
		err = fmt.Errorf("the server has version %s, %d or later is needed", s.version, minMajor)
	}
	if err != nil {
		return nil, hint.Exit(err, hint.NotStarted)
	}
	return s, nil
}

// replaceDatabase returns a function that makes dsn lead to another database of the same server.
func replaceDatabase(dsn string) (func(db string) string, error) {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return func(db string) string { // the last of two equal keywords counts
			return strings.TrimSpace(dsn + " dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(db) + "'")
		}, nil
	}
	u, err := url.Parse(dsn)
	if err != nil { // url.Error would print the whole string, password and all
		return nil, hint.Wrap(errors.New("connection string is not a URL that can be parsed"),
			"percent-encode special characters in user and password, or use keywords: host=… user=… dbname=…")
	}
	return func(db string) string {
		v := *u
		v.Path, v.RawPath = "/"+db, "/"+url.PathEscape(db)
		query := v.Query()
		query.Del("dbname")
		query.Del("database")
		v.RawQuery = query.Encode()
		return v.String()
	}, nil
}

// DSN returns the connection string for a database of the server. On a private server it leads through the Unix socket
// and contains no password; on a foreign one it has whatever the user's had, and must not be printed.
func (s *Server) DSN(db string) string { return s.dsn(db) }

// Version returns the server's version, such as "15.14".
func (s *Server) Version() string { return s.version }

// Private reports whether the server is ours alone.
func (s *Server) Private() bool { return s.private }

// with runs f on a connection of its own.
func (s *Server) with(ctx context.Context, dsn string, f func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return hint.Wrap(err, "see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING")
	}
	if s.private {
		config.RuntimeParams = map[string]string{} // PGOPTIONS and the like are meant for the user's server
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "scalecheck"
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return connectError(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

// Exec runs statements one by one, on a connection of its own and in the database that the server's connection string
// names (postgres on a private server).
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	return s.with(ctx, s.admin, func(conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, "/* scalecheck */ "+sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// connectError says in one line why there is no connection, and what to do.
func connectError(err error) error {
	// pgx reports one attempt (address, TLS or not) a line.
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' })
	err = &terse{strings.Join(lines, " "), err}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		switch pgErr.Code {
		case "28P01", "28000": // invalid_password, invalid_authorization_specification
			return hint.Wrap(err, "give user and password by libpq's environment (PGUSER, PGPASSWORD), ~/.pgpass or a service file, and look at the server's pg_hba.conf")
		case "3D000": // invalid_catalog_name
			return hint.Wrap(err, "name a database that exists (dbname=… or PGDATABASE)")
		case "53300": // too_many_connections
			return hint.Wrap(err, "the server has no connection left: raise max_connections or end some")
		}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return hint.Wrap(err, "is the server running, and is it reached by this host and port (or socket directory)?")
	}
	return err
}

// terse is an error with another text.
type terse struct {
	text string
	err  error
}

func (e *terse) Error() string { return e.text }
func (e *terse) Unwrap() error { return e.err }

func code(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// CreateDatabase creates a database, as a copy of template if that is not empty.
func (s *Server) CreateDatabase(ctx context.Context, name, template string) error {
	if err := s.createDatabase(ctx, name, template); err != nil {
		err = fmt.Errorf("create database %s: %w", name, err)
		switch code(err) {
		case "42501": // insufficient_privilege
			return hint.Wrap(err, "give the role the right: ALTER ROLE … CREATEDB")
		case "53100": // disk_full
			return hint.Wrap(err, "free space on the server's disk")
		}
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.created == nil {
		s.created = map[string]bool{}
	}
	s.created[name] = true
	return nil
}

func (s *Server) createDatabase(ctx context.Context, name, template string) error {
	sql := "CREATE DATABASE " + ident(name)
	if template == "" {
		return s.Exec(ctx, sql)
	}
	sql += " TEMPLATE " + ident(template)
	// The default of 15 and later, WAL_LOG, writes every page of the copy to the WAL: right for a small template,
	// but ours are filled. Whether the server knows the option cannot be read anywhere; it is asked.
	if !s.noStrategy.Load() {
		err := s.Exec(ctx, sql+" STRATEGY file_copy")
		if code(err) != "42601" { // syntax_error: option "strategy" not recognized
			return err
		}
		s.noStrategy.Store(true)
	}
	return s.Exec(ctx, sql)
}

// DropDatabase drops a database, ending the sessions in it. One that does not exist is no error. On a foreign server
// only what this Server created is dropped, anything else is refused.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	s.mu.Lock()
	ours := s.private || s.created[name]
	s.mu.Unlock()
	if !ours {
		return fmt.Errorf("drop database %s: scalecheck did not create it", name)
	}
	drop := []string{"DROP DATABASE IF EXISTS " + ident(name) + " WITH (FORCE)"}
	if s.private { // the server drops no template
		drop = append([]string{"ALTER DATABASE " + ident(name) + " IS_TEMPLATE false"}, drop...)
	}
	if err := s.Exec(ctx, drop...); err != nil && code(err) != "3D000" { // invalid_catalog_name: it does not exist
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.created, name)
	return nil
}

// Template returns the name of a template database that build has filled: at the first call for a key by running it,
// later (on a cached cluster also in later processes) at once. The key must say everything that the content depends on.
// Calls for the same key wait for each other.
//
// A template exists completely or not at all: it is built under another name, and renamed at the end. build must have
// closed its connections when it returns, and should VACUUM ANALYZE: table and planner statistics in the catalog are
// copied with the database, cumulative ones (pg_stat_…) are not.
//
// On a foreign server nothing is kept, and Template is an error; [Server.NewDatabase] does what is right for both.
func (s *Server) Template(ctx context.Context, key string, build func(ctx context.Context, dsn string) error) (name string, err error) {
	if !s.private {
		return "", errors.New("template databases are kept on a private server only")
	}
	suffix := templateSuffix(key)
	name = templatePrefix + suffix

	s.mu.Lock()
	if s.keys == nil {
		s.keys, s.used = map[string]*sync.Mutex{}, map[string]bool{}
	}
	if s.keys[name] == nil {
		s.keys[name] = new(sync.Mutex)
	}
	building := s.keys[name]
	s.used[name] = true
	s.mu.Unlock()
	building.Lock()
	defer building.Unlock()

	exists := false
	err = s.with(ctx, s.admin, func(conn *pgx.Conn) error {
		var n int
		err := conn.QueryRow(ctx, existsSQL, name).Scan(&n)
		exists = n > 0
		return err
	})
	if err == nil && !exists {
		err = s.buildTemplate(ctx, name, buildingPrefix+suffix, build)
	}
	if err == nil {
		// The time is for dropOldTemplates, the key for who looks with psql.
		stamp := time.Now().UTC().Format(time.RFC3339) + " " + key
		err = s.Exec(ctx, "COMMENT ON DATABASE "+ident(name)+" IS "+literal(stamp))
	}
	if err == nil && !exists {
		err = s.dropOldTemplates(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("template database %s: %w", key, err)
	}
	return name, nil
}

func (s *Server) buildTemplate(ctx context.Context, name, unfinished string, build func(ctx context.Context, dsn string) error) (err error) {
	if err := s.DropDatabase(ctx, unfinished); err != nil { // what an earlier attempt left
		return err
	}
	if err := s.CreateDatabase(ctx, unfinished, ""); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
			defer cancel()
			err = errors.Join(err, s.DropDatabase(ctx, unfinished))
		}
	}()
	if err := build(ctx, s.dsn(unfinished)); err != nil {
		return err
	}
	// Renaming is the last step: it is what makes the template complete. It waits (the server does, 5 s) for the
	// sessions that build has just closed.
	return s.Exec(ctx,
		"ALTER DATABASE "+ident(unfinished)+" IS_TEMPLATE true ALLOW_CONNECTIONS false",
		"ALTER DATABASE "+ident(unfinished)+" RENAME TO "+ident(name))
}

// templateSuffix makes a name of a key: readable, unique, and with the prefixes within the 63 bytes of a name.
func templateSuffix(key string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, key)
	return fmt.Sprintf("%.24s_%x", readable, sha256.Sum256([]byte(key)))[:min(len(readable), 24)+1+12]
}

// dropOldTemplates drops the least recently used templates, but none that this process has used.
func (s *Server) dropOldTemplates(ctx context.Context) error {
	type template struct{ name, comment string }
	var all []template
	err := s.with(ctx, s.admin, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, templatesSQL, templatePrefix)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t template, err error) {
			err = row.Scan(&t.name, &t.comment)
			return t, err
		})
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b template) int { return cmp.Compare(b.comment, a.comment) })
	for _, t := range all[min(s.keep, len(all)):] {
		s.mu.Lock()
		used := s.used[t.name]
		s.mu.Unlock()
		if used {
			continue
		}
		if err := s.DropDatabase(ctx, t.name); err != nil {
			return err
		}
	}
	return nil
}

// A Database was made for one run.
type Database struct {
	Name   string
	DSN    string // see Server.DSN
	server *Server
}

// NewDatabase makes a database of its own for a run, filled by build (nil: empty), and with a name that nobody else
// has. On a private server it is copied from the key's template, on a foreign one it is built in place.
// The caller drops it.
func (s *Server) NewDatabase(ctx context.Context, key string, build func(ctx context.Context, dsn string) error) (*Database, error) {
	name, template := prefix, ""
	if s.private {
		name = runPrefix
		if build != nil {
			var err error
			if template, err = s.Template(ctx, key, build); err != nil {
				return nil, err
			}
		}
	}
	name += random()
	if err := s.CreateDatabase(ctx, name, template); err != nil {
		return nil, err
	}
	db := &Database{Name: name, DSN: s.dsn(name), server: s}
	if build == nil || template != "" {
		return db, nil
	}
	if err := build(ctx, db.DSN); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("fill database %s: %w", name, err), db.Drop(ctx))
	}
	return db, nil
}

// Drop drops the database, ending the sessions in it.
func (d *Database) Drop(ctx context.Context) error { return d.server.DropDatabase(ctx, d.Name) }

// dropLeftovers drops the databases of runs and of half-built templates that earlier processes left on a private server.
func (s *Server) dropLeftovers(ctx context.Context) error {
	var names []string
	err := s.with(ctx, s.admin, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, leftoverSQL, runPrefix, buildingPrefix)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.DropDatabase(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// random returns a short name part that nobody else has chosen.
func random() string { return strings.ToLower(rand.Text()[:12]) }
