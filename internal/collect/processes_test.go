package collect

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/pg"
)

func process(w evidence.Window, role, name string) evidence.Process {
	for _, p := range w.Processes {
		if p.Role == role && p.Name == name {
			return p
		}
	}
	return evidence.Process{}
}

// child starts a shell that runs the script; the line that it prints first is returned.
func child(t *testing.T, script string) (*osexec.Cmd, string) {
	t.Helper()
	cmd := osexec.Command("sh", "-c", script)
	out, err := cmd.StdoutPipe()
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
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, line[:len(line)-1]
}

// burn is a shell loop that takes about a tenth of a second of CPU.
const burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"

func cpuOf(t *testing.T, pid int) float64 {
	t.Helper()
	d, ok := processClock(pid)
	if !ok {
		t.Fatalf("process %d is gone", pid)
	}
	return d.Seconds()
}

func TestProcessesApp(t *testing.T) {
	// The app: one that idles, a child that computes, and children that come and go.
	busy, _ := child(t, "echo; while :; do :; done")
	idle, _ := child(t, "echo; sleep 600")
	r, n := start(t, Processes, &Target{AppPIDs: []int{idle.Process.Pid}, GeneratorPID: func() int { return busy.Process.Pid }})
	n.wantMissing(t, evidence.Processes, "PostgreSQL", "no session")
	before, begin := cpuOf(t, busy.Process.Pid), time.Now()
	cut(t, r)
	eventually(t, "half a second of CPU", func() bool { return cpuOf(t, busy.Process.Pid) > before+0.5 })
	w := cut(t, r)
	elapsed := time.Since(begin).Seconds()
	wantNoCaveats(t, w)
	g, a := process(w, evidence.LoadGen, ""), process(w, evidence.App, "")
	if used := cpuOf(t, busy.Process.Pid) - before; g.Run < 0.4 || g.Run > used+0.001 || g.Run+g.Queue > elapsed*1.05 || g.RSS <= 0 || g.Count != 1 {
		t.Errorf("generator: %+v, want about %.2f s on a CPU within %.2f s", g, used, elapsed)
	}
	if a.Run > 0.05 || a.Count != 2 {
		t.Errorf("app: %+v, want two idle processes", a)
	}
	if s := process(w, evidence.Recorder, ""); s.Run <= 0 || s.RSS < 1<<20 {
		t.Errorf("scalecheck: %+v", s)
	}
	h := w.Host
	if h == nil || h.Cores < 1 || h.Busy < 0.9*g.Run-0.1 || h.Foreign > h.Busy || h.Foreign < 0 || h.Steal < 0 {
		t.Errorf("host: %+v, with a generator of %.2f s", h, g.Run)
	}
	idle.Process.Kill()
	idle.Wait()
	wantCaveat(t, cut(t, r), "the app's process has ended")
}

// Children that live shorter than the sampling are in their parent's account.
func TestProcessesShortLived(t *testing.T) {
	app, _ := child(t, "echo; while :; do sh -c '"+burn+"'; done")
	r, _ := start(t, Processes, &Target{AppPIDs: []int{app.Process.Pid}})
	cut(t, r)
	reaped := func() float64 { s, _ := readStat(app.Process.Pid); return s.reaped }
	before := reaped()
	eventually(t, "a second of CPU in children", func() bool { return reaped() > before+1 })
	w := cut(t, r)
	used := reaped() - before
	// One child more may be under way at either end.
	if a := process(w, evidence.App, ""); !near(a.Run, used, 0.3) || a.Count < 2 {
		t.Errorf("app: %+v, want %.2f s", a, used)
	}
}

func TestProcessesPostgres(t *testing.T) {
	target := database(t)
	r, n := start(t, Processes, target)
	if len(n.missing[evidence.Processes]) != 1 {
		t.Errorf("missing: %v, want the app only", n.missing)
	}
	if got, want := r.(*processes).postmaster, pg.ForTest(t).PID(); got != want {
		t.Fatalf("postmaster is %d, want %d", got, want)
	}
	app := open(t, target)
	cut(t, r)
	spin := "do $$ declare x float := 0; until_ timestamptz := clock_timestamp() + interval '400 ms'; begin while clock_timestamp() < until_ loop x := x + sqrt(x); end loop; end $$"
	before := cpuOf(t, int(app.PgConn().PID()))
	exec(t, app, spin)
	used := cpuOf(t, int(app.PgConn().PID())) - before
	w := cut(t, r)
	c := process(w, evidence.Postgres, evidence.ClientBackend)
	if c.Run < 0.9*used || c.Run > used+0.2 || c.RSS <= 0 || c.RSS > 1<<30 {
		t.Errorf("client backends: %+v, want %.3f s", c, used)
	}
	for _, name := range []string{"postmaster", "checkpointer", "background writer", "walwriter"} {
		if process(w, evidence.Postgres, name).Count != 1 {
			t.Errorf("no %s in %+v", name, w.Processes)
		}
	}
	if own := process(w, evidence.OwnServer, evidence.ClientBackend); own.Count != 1 || own.Run > 0.2 {
		t.Errorf("our own session: %+v", own)
	}

	// A session that nobody saw: it came and went between two looks.
	p := r.(*processes)
	p.mu.Lock() // no look
	short := open(t, target)
	exec(t, short, spin)
	used = cpuOf(t, int(short.PgConn().PID()))
	short.Close(t.Context())
	eventually(t, "end of the session", func() bool { return !exists(fmt.Sprintf("/proc/%d", short.PgConn().PID())) })
	p.mu.Unlock()
	w = cut(t, r)
	if c := process(w, evidence.Postgres, evidence.ClientBackend); c.Run < 0.8*used || c.Run > used+0.2 {
		t.Errorf("client backends: %+v, want %.3f s of a session that has ended", c, used)
	}
}

func TestProcessesListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := listeners(l.Addr().String()); len(got) != 1 || got[0] != os.Getpid() {
		t.Errorf("listeners(%s) = %v, want %d", l.Addr(), got, os.Getpid())
	}
	addr := l.Addr().String()
	l.Close()
	if got := listeners(addr); len(got) != 0 {
		t.Errorf("listeners of a closed port: %v", got)
	}
	if got := listeners("192.0.2.1:80"); len(got) != 0 {
		t.Errorf("listeners elsewhere: %v", got)
	}
	_, n := start(t, Processes, &Target{Listener: "192.0.2.1:80"})
	n.wantMissing(t, evidence.Processes, "the app", "192.0.2.1:80")
}

func TestBackendType(t *testing.T) {
	for _, tt := range []struct{ title, want string }{
		{"postgres: checkpointer ", "checkpointer"},
		{"postgres: main: autovacuum worker shop", "autovacuum worker"},
		{"postgres: main: shop shop 127.0.0.1(4711) SELECT", evidence.ClientBackend},
		{"postgres: shop shop [local] idle", evidence.ClientBackend},
		{"postgres: parallel worker for PID 4711 ", "parallel worker"},
		{"postgres: 18/main: io worker 0", "io worker"},
	} {
		if got := backendType(tt.title); got != tt.want {
			t.Errorf("backendType(%q) = %q, want %q", tt.title, got, tt.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	target := database(t)
	target.Listener = "127.0.0.1:80"
	e, err := Environment(t.Context(), as(t, target))
	if err != nil {
		t.Fatal(err)
	}
	if e.Cores < 1 || e.MemoryBytes < 1<<28 || e.Kernel == "" || e.Postgres == "" || !e.PostgresLocal || !e.TargetLocal ||
		e.DatabaseBytes < 1<<20 || e.Settings["shared_buffers"] != "8192 8kB" || e.Settings["jit"] == "" || e.Extensions["pg_stat_statements"] == "" {
		t.Errorf("environment: %+v", e)
	}
	target.Database = target.Database.Copy()
	target.Database.Database = "nowhere"
	e, err = Environment(t.Context(), target)
	if err == nil || e.Cores < 1 {
		t.Errorf("without the database: %+v, %v", e, err)
	}
}

func BenchmarkProcessesLook(b *testing.B) {
	cfg, err := ParseDatabase(testDSN(b))
	if err != nil {
		b.Fatal(err)
	}
	r, err := Processes.Start(b.Context(), &Target{Database: cfg}, newNoted())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	p := r.(*processes)
	for b.Loop() {
		p.mu.Lock()
		p.look(context.Background())
		p.mu.Unlock()
	}
	b.ReportMetric(float64(len(p.tracked)), "processes")
}

func TestBusySince(t *testing.T) {
	for _, tt := range []struct {
		name      string
		then, now hostStat
		want      float64
		ok        bool
	}{
		{"idle", hostStat{}, hostStat{idle: 2}, 0, true},
		{"one of two", hostStat{busy: 5, idle: 5}, hostStat{busy: 6, idle: 6}, 0.5, true},
		{"the hypervisor has it", hostStat{}, hostStat{busy: 1, steal: 1}, 1, true},
		{"waiting for a disk is idle", hostStat{}, hostStat{busy: 1, iowait: 3}, 0.25, true},
		{"no time has passed", hostStat{busy: 5, idle: 5}, hostStat{busy: 5, idle: 5}, 0, false},
	} {
		if got, ok := tt.now.since(tt.then); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestBusy(t *testing.T) {
	if _, ok := (&Set{}).Busy(); ok {
		t.Error("a set without processes knows how busy they are")
	}
	s, _ := openSet(t, &Target{AppPIDs: []int{os.Getpid()}})
	cmd, _ := child(t, "echo begun; "+burn)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if busy, ok := s.Busy(); !ok || busy <= 0 || busy > 1 {
		t.Errorf("while a shell worked, processors were busy for %v (%v)", busy, ok)
	}
}
