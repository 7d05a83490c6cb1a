package collect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestTables(t *testing.T) {
	target := database(t, "create schema shop",
		"create table shop.items (id int primary key, name text)", "create index by_name on shop.items (name)", "create table other (id int)",
		"insert into shop.items select n, 'n' || n from generate_series(1, 1000) n", "analyze shop.items")
	r, _ := start(t, Tables, target)
	// What set the database up may report late.
	eventually(t, "quiet", func() bool { return len(cut(t, r).Tables) == 0 })
	app := open(t, target)
	exec(t, app, "set enable_seqscan = off")
	for n := range 10 {
		exec(t, app, fmt.Sprintf("select id from shop.items where name = 'n%d'", n+1))
	}
	exec(t, app, "set enable_seqscan = on", "select count(*) from shop.items", "insert into shop.items values (2001, 'x'), (2002, 'x')",
		"update shop.items set name = 'y' where id = 2001", "delete from shop.items where id = 2002", "begin", "select 1", "rollback")
	app.Close(t.Context()) // the end of a session reports
	var w evidence.Window
	eventually(t, "statistics", func() bool {
		next := cut(t, r)
		wantNoCaveats(t, next)
		all, err := evidence.Merge([]evidence.Window{w, next})
		if err != nil {
			t.Fatal(err)
		}
		w = all
		if len(w.Tables) == 0 {
			return false
		}
		// A table's and its indexes' counters are reported one after the other.
		io := w.Tables[0]
		return len(io.ByIndex) == 2 && io.SeqScans > 0 && io.Deleted > 0 && io.HeapHit >= 10 && (w.Database.Connects > 0 || version(t) < 14)
	})
	if len(w.Tables) != 1 {
		t.Fatalf("tables: %+v, want shop.items only", w.Tables)
	}
	got := w.Tables[0]
	if got.HeapHit < 10 || got.DeadRows != 2 {
		t.Errorf("%+v, want 2 dead rows, and hits", got)
	}
	if got.IndexHit+got.IndexRead < 12 {
		t.Errorf("%+v, want blocks of its indexes", got)
	}
	got.HeapHit, got.HeapRead, got.IndexHit, got.IndexRead, got.HotUpdated = 0, 0, 0, 0, 0
	got.LiveRows, got.Changed = 0, 0
	want := evidence.TableIO{
		Schema: "shop", Name: "items", SeqScans: 1, SeqRows: 1000, IndexScans: 12, IndexRows: 12,
		Inserted: 2, Updated: 1, Deleted: 1, DeadRows: 2, ByIndex: map[string]float64{"by_name": 10, "items_pkey": 2},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("table (-want +got):\n%s", d)
	}
	// 16 statements and a rolled back transaction. Ours are taken off when they are
	// sent and show up when they are reported.
	if d := w.Database; d.Commits < 8 || d.Rollbacks != 1 || d.Limit != 200 || d.Connections > 2 {
		t.Errorf("database: %+v", d)
	}
}

func TestTablesReset(t *testing.T) {
	target := database(t)
	first := open(t, target)
	exec(t, first, "create table items (id int)", "insert into items values (1)")
	first.Close(t.Context())
	app := open(t, target)
	eventually(t, "statistics", func() (there bool) {
		if err := app.QueryRow(t.Context(), "select exists (select from pg_stat_user_tables where n_tup_ins = 1)").Scan(&there); err != nil {
			t.Fatal(err)
		}
		return there
	})
	r, _ := start(t, Tables, target)
	exec(t, app, "select pg_stat_reset()")
	// Up to PostgreSQL 14 another process carries it out when it comes to it.
	var w evidence.Window
	// The database's may come one reading before the tables'.
	eventually(t, "caveat", func() bool {
		w = cut(t, r)
		return slices.ContainsFunc(w.Caveats, func(c string) bool { return strings.Contains(c, "tables went backwards") })
	})
	if len(w.Tables) > 0 {
		t.Errorf("after a reset: %+v", w.Tables)
	}
	eventually(t, "no caveats", func() bool { return len(cut(t, r).Caveats) == 0 })
}

// Every role may read all this, also of tables that it may not touch.
func TestCatalog(t *testing.T) {
	target := database(t, "create schema shop",
		"create table shop.orders (id bigint primary key, gone int, customer int not null, at timestamptz, state text)", "alter table shop.orders drop column gone",
		"insert into shop.orders select n, n % 10, now(), 'open' from generate_series(1, 5000) n",
		"create index by_customer on shop.orders (customer, at desc) include (state)",
		"create unique index open_ones on shop.orders (lower(state), id) where state = 'open'",
		"create index salted on shop.orders (md5(state || 'pepper'))",
		"create table empty (of bigint references shop.orders on delete cascade)", "create temp table ours (id int)", "vacuum analyze shop.orders")
	target = as(t, target)
	_, n := start(t, Tables, target)
	if version(t) < 14 {
		n.wantMissing(t, evidence.Tables, "how long sessions were active", "14")
	} else if len(n.missing) > 0 {
		t.Errorf("missing: %v", n.missing)
	}
	if len(n.catalog) != 2 {
		t.Fatalf("catalog: %+v", n.catalog)
	}
	got := n.catalog[0]
	if got.Bytes < int64(got.Pages)*8192 || got.Pages < 20 || n.catalog[1].Name != "empty" {
		t.Errorf("catalog: %+v", n.catalog)
	}
	if empty := n.catalog[1]; empty.Analyzed != nil || empty.Never != (version(t) >= 14) {
		t.Errorf("never analyzed: %+v", empty)
	}
	wantKey := []evidence.ForeignKey{{Name: "empty_of_fkey", Columns: []string{"of"}, Schema: "shop", Table: "orders", Referenced: []string{"id"}}}
	if d := cmp.Diff(wantKey, n.catalog[1].ForeignKeys); d != "" {
		t.Errorf("foreign keys (-want +got):\n%s", d)
	}
	// The statistics of rows come to the server a moment after the statement.
	got.Bytes, got.Pages, got.Toast, got.Live, got.Changed, got.Vacuumed, got.Analyzed = 0, 0, 0, 0, 0, nil, nil
	for i := range got.Indexes {
		if got.Indexes[i].Bytes < 8192 {
			t.Errorf("index: %+v", got.Indexes[i])
		}
		got.Indexes[i].Bytes = 0
	}
	want := evidence.Table{
		Schema: "shop", Name: "orders", Rows: 5000, Columns: []string{"id", "customer", "at", "state"},
		Indexes: []evidence.Index{
			{
				Name: "by_customer", Columns: []string{"customer", "at"}, Valid: true, Method: "btree", Include: []string{"state"},
				Definition: "CREATE INDEX by_customer ON shop.orders USING btree (customer, at DESC) INCLUDE (state)",
			},
			{
				Name: "open_ones", Columns: []string{"lower(state)", "id"}, Unique: true, Partial: true, Valid: true, Method: "btree",
				Definition: "CREATE UNIQUE INDEX open_ones ON shop.orders USING btree (lower(state), id) WHERE (state = $1::text)",
			},
			{
				Name: "orders_pkey", Columns: []string{"id"}, Unique: true, Valid: true, Method: "btree", Constraint: true,
				Definition: "CREATE UNIQUE INDEX orders_pkey ON shop.orders USING btree (id)",
			},
			{
				Name: "salted", Columns: []string{"md5(state || $1::text)"}, Valid: true, Method: "btree",
				Definition: "CREATE INDEX salted ON shop.orders USING btree (md5((state || $1::text)))",
			},
		},
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("catalog (-want +got):\n%s", d)
	}
}

// A migration holds its table exclusively; then sizes are estimates.
func TestCatalogBehindLock(t *testing.T) {
	target := database(t, "create table items (id int)", "insert into items select generate_series(1, 5000)", "vacuum items")
	exec(t, open(t, target), "begin", "lock table items in access exclusive mode")
	_, n := start(t, Tables, target)
	if len(n.catalog) != 1 || n.catalog[0].Bytes < 100_000 {
		t.Errorf("catalog: %+v; missing: %v", n.catalog, n.missing)
	}
}
