package referenceapp

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"golang.org/x/sync/errgroup"
)

// schemaFS holds one file per module: the tables the module owns, their seeded
// rows and, last because that is several times faster, their indexes.
//
//go:embed schema/*.sql
var schemaFS embed.FS

// waves orders the modules' files by what their seeded rows are derived from.
// The modules of one wave do not read each other's tables and load at the same time.
var waves = [][]string{
	{"tenancy", "identity", "audit", "analytics"},
	{"catalog", "messaging", "forum", "notify", "billing", "integrate"},
	{"enrol", "report"},
	{"content", "assess"},
	{"search"},
}

// Size names an amount of seeded data.
type Size string

// The sizes: XS for tests, S for everyday runs, M for "the first ten thousand
// users", L for what comes after.
const (
	XS Size = "XS"
	S  Size = "S"
	M  Size = "M"
	L  Size = "L"
)

// rows is how much of everything a size has. What is not listed (enrolments,
// items, progress, assignments, submissions, grades) follows from users and courses.
type rows struct {
	tenants, users, courses, threads, posts, conversations, messages, notifications, events, audits int
}

var sizes = map[Size]rows{
	XS: {4, 200, 20, 300, 2_000, 300, 10_000, 20_000, 40_000, 10_000},
	S:  {12, 1_500, 120, 3_000, 22_000, 2_500, 100_000, 400_000, 300_000, 100_000},
	M:  {40, 10_000, 600, 30_000, 220_000, 25_000, 1_200_000, 2_000_000, 5_000_000, 1_500_000},
	L:  {200, 60_000, 4_000, 200_000, 1_600_000, 180_000, 9_000_000, 14_000_000, 35_000_000, 10_000_000},
}

// ParseSize reads a size's name, in either case.
func ParseSize(s string) (Size, error) {
	size := Size(strings.ToUpper(s))
	if _, ok := sizes[size]; !ok {
		return "", fmt.Errorf("unknown size %q: want XS, S, M or L", s)
	}
	return size, nil
}

// Users returns how many users the data of a known size has: they are
// user1@example.test to userN@example.test.
func (s Size) Users() int { return sizes[s].users }

// Courses returns how many courses the data of a known size has: 1 to N.
func (s Size) Courses() int { return sizes[s].courses }

// SeedVersion identifies what Seed generates, up to size and seed. It changes
// with the schema, the seeded rows and River's migrations, and so is a safe part
// of a template database's name.
func SeedVersion() string {
	h := sha256.New()
	files, err := fs.Glob(schemaFS, "schema/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range files {
		b, err := schemaFS.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
	}
	fmt.Fprintln(h, sizes, riverVersion())
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// riverVersion is the latest of River's migrations.
func riverVersion() int {
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	if err != nil {
		panic(err) // only an unknown migration line can cause it
	}
	all := migrator.AllVersions()
	return all[len(all)-1].Version
}

// Seed creates the healthy schema in the empty database at dsn, River's tables
// included, and fills it. Rows are generated inside the database from hashes of
// their ids: the same size and seed give the same rows everywhere. progress,
// which may be nil, is told of each module that is done.
func Seed(ctx context.Context, dsn string, size Size, seed int64, progress func(string)) error {
	r, ok := sizes[size]
	if !ok {
		return fmt.Errorf("seed: unknown size %q", size)
	}
	if progress == nil {
		progress = func(string) {}
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	config.MaxConns = loaders + 1
	config.ConnConfig.RuntimeParams["application_name"] = "scalecheck-seed"
	// Nobody needs a half-seeded database after a crash.
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	config.ConnConfig.RuntimeParams["maintenance_work_mem"] = "256MB"
	config.ConnConfig.RuntimeParams["work_mem"] = "128MB"
	// Compiling the expressions takes longer than evaluating them at size S.
	config.ConnConfig.RuntimeParams["jit"] = "off"
	// The files' date arithmetic must not depend on where the server stands.
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	defer pool.Close()

	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("seed: migrate river: %w", err)
	}
	if err := script(ctx, pool, prelude(r, seed)); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	for _, wave := range waves {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(loaders)
		for _, module := range wave {
			g.Go(func() error {
				start := time.Now()
				b, err := schemaFS.ReadFile("schema/" + module + ".sql")
				if err != nil {
					return err
				}
				if err := script(ctx, pool, string(b)); err != nil {
					return fmt.Errorf("seed %s: %w", module, err)
				}
				progress(fmt.Sprintf("%s seeded in %.1fs", module, time.Since(start).Seconds()))
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	if err := script(ctx, pool, "drop schema seed cascade;\n"+alignSequences); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	return vacuum(ctx, pool, progress)
}

// loaders: more connections than this only take turns on the small machines the
// app is meant to run on.
const loaders = 2

// alignSequences moves identity columns past the ids that were given explicitly.
const alignSequences = `
do $$
declare
  c record;
begin
  for c in
    select table_name, column_name
    from information_schema.columns
    where table_schema = current_schema and is_identity = 'YES'
    order by table_name
  loop
    execute format(
      'select setval(pg_get_serial_sequence(%L, %L), coalesce(max(%I), 0) + 1, false) from %I',
      c.table_name, c.column_name, c.column_name, c.table_name);
  end loop;
end $$;`

func prelude(r rows, seed int64) string {
	b, err := schemaFS.ReadFile("schema/seed.sql")
	if err != nil {
		panic(err) // it is embedded
	}
	return strings.NewReplacer(
		"$SEED", strconv.FormatInt(seed, 10),
		"$TENANTS", strconv.Itoa(r.tenants),
		"$USERS", strconv.Itoa(r.users),
		"$COURSES", strconv.Itoa(r.courses),
		"$THREADS", strconv.Itoa(r.threads),
		"$POSTS", strconv.Itoa(r.posts),
		"$CONVERSATIONS", strconv.Itoa(r.conversations),
		"$MESSAGES", strconv.Itoa(r.messages),
		"$NOTIFICATIONS", strconv.Itoa(r.notifications),
		"$EVENTS", strconv.Itoa(r.events),
		"$AUDITS", strconv.Itoa(r.audits),
	).Replace(string(b))
}

// script runs a file of statements in one transaction. With wal_level=minimal,
// rows loaded by the transaction that created their table are not logged.
func script(ctx context.Context, pool *pgxpool.Pool, sql string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
		return err
	})
}

// vacuum sets the visibility maps, without which no index-only scan would be
// one, and gathers statistics.
func vacuum(ctx context.Context, pool *pgxpool.Pool, progress func(string)) error {
	start := time.Now()
	found, err := pool.Query(ctx, "select relname from pg_class where relkind = 'r' and relnamespace = current_schema::regnamespace order by relpages desc, relname")
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	tables, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if len(tables) == 0 {
		return errors.New("seed: no tables in the current schema")
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loaders)
	for _, table := range tables {
		g.Go(func() error {
			_, err := pool.Exec(ctx, "vacuum (analyze) "+pgx.Identifier{table}.Sanitize())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("seed: vacuum: %w", err)
	}
	progress(fmt.Sprintf("vacuumed and analyzed in %.1fs", time.Since(start).Seconds()))
	return nil
}
