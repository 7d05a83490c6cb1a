package pg

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

func TestForTest(t *testing.T) {
	c := ForTest(t)
	if c != ForTest(t) {
		t.Error("a second cluster was started")
	}
	if len(c.Caveats) > 0 {
		t.Errorf("Caveats = %q, want none", c.Caveats)
	}
	if c.Cached() || !c.Private() {
		t.Errorf("Cached = %v, Private = %v, want false, true", c.Cached(), c.Private())
	}
	var name string
	t.Run("uses a database", func(t *testing.T) {
		dsn := c.TestDatabase(t)
		if n := query[int](t, dsn, "SELECT count(*) FROM pg_stat_statements"); n == 0 {
			t.Error("pg_stat_statements is empty")
		}
		name = query[string](t, dsn, "SELECT current_database()")
	})
	if n := query[int](t, c.DSN("postgres"), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 {
		t.Errorf("database %s is still there after its test", name)
	}
}

func TestSettings(t *testing.T) {
	dsn := ForTest(t).DSN("postgres")
	for name, want := range map[string]string{
		"shared_preload_libraries":  "pg_stat_statements,auto_explain",
		"track_io_timing":           "on",
		"track_activity_query_size": "4kB",
		"max_connections":           "200",
		"max_wal_size":              "2GB",
		"shared_buffers":            "64MB", // Options.Settings win
		"fsync":                     "off",
		"server_encoding":           "UTF8",
		"listen_addresses":          "127.0.0.1",
	} {
		if got := query[string](t, dsn, "SHOW "+name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
}

func TestTCPNeedsPassword(t *testing.T) {
	c := ForTest(t)
	if got := query[bool](t, c.TCP("postgres"), "SELECT inet_server_addr() = '127.0.0.1'"); !got {
		t.Error("TCP does not lead through 127.0.0.1")
	}
	u, err := url.Parse(c.TCP("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []*url.Userinfo{url.User("postgres"), url.UserPassword("postgres", "guess")} {
		u.User = user
		_, err = OpenServer(t.Context(), u.String())
		wantError(t, err, "password authentication failed")
		if hint.Status(err) != hint.NotStarted || !strings.Contains(hint.Of(err), ".pgpass") {
			t.Errorf("status %d, hint %q", hint.Status(err), hint.Of(err))
		}
	}
	if info, err := os.Stat(c.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory of the socket has mode %v (%v), want 0700", info.Mode(), err)
	}
}

func TestServerDoesNotRunAsRoot(t *testing.T) {
	info, err := os.Stat(filepath.Join(ForTest(t).Dir(), "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("the server runs as root")
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	// The address of a Unix socket has room for about a hundred bytes.
	long := filepath.Join(openDir(t), strings.Repeat("long/", 30))
	c := start(t, Options{Dir: long, Throwaway: true})
	pid, data, dir := c.PID(), filepath.Join(c.Dir(), "data"), c.Dir()
	if !strings.HasPrefix(dir, long) {
		t.Errorf("Dir = %s, want it in %s", dir, long)
	}
	if !serves(pid, data) {
		t.Errorf("process %d does not serve %s", pid, data)
	}
	// Ctrl-C goes to the process group of the foreground: the server must not be in ours.
	if pgid, err := syscall.Getpgid(pid); err != nil || pgid == syscall.Getpgrp() {
		t.Errorf("the server is in our process group (%v)", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // an interrupted program stops its server nevertheless
	if err := c.Stop(ended); err != nil {
		t.Error(err)
	}
	<-c.Done()
	if serves(pid, data) || !gone(dir) || !gone(c.sockets) {
		t.Errorf("after Stop: process there = %v, directories gone = %v, %v", serves(pid, data), gone(dir), gone(c.sockets))
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

// TestCached goes through the life of a cached directory.
func TestCached(t *testing.T) {
	t.Parallel()
	root := openDir(t)
	options := Options{Dir: root}
	builds := 0
	build := func(ctx context.Context, dsn string) error {
		builds++
		return exec1(ctx, dsn, "CREATE TABLE t AS SELECT 42 AS x")
	}

	c := start(t, options)
	if !c.Cached() || filepath.Dir(c.Dir()) != root {
		t.Fatalf("Cached = %v, Dir = %s, want a directory in %s", c.Cached(), c.Dir(), root)
	}
	db, err := c.NewDatabase(t.Context(), "users S, seed 1", build)
	if err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, db.DSN, "SELECT x FROM t"); got != 42 {
		t.Errorf("x = %d, want 42", got)
	}
	if err := exec1(t.Context(), c.DSN("postgres"), "ALTER SYSTEM SET work_mem = '64kB'"); err != nil {
		t.Fatal(err)
	}

	t.Run("a second scalecheck gets a throwaway", func(t *testing.T) {
		second := start(t, options)
		if second.Cached() || strings.HasPrefix(second.Dir(), root) {
			t.Errorf("Cached = %v, Dir = %s", second.Cached(), second.Dir())
		}
	})
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	// A server outlives a scalecheck that was killed together with its watchdog.
	cmd, killed, _ := startChild(t, childOptions{Dir: root}, nil)
	if !killed.Cached {
		t.Fatal("the lock was not given back")
	}
	if err := exec1(t.Context(), killed.DSN, "CREATE DATABASE scalecheck_building_x IS_TEMPLATE true"); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(killed.Watchdog, syscall.SIGKILL)
	cmd.Process.Kill()
	cmd.Wait()
	if !serves(killed.PID, killed.Data) {
		t.Error("the server is gone, there is nothing to test")
	}

	c = start(t, options)
	if serves(killed.PID, killed.Data) {
		t.Error("the server of the killed scalecheck still runs")
	}
	if !c.Cached() {
		t.Error("the lock of the killed scalecheck is still held")
	}
	names := query[[]string](t, c.DSN("postgres"), "SELECT array_agg(datname::text ORDER BY 1) FROM pg_database WHERE datname LIKE 'scalecheck%'")
	if len(names) != 1 || !strings.HasPrefix(names[0], "scalecheck_template_users_s__seed_1_") {
		t.Errorf("databases %q, want the template alone", names)
	}
	if got := query[string](t, c.DSN("postgres"), "SHOW work_mem"); got != "4MB" {
		t.Errorf("work_mem = %s, want the default: ALTER SYSTEM of an earlier run must not last", got)
	}
	if _, err := c.NewDatabase(t.Context(), "users S, seed 1", build); err != nil || builds != 1 {
		t.Errorf("%d builds (%v), want 1: the template was there", builds, err)
	}
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Run("fails for a reason that is not the data", func(t *testing.T) {
		_, err := Start(t.Context(), Options{BinDir: binDir(t), Dir: root, Settings: map[string]string{"no_such_setting": "1"}})
		wantError(t, err, "no_such_setting")
		if hint.Status(err) != hint.NotStarted {
			t.Errorf("status %d, want %d", hint.Status(err), hint.NotStarted)
		}
		if gone(filepath.Join(c.Dir(), "data", "PG_VERSION")) {
			t.Error("the data is gone")
		}
	})

	// The process id in a lock file that was left behind may have gone to somebody else, who is left alone.
	other := c.account.command("/", "sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if other.Process.Kill(); other.Wait() == nil || other.ProcessState.String() != "signal: killed" {
			t.Errorf("an innocent process was ended: %s", other.ProcessState)
		}
	}()
	lock := filepath.Join(c.Dir(), "data", "postmaster.pid")
	if err := os.WriteFile(lock, fmt.Appendf(nil, "%d\n%s\n", other.Process.Pid, filepath.Dir(lock)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.Dir(), "data", "pg_wal")); err != nil {
		t.Fatal(err)
	}
	c = start(t, options)
	if _, err := c.NewDatabase(t.Context(), "users S, seed 1", build); err != nil || builds != 2 {
		t.Errorf("%d builds (%v), want 2: the data directory was broken", builds, err)
	}
}

func TestWithoutContrib(t *testing.T) {
	t.Parallel()
	options := testOptions().Settings
	options["dynamic_library_path"] = "/nonexistent"
	c := start(t, Options{Throwaway: true, Settings: options})
	if got := strings.Join(c.Caveats, "\n"); len(c.Caveats) != 2 || !strings.Contains(got, "without pg_stat_statements") || !strings.Contains(got, "without auto_explain") {
		t.Errorf("Caveats = %q, want both libraries", c.Caveats)
	}
	if got := query[string](t, c.TestDatabase(t), "SHOW shared_preload_libraries"); got != "" {
		t.Errorf("shared_preload_libraries = %q, want none", got)
	}
}

func TestDirectoryOfSomebodyElse(t *testing.T) {
	c := ForTest(t)
	root := openDir(t)
	precious := filepath.Join(root, cachedName(c.Version()), "thesis.tex")
	if err := os.MkdirAll(filepath.Dir(precious), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(precious, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{BinDir: c.BinDir(), Dir: root})
	wantError(t, err, "was not made by scalecheck")
	if gone(precious) {
		t.Error("it was removed")
	}
}

func TestUnwritableDirectory(t *testing.T) {
	file := filepath.Join(openDir(t), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{BinDir: binDir(t), Dir: filepath.Join(file, "sub")})
	wantError(t, err, "start PostgreSQL: mkdir", "not a directory")
	if !strings.Contains(hint.Of(err), "choose another directory") {
		t.Errorf("hint %q", hint.Of(err))
	}
	if os.Geteuid() != 0 {
		return
	}
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Options{BinDir: binDir(t), Dir: closed})
	wantError(t, err, "cannot enter "+closed)

	bin := fakeServer(t, filepath.Join(closed, "bin"), "15.1")
	_, err = Start(t.Context(), Options{BinDir: bin, Dir: openDir(t)})
	wantError(t, err, "permission denied")
	if !strings.Contains(hint.Of(err), "needs to execute "+bin) {
		t.Errorf("hint %q", hint.Of(err))
	}
}

// TestKilled: whatever happens to us, no server and no directory stays behind.
func TestKilled(t *testing.T) {
	t.Parallel()
	cmd, r, _ := startChild(t, childOptions{Throwaway: true}, nil)
	if !serves(r.PID, r.Data) {
		t.Fatalf("process %d does not serve %s", r.PID, r.Data)
	}
	cmd.Process.Kill()
	cmd.Wait()
	eventually(t, "server gone", func() bool { return !serves(r.PID, r.Data) })
	eventually(t, "directory removed", func() bool { return gone(r.Dir) })
}

func TestServerDies(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Throwaway: true})
	syscall.Kill(c.PID(), syscall.SIGKILL)
	select {
	case <-c.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("Done is not closed")
	}
	_, err := OpenServer(t.Context(), c.DSN("postgres"))
	wantError(t, err, "connection refused")
	if !strings.Contains(hint.Of(err), "is the server running") {
		t.Errorf("hint %q", hint.Of(err))
	}
	wantError(t, c.Stop(t.Context()), "ended by itself", "killed")
}

// TestOrdinaryUser runs with an environment of PATH alone, as an ordinary user.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	var cred *syscall.Credential
	if os.Geteuid() == 0 {
		cred = nobody(t)
	}
	home := openDir(t)
	if cred != nil {
		if err := os.Chown(home, int(cred.Uid), int(cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	_, r, stdin := startChild(t, childOptions{}, cred, "HOME="+home)
	if !r.Cached || !strings.HasPrefix(r.Dir, home) {
		t.Errorf("Cached = %v, Dir = %s, want it in %s", r.Cached, r.Dir, home)
	}
	info, err := os.Stat(r.Data)
	if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != r.UID || r.UID == 0 {
		t.Errorf("data directory's owner is not user %d (%v)", r.UID, err)
	}
	if got := query[int](t, r.TCP, "SELECT 1"); got != 1 {
		t.Error("no answer")
	}
	stdin.Close()
	eventually(t, "server stopped", func() bool { return gone(filepath.Join(r.Data, "postmaster.pid")) })

	if cred == nil {
		return // without HOME, the real home of whoever runs this would be used
	}
	_, r, stdin = startChild(t, childOptions{}, cred)
	if r.Cached {
		t.Errorf("without HOME: cached in %s", r.Dir)
	}
	stdin.Close()
	eventually(t, "directory removed", func() bool { return gone(r.Dir) })
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // initdb alone takes longer
	defer cancel()
	root := openDir(t)
	_, err := Start(ctx, Options{BinDir: binDir(t), Dir: root, Throwaway: true})
	wantError(t, err, "start PostgreSQL: ")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want DeadlineExceeded", err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left over: %v (%v)", left, err)
	}
}
