package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func TestParseDatabase(t *testing.T) {
	dir := t.TempDir()
	service, password := filepath.Join(dir, "service"), filepath.Join(dir, "pass")
	os.WriteFile(service, []byte("[staging]\nhost=db.example\nport=6432\ndbname=shop\nuser=reader\n"), 0o600)
	os.WriteFile(password, []byte("db.example:6432:shop:reader:canary\n"), 0o600)
	t.Setenv("PGSERVICEFILE", service)
	t.Setenv("PGPASSFILE", password)
	t.Setenv("PGUSER", "fallback")
	for _, tt := range []struct{ name, in, want, password string }{
		{"url", "postgres://me@db.example:5433/shop?sslmode=disable", "me@db.example:5433/shop", ""},
		{"keywords", "host=db.example dbname=shop", "fallback@db.example:5432/shop", ""},
		{"socket", "postgres://me@/shop?host=/run/postgresql", "me@/run/postgresql:5432/shop", ""},
		{"service and password file", "service=staging", "reader@db.example:6432/shop", "canary"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := ParseDatabase(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := address(cfg); got != tt.want || cfg.Password != tt.password {
				t.Errorf("ParseDatabase(%q) is %s with password %q, want %s with %q", tt.in, got, cfg.Password, tt.want, tt.password)
			}
		})
	}
	for _, in := range []string{
		"postgres://me:canary@db.example/shop", "postgresql://me:canary@db.example:bad/shop", "postgres://db.example/shop?password=canary",
		"postgres://db.example/shop?user=me&sslpassword=canary", "host=db.example password=canary", "host=db.example password = 'can ary'",
		"postgres://me:can%zzary@db.example/shop", "postgres://db.example/shop?passwor%64=canary", "postgres://me:canary",
		"postgres://me@db.example:port/shop?options=canary", "host=db.example options=canary port=canary", "canary", "postgres://[canary",
	} {
		_, err := ParseDatabase(in)
		if err == nil {
			t.Errorf("ParseDatabase(%q) is accepted", in)
		} else if strings.Contains(Reason(err), "canary") || strings.Contains(Reason(err), "ary'") {
			t.Errorf("ParseDatabase(%q): %s", in, Reason(err))
		}
		if strings.Contains(in, "me:canary@") && !strings.Contains(hint.Of(err), "PGPASSWORD") {
			t.Errorf("ParseDatabase(%q): hint %q", in, hint.Of(err))
		}
	}
}

// pgx tries with and without TLS, and says both.
func TestRefusedIsSaidOnce(t *testing.T) {
	cfg, err := ParseDatabase("host=127.0.0.1 port=1 dbname=shop user=me")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Connect(t.Context(), cfg)
	if err == nil || strings.Count(err.Error(), "connection refused") != 1 {
		t.Errorf("%v", err)
	}
}

func TestConnect(t *testing.T) {
	target := database(t, "create table items (id int)")
	conn, err := Connect(t.Context(), target.Database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "insert into public.items values (1)"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("a write: %v", err)
	}
	for name, want := range map[string]string{"application_name": "scalecheck", "statement_timeout": "5s", "lock_timeout": "200ms", "search_path": "pg_catalog"} {
		var got string
		if err := conn.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestConnectErrors(t *testing.T) {
	good, err := ParseDatabase(pg.ForTest(t).DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSWORD", "canary")
	tcp, err := ParseDatabase(fmt.Sprintf("host=127.0.0.1 port=%d user=nobody dbname=postgres sslmode=prefer", pg.ForTest(t).Port()))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := ParseDatabase("host=127.0.0.1 port=1 user=nobody dbname=postgres sslmode=prefer")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := good.Copy()
	nowhere.Database = "nowhere"
	for _, tt := range []struct {
		name      string
		target    Target
		err, hint string
	}{
		{"none", Target{}, "no database was given", "--db"},
		{"refused", Target{Database: gone}, "refused", "is PostgreSQL running"},
		{"wrong password", Target{Database: tcp}, "28P01", "PGPASSWORD"},
		{"wrong name", Target{Database: nowhere}, "3D000", "name of the database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Connect(t.Context(), tt.target.Database)
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(hint.Of(err), tt.hint) {
				t.Fatalf("%v; hint %q", err, hint.Of(err))
			}
			if strings.Contains(Reason(err), "canary") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %q", Reason(err))
			}
		})
	}
}
