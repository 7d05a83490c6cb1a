package pg

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childEnv makes the test binary a program that starts a cluster with the options in it (JSON), says where, and
// waits to be killed or for the end of its stdin.
const childEnv = "SCALECHECK_PG_TEST_CHILD"

func TestMain(m *testing.M) {
	if s := os.Getenv(childEnv); s != "" {
		child(s)
		return
	}
	Main(m)
}

type childOptions struct {
	BinDir, Dir string
	Throwaway   bool
}

type childReport struct {
	Err, Dir, Data, DSN, TCP string
	PID, Watchdog            int
	Cached                   bool
	UID                      int
}

func child(s string) {
	var o childOptions
	if err := json.Unmarshal([]byte(s), &o); err != nil {
		panic(err)
	}
	var r childReport
	options := testOptions()
	options.BinDir, options.Dir, options.Throwaway = o.BinDir, o.Dir, o.Throwaway
	c, err := Start(context.Background(), options)
	if err != nil {
		r.Err = err.Error()
	} else {
		r = childReport{"", c.Dir(), filepath.Join(c.Dir(), "data"), c.DSN("postgres"), c.TCP("postgres"),
			c.PID(), c.watchdog.cmd.Process.Pid, c.Cached(), os.Getuid()}
	}
	json.NewEncoder(os.Stdout).Encode(r)
	io.Copy(io.Discard, os.Stdin)
	if c != nil {
		c.Stop(context.Background())
	}
}

// startChild runs this binary as a child in the given environment and returns its report. The child ends with the test.
func startChild(t *testing.T, o childOptions, cred *syscall.Credential, env ...string) (*exec.Cmd, childReport, io.Closer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if cred != nil { // who could not enter go's temporary directory
		data, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		exe = filepath.Join(openDir(t), "pg.test")
		if err := os.WriteFile(exe, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o.BinDir = binDir(t)
	arg, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	cmd.Env = append(env, childEnv+"="+string(arg), "PATH="+os.Getenv("PATH"))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	var r childReport
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatalf("child: %v: %s", err, line)
	}
	if r.Err != "" {
		t.Fatalf("child: %s", r.Err)
	}
	return cmd, r, stdin
}

// binDir returns the directory of the binaries that the tests use.
func binDir(t *testing.T) string {
	t.Helper()
	bin, err := Ensure(t.Context(), testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// openDir returns a temporary directory that every user can enter; t.TempDir is root's alone when root tests.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "scalecheck-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start starts a cluster that is stopped at the end of the test.
func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	o.BinDir = binDir(t)
	if o.Settings == nil {
		o.Settings = testOptions().Settings
	}
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(context.Background()) })
	return c
}

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

// exec1 runs one statement.
func exec1(ctx context.Context, dsn, sql string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(ctx, sql)
	return err
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// nobody returns the credentials of an ordinary user, for root's tests.
func nobody(t *testing.T) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// wantError checks an error's text.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q, want %q in it", err, part)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") {
		t.Errorf("error %q has more than one line", err)
	}
}
