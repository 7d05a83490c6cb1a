package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
)

const mini = "testdata/load/mini.yaml"

func TestTargetRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := "http://" + l.Addr().String()
	l.Close()
	for _, scenario := range []string{mini, "testdata/load/plain.js"} {
		s := start(t, noServer, scenario, "--target", target)
		s.ends(2, "connection refused")
		if s.out.Len() > 0 {
			t.Errorf("stdout: %s", s.out.String())
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the output directory was left behind: %v", err)
		}
	}
}

func TestTargetDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	target := page(t)
	s := start(t, noServer, mini, "--target", target.URL)
	s.says(`step 2 of 3`)
	// Listener and connections at once, as when a process is killed.
	target.Listener.Close()
	target.CloseClientConnections()
	s.ends(4, "target lost: it stopped answering")
	holds(t, s.run(), 3, evidence.TargetLost)
	if v := s.document().Verdict; v.Status == "pass" {
		t.Errorf("verdict %+v", v)
	}
}

func TestDatabaseDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	c, err := pg.Start(t.Context(), pg.Options{
		BinDir: os.Getenv("SCALECHECK_TEST_POSTGRES"), Throwaway: true,
		Settings: map[string]string{"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) }) // a second time
	site := database(t, c)
	site.serve(t)
	s := start(t, env, append([]string{"lms", "--users", "20", "--steps", "3", "--duration", "24s", "--no-probe"}, site.flags()...)...)
	s.says(`step 2 of 3`)
	if err := c.Stop(context.Background()); err != nil { // of a throwaway: at once
		t.Fatal(err)
	}
	s.ends(4, "database lost")
	r := s.run()
	holds(t, r, 3, evidence.DatabaseLost)
	for _, w := range r.Windows[1:3] {
		if len(w.Statements) == 0 || w.Sessions == nil {
			t.Errorf("window %s of step %d, before the loss: %d statements, sessions %v", w.Phase, w.Step, len(w.Statements), w.Sessions != nil)
		}
	}
	if v := s.document().Verdict; v.Status == "pass" {
		t.Errorf("verdict %+v", v)
	}
}

// Somebody resets pg_stat_statements in the last step: what it says of that step
// is not to be trusted, and neither is a verdict about it.
func TestStatisticsResetInTheMiddle(t *testing.T) {
	t.Parallel()
	c, err := pg.Start(t.Context(), pg.Options{ // others' statistics must stay
		BinDir: os.Getenv("SCALECHECK_TEST_POSTGRES"), Throwaway: true,
		Settings: map[string]string{"fsync": "off", "synchronous_commit": "off", "shared_buffers": "64MB"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop(context.Background()) })
	site := database(t, c)
	site.serve(t)
	s := start(t, env, append([]string{"lms", "--users", "20", "--steps", "3", "--duration", "24s", "--no-probe"}, site.flags()...)...)
	s.says(`step 3 of 3`)
	site.exec(t, "select pg_stat_statements_reset()")
	s.ends(3, "")
	d := s.document()
	if got := strings.Join(d.Verdict.Reasons, "\n"); d.Verdict.Status != "inconclusive" || !strings.Contains(got, "somebody reset pg_stat_statements") {
		t.Errorf("verdict %+v", d.Verdict)
	}
}

func TestUnwritableOutput(t *testing.T) {
	t.Parallel()
	target := page(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Root may write anywhere, except where there are no files.
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc", "/proc/below"} {
		s := launch(t, dir, exec.Command(filepath.Join(binaries(t), "scalecheck"), "run", mini, "--target", target.URL, "-o", dir), noServer)
		s.ends(2, "output directory")
		if s.out.Len() > 0 {
			t.Errorf("stdout: %s", s.out.String())
		}
	}
}

// A stdout that takes nothing is not a verdict, and not the user's guess.
func TestStdoutFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err) // of Linux
	}
	defer full.Close()
	bin := filepath.Join(binaries(t), "scalecheck")
	for _, args := range [][]string{{"explain"}, {"schema"}, {"report", "testdata/runs/v1.run"}} {
		cmd := exec.Command(bin, args...)
		var stderr strings.Builder
		cmd.Stdout, cmd.Stderr = full, &stderr
		_ = cmd.Run() // its status is checked
		if status := cmd.ProcessState.ExitCode(); status != 4 || !strings.Contains(stderr.String(), "\nhint: ") {
			t.Errorf("%q: status %d, stderr %s", args, status, stderr.String())
		}
	}
}

// A file that may not grow is a disk that is full, for whoever writes to it.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	target := page(t)
	dir := filepath.Join(t.TempDir(), "out")
	// Eight blocks of 512 bytes: the first windows fit in, no report does.
	s := launch(t, dir, exec.Command("/bin/sh", "-c", `ulimit -f 8 && exec "$@"`, "sh",
		filepath.Join(binaries(t), "scalecheck"), "run", mini, "--target", target.URL, "-o", dir, "--format", "text,json"), noServer)
	s.ends(4, "file too large")
	r := s.run()
	holds(t, r, 1, "")
	if !strings.Contains(s.out.String(), "not saved") {
		t.Errorf("the report does not say that the run was not saved:\n%s", s.out.String())
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "scalecheck.run" {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		signal syscall.Signal
		status int
	}{
		{syscall.SIGINT, 130},
		{syscall.SIGTERM, 143},
	} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			t.Parallel()
			s := start(t, noServer, mini, "--target", page(t).URL)
			s.says(`step 2 of 3`)
			children := descendants(t, s.cmd.Process.Pid)
			if len(children) == 0 {
				t.Error("no generator is running")
			}
			if err := s.cmd.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			s.ends(tt.status, "interrupted")
			holds(t, s.run(), 3, evidence.Interrupted)
			if v := s.document().Verdict; v.Status == "pass" {
				t.Errorf("verdict %+v", v)
			}
			if !strings.Contains(s.out.String(), "interrupted") {
				t.Errorf("the report does not say so:\n%s", s.out.String())
			}
			for _, pid := range children {
				if alive(pid) {
					t.Errorf("%d is still running: %s", pid, name(pid))
				}
			}
		})
	}
}

// Interrupted while nothing is under load yet.
func TestInterruptedBeforeTheLoad(t *testing.T) {
	t.Parallel()
	s := start(t, noServer, mini, "--target", page(t).URL)
	s.says(`idle system`)
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.ends(130, "interrupted")
	holds(t, s.run(), 0, evidence.Interrupted)
}

// Killed, scalecheck can clear nothing away; the others notice by themselves.
func TestKilled(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "access.jsonl")
	args := []string{"--fault", "none", "--size", "XS", "--users", "20", "--steps", "2", "--duration", "30s", "--no-probe", "--access-log", log}
	if bin := os.Getenv("SCALECHECK_TEST_POSTGRES"); bin != "" {
		args = append(args, "--pg-bin", bin)
	}
	s := start(t, []string{"XDG_CACHE_HOME=" + t.TempDir(), "PGHOST="}, args...)
	s.says(`step 1 of 2`)
	children := descendants(t, s.cmd.Process.Pid)
	all := ""
	for _, pid := range children {
		all += name(pid) + "\n"
	}
	for _, want := range []string{"k6 run", "scalecheck app --child", "postgres"} {
		if !strings.Contains(all, want) {
			t.Errorf("no child is %q among:\n%s", want, all)
		}
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	s.status()
	holds(t, s.run(), 1, "")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var left []string
		for _, pid := range children {
			if alive(pid) {
				left = append(left, fmt.Sprint(pid, " ", name(pid)))
			}
		}
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running:\n%s", strings.Join(left, "\n"))
		}
	}
	// The app has ended in order: its log is whole.
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"request_uri":"/api/v1/login"`) {
		t.Errorf("nobody logged in:\n%s", text)
	}
	for line := range strings.Lines(string(text)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("broken line: %s", line)
		}
	}
	// What it has measured can be looked at.
	report := exec.Command(filepath.Join(binaries(t), "scalecheck"), "report", filepath.Join(s.dir, "scalecheck.run"))
	out, _ := report.Output()
	if got := report.ProcessState.ExitCode(); got != 4 || !strings.Contains(string(out), "cut short") {
		t.Errorf("report: status %d, want 4:\n%s", got, out)
	}
}

// proxy stands in front of the target and can be taken away.
func proxy(t *testing.T, target string) *httptest.Server {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := httptest.NewServer(httputil.NewSingleHostReverseProxy(u))
	t.Cleanup(p.Close)
	return p
}

// The app goes, its database stays.
func TestAppDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	p := proxy(t, site.url)
	site.url = p.URL
	s := start(t, env, append([]string{"lms", "--users", "20", "--steps", "3", "--duration", "24s", "--no-probe"}, site.flags()...)...)
	s.says(`step 2 of 3`)
	p.Listener.Close()
	p.CloseClientConnections()
	s.ends(4, "target lost")
	holds(t, s.run(), 3, evidence.TargetLost)
}

// Who reads the report may have seen enough after a line; the files are there.
func TestReaderLeaves(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	s := launch(t, dir, exec.Command("/bin/sh", "-c", `"$@" | head -n 1`, "sh",
		filepath.Join(binaries(t), "scalecheck"), "run", mini, "--target", page(t).URL, "--steps", "1", "--duration", "6s", "-o", dir), noServer)
	s.ends(0, "") // head's
	if out := s.out.String(); strings.Count(out, "\n") != 1 {
		t.Errorf("stdout: %s", out)
	}
	holds(t, s.run(), 2, evidence.Completed)
	s.document()
}

// Interrupted while PostgreSQL or the bundled app is set up.
func TestInterruptedWhileSettingUp(t *testing.T) {
	t.Parallel()
	s := start(t, []string{"XDG_CACHE_HOME=" + t.TempDir(), "PGHOST="}, "--fault", "none", "--size", "XS")
	s.says(`starting a private PostgreSQL`)
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.ends(130, "^scalecheck: interrupted: SIGINT$")
	if s.out.Len() > 0 {
		t.Errorf("stdout: %s", s.out.String())
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("the output directory was left behind: %v", err)
	}
}

// What k6 does not understand is said in its own words; there was no load.
func TestGeneratorDoesNotStart(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.js")
	if err := os.WriteFile(bad, []byte("this is no script\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{bad}, `inspect script .*bad\.js: .*Unexpected`},
		{[]string{mini, "--k6-out", "nosuch"}, `k6: .*nosuch`},
	} {
		s := start(t, noServer, append(tt.args, "--target", page(t).URL)...)
		s.ends(2, tt.says)
		if s.out.Len() > 0 {
			t.Errorf("stdout: %s", s.out.String())
		}
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("the output directory was left behind: %v", err)
		}
	}
}

// A script's generator that is killed has not come to its end.
func TestGeneratorKilled(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{mini, "testdata/load/visit.js"} {
		s := start(t, noServer, scenario, "--target", page(t).URL)
		s.says(`step [12]`)
		killed := false
		for _, pid := range descendants(t, s.cmd.Process.Pid) {
			if strings.HasPrefix(name(pid), "k6 run") {
				killed = syscall.Kill(pid, syscall.SIGKILL) == nil
			}
		}
		if !killed {
			t.Fatal("found no generator to kill")
		}
		s.ends(4, "k6 was killed")
		holds(t, s.run(), 0, evidence.LoadFailed)
	}
}
