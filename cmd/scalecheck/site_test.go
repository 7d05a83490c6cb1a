package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

// A session is a scalecheck that runs.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string // of its output
	out    bytes.Buffer
	exited chan struct{}

	mu    sync.Mutex
	lines []string // of stderr
	more  chan struct{}
}

// start starts scalecheck run with the arguments and an output directory of its
// own. It ends with the test.
func start(t *testing.T, env []string, args ...string) *session {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	return launch(t, dir, exec.Command(filepath.Join(binaries(t), "scalecheck"), append([]string{"run", "-o", dir}, args...)...), env)
}

func launch(t *testing.T, dir string, cmd *exec.Cmd, env []string) *session {
	t.Helper()
	s := &session{t: t, cmd: cmd, dir: dir, exited: make(chan struct{}), more: make(chan struct{}, 1)}
	cmd.Env = append(os.Environ(), "GITHUB_STEP_SUMMARY=")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout = &s.out
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.exited)
		s.read(stderr)
		_ = cmd.Wait() // ProcessState says it
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // gone already, as a rule
		<-s.exited
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", s.out.String(), s.stderr())
		}
	})
	return s
}

func (s *session) read(r io.Reader) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		s.mu.Lock()
		s.lines = append(s.lines, in.Text())
		s.mu.Unlock()
		select {
		case s.more <- struct{}{}:
		default:
		}
	}
}

func (s *session) stderr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n") + "\n"
}

// says waits until scalecheck has said something that matches.
func (s *session) says(pattern string) {
	s.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	deadline := time.After(90 * time.Second)
	for !re.MatchString(s.stderr()) {
		select {
		case <-s.more:
		case <-s.exited:
			if !re.MatchString(s.stderr()) {
				s.t.Fatalf("scalecheck ended without saying %q", pattern)
			}
		case <-deadline:
			s.t.Fatalf("scalecheck did not say %q", pattern)
		}
	}
}

// status waits for the end and returns the exit status.
func (s *session) status() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(2 * time.Minute):
		s.t.Fatal("scalecheck does not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

// ends waits for the end and checks the status, and for an error its line and its
// hint.
func (s *session) ends(status int, says string) {
	s.t.Helper()
	if got := s.status(); got != status {
		s.t.Fatalf("exit status %d, want %d", got, status)
	}
	if says == "" {
		return
	}
	errs := regexp.MustCompile(`(?m)^scalecheck: .*$`).FindAllString(s.stderr(), -1)
	if len(errs) != 1 || !regexp.MustCompile(says).MatchString(errs[0]) {
		s.t.Errorf("errors %q, want one that matches %q", errs, says)
	}
	if !regexp.MustCompile(`(?m)^scalecheck: .*\nhint: .+\n\z`).MatchString(s.stderr()) {
		s.t.Errorf("stderr does not end with the error and a hint:\n%s", s.stderr())
	}
}

// run reads the run file.
func (s *session) run() *evidence.Run {
	s.t.Helper()
	r, err := evidence.Read(filepath.Join(s.dir, "scalecheck.run"))
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// document is the part of report.json that the tests look at.
type document struct {
	Verdict struct {
		Status, Headline string
		Reasons          []string
	}
	Gates []struct {
		Name, Reason string
		OK           bool
	}
	Missing map[string][]string
	Steps   []struct{ Requests int }
}

func (s *session) document() document {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "report.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// holds checks that the run file has at least so many windows under load, that
// all of them hold requests, second by second where it is known when these began,
// and how the run ended.
func holds(t *testing.T, r *evidence.Run, windows int, reason string) {
	t.Helper()
	n := 0
	for _, w := range r.Windows {
		if w.Phase != evidence.Settle && w.Phase != evidence.Measure {
			continue
		}
		total, err := w.Total()
		if err != nil {
			t.Fatal(err)
		}
		if total.Requests == 0 {
			t.Errorf("window %s of step %d holds no request", w.Phase, w.Step)
		}
		if script := r.Plan.Kind == scenarios.Script; script != (len(w.Seconds) == 0) {
			t.Errorf("window %s of step %d of a %s has %d seconds", w.Phase, w.Step, r.Plan.Kind, len(w.Seconds))
		}
		for _, s := range w.Seconds {
			if s.InFlight < 0 || s.Busy < 0 || s.Busy > 1 {
				t.Errorf("window %s of step %d: a second with %+v", w.Phase, w.Step, s)
			}
		}
		n++
	}
	if n < windows {
		t.Errorf("%d windows under load, want at least %d", n, windows)
	}
	switch {
	case reason == "":
		if r.End != nil {
			t.Errorf("the run has an end: %+v", r.End)
		}
	case r.End == nil || r.End.Reason != reason:
		t.Errorf("end %+v, want reason %q", r.End, reason)
	}
}

// page is a target that answers everything at once.
func page(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello\n")
	}))
	t.Cleanup(s.Close)
	return s
}

// noServer keeps a developer's PG* variables out of a run without database.
var noServer = []string{"PGHOST=", "PGSERVICE=", "PGDATABASE=", "PGUSER=", "PGPASSWORD="}

// A site is the reference app, on a database with XS data.
type site struct {
	url  string
	db   string // its name
	dsn  string // of a superuser
	port int
}

// The role that the tests measure with may connect and read statistics.
const (
	watcher  = "watcher"
	password = "correct-horse"
)

var roles sync.Mutex

// database makes a seeded database on the server.
func database(t *testing.T, c *pg.Cluster) *site {
	t.Helper()
	build := func(ctx context.Context, dsn string) error {
		return referenceapp.Seed(ctx, dsn, referenceapp.XS, 1, func(string) {})
	}
	db, err := c.NewDatabase(t.Context(), "cmd-XS-"+referenceapp.SeedVersion(), build)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-c.Done(): // with its server
		default:
			if err := db.Drop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	s := &site{db: db.Name, dsn: db.DSN, port: c.Port()}
	roles.Lock() // roles are the server's
	defer roles.Unlock()
	s.exec(t, `DO $$ BEGIN
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+watcher+`') THEN
			CREATE ROLE `+watcher+` LOGIN PASSWORD '`+password+`';
			GRANT pg_read_all_stats TO `+watcher+`;
		END IF;
	END $$`)
	name := pgx.Identifier{db.Name}.Sanitize()
	s.exec(t, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC")
	s.exec(t, "GRANT CONNECT ON DATABASE "+name+" TO "+watcher)
	return s
}

// serve starts the app on the site's database.
func (s *site) serve(t *testing.T) {
	t.Helper()
	app, err := referenceapp.Start(t.Context(), referenceapp.Config{DatabaseURL: s.dsn, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s.url = app.URL()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = app.Close(ctx) // its database may be gone, on purpose
	})
}

// newSite is the app on the server that the tests share.
func newSite(t *testing.T) *site {
	t.Helper()
	s := database(t, pg.ForTest(t))
	s.serve(t)
	return s
}

// flags point scalecheck at the site; env has the password.
func (s *site) flags() []string {
	return []string{"--target", s.url, "--db", "host=127.0.0.1 port=" + strconv.Itoa(s.port) + " dbname=" + s.db + " user=" + watcher + " sslmode=disable"}
}

var env = []string{"PGHOST=", "PGSERVICE=", "PGPASSWORD=" + password}

func (s *site) exec(t *testing.T, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// texts returns the statements that a role has sent.
func (s *site) texts(t *testing.T, role string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), `SELECT query
		FROM pg_stat_statements
		WHERE userid = $1::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`, role)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// descendants returns the processes that pid has started, and those that they
// have.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Fatalf("no /proc: %v", err)
	}
	children := map[int][]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name, with whatever is in it) state parent …
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	var all []int
	for next := children[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	slices.Sort(all)
	return all
}

// alive reports whether the process is there and not waiting to be buried.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text[bytes.LastIndexByte(text, ')'):]), ") Z ")
}

// name returns what the process is called.
func name(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.ReplaceAll(strings.TrimRight(string(text), "\x00"), "\x00", " ")
}
