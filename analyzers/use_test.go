package analyzers_test

import (
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers"
	"github.com/scalecheck/scalecheck/evidence"
)

func TestUses(t *testing.T) {
	catalog := []evidence.Table{
		{Schema: "public", Name: "users", Columns: []string{"id", "org_id", "email"}},
		{Schema: "public", Name: "orders", Columns: []string{"id", "user_id", "total", "lines"}},
		{Schema: "public", Name: "lines", Columns: []string{"id", "order_id"}},
		{Schema: "billing", Name: "invoices", Columns: []string{"id", "order_id"}},
		{Schema: "a", Name: "events"}, {Schema: "b", Name: "events"},
	}
	// R and W after a table's name, L where its rows are locked, ? before what is not known.
	for _, tt := range []struct{ name, sql, want string }{
		{"one table", "select email from users where id = $1", "users R"},
		{"joins and a list", "select * from users u join orders o on o.user_id = u.id, lines where lines.order_id = o.id", "users R, orders R, lines R"},
		{"a list goes on behind a join", "select 1 from users u left join orders o on o.user_id = u.id and f(o.id, u.id), lines l where $1", "users R, orders R, lines R"},
		{"a column called like a table", "select id, lines from orders order by id, lines limit $1", "orders R"},
		{"a schema", `select 1 from billing.invoices i join public."users" on $1`, "billing.invoices R, users R"},
		{"a subquery", "select count(*) from (select distinct user_id from orders) o where exists (select from users where id = o.user_id)", "orders R, users R"},
		{"brackets around a join", "select 1 from (users u join orders o on o.user_id = u.id) cross join lines", "users R, orders R, lines R"},
		{"a query with a name", "with recent as materialized (select * from orders) select * from recent r, users", "orders R, users R"},
		{"a query with a name and columns", "with recent (id, total) as (select id, total from orders) select * from recent", "orders R"},
		{"functions", "select extract(year from total), substring(email from $1 for $2), u.id is distinct from lines from generate_series($3, $4) g, users u", "users R"},
		{"insert", "insert into orders (user_id, total) values ($1, $2) on conflict (id) do update set total = excluded.total returning id", "orders W"},
		{"insert of what is read", "insert into lines (order_id) select id from orders where user_id = $1", "lines W, orders R"},
		{"update", "update orders o set total = $1, lines = $2 from users u where u.id = o.user_id", "orders W, users R"},
		{"delete", "delete from only lines using orders where orders.id = lines.order_id", "lines W, orders R"},
		{"a table that is read and written", "delete from lines where order_id in (select order_id from lines group by order_id)", "lines RW"},
		{"merge", "merge into orders o using lines l on l.order_id = o.id when matched then update set total = $1 when not matched then insert (id) values ($2)", "orders W, lines R"},
		{"a change inside", "with gone as (delete from lines returning order_id) update orders set total = $1 where id in (select order_id from gone)", "lines W, orders W"},
		{"locked rows", "select id from orders where id = $1 for no key update skip locked", "orders RL"},
		{"union", "select id from users union all select id from orders order by id", "users R, orders R"},
		{"a view", "select * from active_users, users", "users R, ?active_users"},
		{"in several schemas", "select * from events", "?events"},
		{"in several schemas, named", "select * from b.events", "b.events R"},
		{"the catalog's own", "select relname from pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace", ""},
		{"no table", "select now()", ""},
		{"not SQL", "select from from , ( join", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &evidence.Run{Catalog: catalog, Texts: map[string]evidence.Text{"1": evidence.Redact(tt.sql)}}
			u, _ := analyzers.Uses(r)("1")
			if got := shown(u); got != tt.want {
				t.Errorf("%s\n  is %q, want %q", r.Texts["1"].SQL, got, tt.want)
			}
		})
	}
}

func shown(u analyzers.Use) string {
	var parts []string
	for _, a := range u.Tables {
		s := a.Table() + " "
		for _, f := range []struct {
			is  bool
			say string
		}{{a.Reads, "R"}, {a.Writes, "W"}, {a.Locks, "L"}} {
			if f.is {
				s += f.say
			}
		}
		parts = append(parts, s)
	}
	for _, name := range u.Unknown {
		parts = append(parts, "?"+name)
	}
	return strings.Join(parts, ", ")
}

func TestUsesCompareAndAggregate(t *testing.T) {
	r := &evidence.Run{
		Catalog: []evidence.Table{{Schema: "public", Name: "orders", Columns: []string{"id", "user_id", "at"}}},
		Texts: map[string]evidence.Text{
			"lookup": evidence.Redact("select id from orders where user_id = 7 and at > now()"),
			"count":  evidence.Redact("select count(*) from orders"),
			"groups": evidence.Redact("select user_id from orders group by user_id"),
			"number": evidence.Redact("select nextval('seq')"),
			"set":    evidence.Redact("set work_mem = '1GB'"),
		},
	}
	uses := analyzers.Uses(r)
	if u, _ := uses("lookup"); u.Aggregates || len(u.Tables) != 1 || strings.Join(u.Tables[0].Equal, " ") != "user_id" {
		t.Errorf("lookup: %+v", u)
	}
	for _, id := range []string{"count", "groups"} {
		if u, _ := uses(id); !u.Aggregates || len(u.Tables[0].Equal) > 0 {
			t.Errorf("%s: %+v", id, u)
		}
	}
	if u, _ := uses("number"); u.Function != "nextval" || u.Aggregates {
		t.Errorf("number: %+v", u)
	}
	for _, id := range []string{"set", "unknown"} {
		if u, ok := uses(id); ok {
			t.Errorf("%s: %+v", id, u)
		}
	}
}
