package tablemap_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/analyzers/tablemap"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A forum with a shop of its own schema: who reads, who writes, who reads after whom.
func forum() *evidence.Run {
	r := &evidence.Run{
		Texts: map[string]evidence.Text{},
		Catalog: []evidence.Table{
			{Schema: "public", Name: "posts"}, {Schema: "public", Name: "users"}, {Schema: "public", Name: "visits"}, {Schema: "shop", Name: "orders"},
		},
		Plan: scenarios.Plan{Follows: map[string][]string{"POST /posts": {"GET /posts"}, "GET /posts": {"GET /users"}}},
		Windows: []evidence.Window{
			{Phase: evidence.Settle, Length: 10, Tables: []evidence.TableIO{{Schema: "public", Name: "posts", Inserted: 1000}}},
			{Phase: evidence.Measure, Length: 10, Tables: []evidence.TableIO{
				{Schema: "public", Name: "posts", Inserted: 20, Updated: 10}, {Schema: "public", Name: "visits", Deleted: 5}, {Schema: "public", Name: "users", IndexScans: 9},
			}},
		},
	}
	for id, sql := range map[string]string{
		"user":  "select * from users where id = $1",
		"list":  "select * from posts p join users u on u.id = p.user_id",
		"post":  "insert into posts (body) values ($1)",
		"order": "select * from shop.orders o join users u on u.id = o.user_id for update of o",
		"next":  "select nextval('seq')",
		"copy":  "copy posts from stdin",
		"view":  "select * from latest",
		"begin": "begin",
	} {
		r.Texts[id] = evidence.Redact(sql)
	}
	for _, e := range []struct {
		name       string
		statements []string
	}{
		{"GET /posts", []string{"begin", "user", "list"}}, {"GET /users", []string{"user", "view"}}, {"POST /posts", []string{"user", "post", "post"}},
		{"GET /order", []string{"order"}}, {"GET /number", []string{"next"}}, {"POST /import", []string{"copy", "gone"}},
	} {
		f := evidence.Footprint{Endpoint: e.name}
		for _, id := range e.statements {
			f.Statements = append(f.Statements, evidence.FootprintStatement{ID: id, Calls: 1})
		}
		r.Footprints = append(r.Footprints, f)
	}
	return r
}

func TestMap(t *testing.T) {
	users := tablemap.Cell{Table: "users", Reads: 1}
	public := []string{"public"}
	want := &tablemap.Map{
		Ordered: true,
		Endpoints: []tablemap.Endpoint{
			{Name: "GET /number", Placing: tablemap.Primary, Why: "it calls nextval"},
			{Name: "GET /order", Placing: tablemap.Primary, Why: "it locks rows of shop.orders", Modules: []string{"public", "shop"},
				Cells: []tablemap.Cell{{Table: "shop.orders", Reads: 1, Locks: 1}, {Table: "users", Reads: 1, Locks: 1}}},
			{Name: "GET /posts", Placing: tablemap.AfterOwn, Own: []tablemap.Own{{Table: "posts", Writer: "POST /posts"}}, Modules: public,
				Cells: []tablemap.Cell{{Table: "posts", Reads: 1}, {Table: "users", Reads: 2}}},
			{Name: "GET /users", Placing: tablemap.Anywhere, Unknown: []string{"latest"}, Modules: public, Cells: []tablemap.Cell{users}},
			{Name: "POST /import", Placing: tablemap.Unclear, Why: "it sends COPY, which does not say what it changes and a statement whose text is not known"},
			{Name: "POST /posts", Placing: tablemap.Primary, Modules: public, Cells: []tablemap.Cell{{Table: "posts", Writes: 2}, users}},
		},
		Tables: []tablemap.Table{
			{Name: "posts", Module: "public", Readers: []string{"GET /posts"}, Writers: []string{"POST /posts"}, Changed: 3},
			{Name: "users", Module: "public", Readers: []string{"GET /order", "GET /posts", "GET /users", "POST /posts"}},
			{Name: "shop.orders", Module: "shop", Readers: []string{"GET /order"}},
			{Name: "visits", Module: "public", Changed: 0.5},
		},
		Across: []tablemap.Statement{{Text: "select * from shop.orders o join users u on u.id = o.user_id for update of o", Modules: []string{"public", "shop"}, Endpoints: []string{"GET /order"}}},
	}
	if diff := cmp.Diff(want, tablemap.New(forum(), nil)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestModules(t *testing.T) {
	m := tablemap.New(forum(), map[string]string{"posts": "forum", "users": "identity"})
	if len(m.Across) != 2 || len(m.Endpoints[2].Modules) != 2 || m.Tables[0].Module != "forum" || m.Tables[2].Module != "shop" {
		t.Errorf("%+v", m)
	}
}

// Without the scenario's order nobody knows who reads after whom, and without
// footprints nothing is known at all.
func TestUnknown(t *testing.T) {
	r := forum()
	r.Plan.Follows = nil
	if m := tablemap.New(r, nil); m.Ordered || m.Endpoints[2].Placing != tablemap.Anywhere {
		t.Errorf("%+v", m)
	}
	r.Footprints = nil
	if m := tablemap.New(r, nil); m != nil {
		t.Errorf("%+v", m)
	}
}
