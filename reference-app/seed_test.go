package referenceapp

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/pg"
)

// checksums returns, for each of the app's tables, rows and a sum of their hashes.
func checksums(t *testing.T, dsn string) map[string]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "select relname from pg_stat_user_tables where relname not like 'river%'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, table := range tables {
		var sum string
		err := conn.QueryRow(t.Context(), fmt.Sprintf("select format('%%s rows, %%s', count(*), sum(hashtextextended(t::text, 0))) from %s t", table)).Scan(&sum)
		if err != nil {
			t.Fatal(err)
		}
		sums[table] = sum
	}
	return sums
}

func TestSeedIsRepeatable(t *testing.T) {
	t.Parallel()
	one := checksums(t, seeded(t))
	if len(one) < 20 {
		t.Fatalf("%d tables, want those of all modules", len(one))
	}
	for table, sum := range one {
		if strings.HasPrefix(sum, "0 rows") && table != "announcements" {
			t.Errorf("%s is empty", table)
		}
	}

	again := pg.ForTest(t).TestDatabase(t)
	if err := Seed(t.Context(), again, XS, 1, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, checksums(t, again)); diff != "" {
		t.Errorf("same seed, other rows:\n%s", diff)
	}

	two := pg.ForTest(t).TestDatabase(t)
	if err := Seed(t.Context(), two, XS, 2, nil); err != nil {
		t.Fatal(err)
	}
	other := checksums(t, two)
	for table := range maps.Keys(one) {
		if one[table] == other[table] && table != "announcements" {
			t.Errorf("%s: same rows for another seed", table)
		}
	}
}

func TestSeedRefusesAFullDatabase(t *testing.T) {
	t.Parallel()
	if err := Seed(t.Context(), seeded(t), XS, 1, nil); err == nil {
		t.Error("seeded twice, want an error")
	}
}

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Size
		ok   bool
	}{
		{"S", S, true},
		{"xs", XS, true},
		{"L", L, true},
		{"XXL", "", false},
		{"", "", false},
	} {
		got, err := ParseSize(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseSize(%q) = %q, %v", tt.in, got, err)
		}
	}
}
