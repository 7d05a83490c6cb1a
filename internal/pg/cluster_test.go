package pg

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

// query returns the one value that sql gives.
func query[T any](t *testing.T, dsn, sql string) (v T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestForTest(t *testing.T) {
	c := ForTest(t)
	dsn := c.TestDatabase(t)
	if n := query[int](t, dsn, "SELECT count(*) FROM pg_stat_statements"); n == 0 {
		t.Errorf("pg_stat_statements is empty")
	}
	if len(c.Caveats) > 0 {
		t.Errorf("Caveats = %q, want none", c.Caveats)
	}
	t.Log(c.Version(), c.Port(), c.PID(), c.DSN("x"))
}
