package collect

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func TestMain(m *testing.M) { pg.Main(m) }

// noted is Notes that remembers.
type noted struct {
	mu      sync.Mutex
	texts   map[string]evidence.Text
	catalog []evidence.Table
	missing map[evidence.Kind][]string
}

func newNoted() *noted {
	return &noted{texts: map[string]evidence.Text{}, missing: map[evidence.Kind][]string{}}
}

func (n *noted) Texts(ts map[string]evidence.Text) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, t := range ts {
		n.texts[id] = t
	}
	return nil
}

func (n *noted) Catalog(ts []evidence.Table) error {
	n.catalog = append(n.catalog, ts...)
	return nil
}

func (n *noted) Missing(k evidence.Kind, reason string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.missing[k] = append(n.missing[k], reason)
	return nil
}

// id returns the ID of the statement whose text contains part.
func (n *noted) id(t *testing.T, part string) string {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, text := range n.texts {
		if strings.Contains(text.SQL, part) {
			return id
		}
	}
	t.Fatalf("no text with %q in %v", part, n.texts)
	return ""
}

// text returns the text of the statement with the ID.
func text(id string, ns ...*noted) string {
	for _, n := range ns {
		n.mu.Lock()
		t, ok := n.texts[id]
		n.mu.Unlock()
		if ok {
			return t.SQL
		}
	}
	return ""
}

// version returns the server's major version: SCALECHECK_TEST_POSTGRES may name another one.
func version(t *testing.T) int {
	t.Helper()
	major, _, _ := strings.Cut(pg.ForTest(t).Version(), ".")
	v, err := strconv.Atoi(major)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wantMissing checks that a reason with all the parts was given.
func (n *noted) wantMissing(t *testing.T, k evidence.Kind, parts ...string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
next:
	for _, reason := range n.missing[k] {
		for _, part := range parts {
			if !strings.Contains(reason, part) {
				continue next
			}
		}
		return
	}
	t.Errorf("missing %s is %q, want one with %q", k, n.missing[k], parts)
}

// database makes a database with sql in it, for one test.
func database(t *testing.T, sql ...string) *Target {
	t.Helper()
	cfg, err := ParseDatabase(pg.ForTest(t).TestDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	target := &Target{Database: cfg}
	exec(t, open(t, target), sql...)
	return target
}

// open opens a session of an application.
func open(t *testing.T, target *Target) *pgx.Conn {
	t.Helper()
	cfg := target.Database.Copy()
	cfg.RuntimeParams["application_name"] = "shop"
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, c *pgx.Conn, sql ...string) {
	t.Helper()
	for _, s := range sql {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// as returns the target seen by a role that may connect and is granted what is given.
func as(t *testing.T, target *Target, grants ...string) *Target {
	t.Helper()
	name := fmt.Sprintf("role_%d", time.Now().UnixNano())
	c := open(t, target)
	exec(t, c, "create role "+name+" login")
	for _, g := range grants {
		exec(t, c, fmt.Sprintf(g, name))
	}
	t.Cleanup(func() {
		// The role's rights are in this database, which goes first otherwise.
		c.Exec(context.Background(), "drop owned by "+name)
		c.Exec(context.Background(), "drop role "+name)
	})
	other := *target
	other.Database = target.Database.Copy()
	other.Database.User = name
	return &other
}

// start starts a collector.
func start(t *testing.T, c *Collector, target *Target) (Running, *noted) {
	t.Helper()
	n := newNoted()
	r, err := c.Start(t.Context(), target, n)
	if err != nil {
		t.Fatalf("start %s: %v", c.Name, err)
	}
	t.Cleanup(r.Close)
	return r, n
}

func cut(t *testing.T, r Running) evidence.Window {
	t.Helper()
	w := evidence.Window{Phase: evidence.Measure}
	if err := r.Cut(t.Context(), &w); err != nil {
		t.Fatalf("cut: %v", err)
	}
	return w
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// background runs a statement in a session of its own until the test ends.
// What comes of it does not matter.
func background(t *testing.T, target *Target, sql ...string) *pgx.Conn {
	t.Helper()
	c := open(t, target)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		for _, s := range sql {
			if _, err := c.Exec(ctx, s); err != nil {
				return
			}
		}
		<-ctx.Done()
	}()
	return c
}

func wantCaveat(t *testing.T, w evidence.Window, part string) {
	t.Helper()
	for _, c := range w.Caveats {
		if strings.Contains(c, part) {
			return
		}
	}
	t.Errorf("caveats are %q, want one with %q", w.Caveats, part)
}

func wantNoCaveats(t *testing.T, w evidence.Window) {
	t.Helper()
	if len(w.Caveats) > 0 {
		t.Errorf("caveats: %q", w.Caveats)
	}
}

func testDSN(t testing.TB) string { return pg.ForTest(t).DSN("postgres") }
