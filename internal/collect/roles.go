package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
)

const backendSQL = `select /* scalecheck */
	pg_backend_pid(),
	backend_start
from pg_stat_activity
where pid = pg_backend_pid()`

const backendTypesSQL = `select /* scalecheck */
	pid,
	coalesce(backend_type, ''),
	application_name = 'scalecheck'
from pg_stat_activity
where pid = any($1)`

type role struct{ role, name string }

// findApps returns the app's processes, without those that are children of others.
func (p *processes) findApps() []int {
	pids := p.target.AppPIDs
	if len(pids) == 0 && p.target.Listener != "" {
		pids = listeners(p.target.Listener)
	}
	var out []int
	for _, pid := range pids {
		s, ok := readStat(pid)
		if ok && pid != p.self && !slices.Contains(pids, s.parent) {
			out = append(out, pid)
		}
	}
	return out
}

func (p *processes) whyNoApp() error {
	switch {
	case len(p.target.AppPIDs) > 0:
		return fmt.Errorf("process %v does not exist here", p.target.AppPIDs)
	case p.target.Listener == "":
		return errors.New("neither its processes nor its address is known")
	case runtime.GOOS == "linux" && os.Getuid() != 0:
		return hint.Wrapf(fmt.Errorf("nobody is seen listening at %s on this machine", p.target.Listener),
			"if the app runs here, run scalecheck as the app's user, or give its process id")
	}
	return fmt.Errorf("nobody listens at %s on this machine: the app runs elsewhere", p.target.Listener)
}

// findPostmaster returns the parent of the server's processes. A process here
// that has the number of our server process, but did not start with our session,
// is somebody else's.
func (p *processes) findPostmaster(ctx context.Context) (int, error) {
	if p.link == nil {
		return 0, errors.New("there is no session with it")
	}
	var pid int
	var started time.Time
	err := p.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, backendSQL).Scan(&pid, &started)
	})
	if err != nil {
		return 0, err
	}
	if s, ok := serverProcess(pid, started); ok {
		return s.parent, nil
	}
	return 0, errors.New("its processes are not visible here: it runs on another machine or in a container")
}

// serverProcess returns the process that serves a session, if it is on this machine.
func serverProcess(pid int, sessionStart time.Time) (procStat, bool) {
	s, ok := readStat(pid)
	boot, booted := bootTime()
	if !ok || !booted || s.comm != "postgres" && s.comm != "postmaster" {
		return s, false
	}
	off := sessionStart.Sub(boot).Seconds() - s.start
	return s, math.Abs(off) < 3 // the boot is told in whole seconds
}

// resolveInterval: looking for who listens reads every process's open files.
const resolveInterval = 5 * time.Second

// resolve looks again for an app or a server that was restarted.
func (p *processes) resolve(ctx context.Context) {
	alive := func(pid int) bool { _, ok := readStat(pid); return ok }
	if time.Since(p.resolved) < resolveInterval {
		return
	}
	p.resolved = time.Now()
	if len(p.apps) > 0 && !slices.ContainsFunc(p.apps, alive) && p.target.Listener != "" && len(p.target.AppPIDs) == 0 {
		p.apps = p.findApps()
		p.findGroups()
	}
	if p.postmaster != 0 && !alive(p.postmaster) {
		if pid, err := p.findPostmaster(ctx); err == nil {
			p.postmaster = pid
			p.findGroups()
		}
	}
}

// classify starts tracking processes whose role is known.
func (p *processes) classify(ctx context.Context, now float64) {
	roots := map[int]role{p.self: {role: evidence.Recorder}}
	for _, pid := range p.apps {
		roots[pid] = role{role: evidence.App}
	}
	if p.target.GeneratorPID != nil {
		if pid := p.target.GeneratorPID(); pid > 0 {
			roots[pid] = role{role: evidence.LoadGen}
		}
	}
	if p.postmaster != 0 {
		roots[p.postmaster] = role{evidence.Postgres, "postmaster"}
	}
	var unsure []int
	for pid, s := range p.known {
		if t := p.tracked[pid]; t != nil {
			if t.unsure > 0 {
				unsure = append(unsure, pid)
			}
			continue
		}
		r, ok := roleOf(pid, p.known, roots, p.postmaster)
		if !ok {
			continue
		}
		t := &tracked{role: r, start: s.start, queues: map[int]float64{}}
		if r.role == evidence.Postgres && pid != p.postmaster {
			t.name = backendType(title(pid))
			t.unsure = 3
			unsure = append(unsure, pid)
		}
		// Who started after the last look is counted from zero. 20 ms: the kernel
		// tells the start in ticks.
		if p.looked == 0 || s.start < p.looked-0.02 {
			run, _ := processClock(pid)
			t.run, t.reaped = run.Seconds(), s.reaped
			if s, ok := readStat(pid); ok {
				t.reaped = s.reaped
			}
			t.readQueues(pid)
			t.read, t.written, _ = readIO(pid)
		}
		p.tracked[pid] = t
	}
	if len(unsure) > 0 {
		p.askTypes(ctx, unsure)
	}
}

// roleOf returns a process's role: its own, or that of the nearest ancestor that
// has one. Children of scalecheck itself have none: they may be the app.
func roleOf(pid int, known map[int]procStat, roots map[int]role, postmaster int) (role, bool) {
	for range 64 { // known may be from different times, and hold a loop
		if r, ok := roots[pid]; ok {
			return r, true
		}
		s, ok := known[pid]
		if !ok || s.parent <= 1 {
			return role{}, false
		}
		if r, ok := roots[s.parent]; ok {
			return r, r.role != evidence.Recorder
		}
		pid = s.parent
	}
	return role{}, false
}

// backendTypes are as in pg_stat_activity; titles begin with them, after the name
// of the cluster if it has one.
var backendTypes = []string{
	"checkpointer", "background writer", "walwriter", "walsender", "walreceiver", "walsummarizer", "autovacuum launcher",
	"autovacuum worker", "logical replication launcher", "logical replication worker", "parallel worker", "startup",
	"archiver", "logger", "stats collector", "io worker", "slotsync worker",
}

// backendType makes a backend type of a process title, as
// "postgres: main: autovacuum worker db" or "postgres: user db [local] SELECT".
func backendType(title string) string {
	rest, _ := strings.CutPrefix(title, "postgres: ")
	_, afterCluster, _ := strings.Cut(rest, ": ")
	for _, t := range backendTypes {
		if strings.HasPrefix(rest, t) || strings.HasPrefix(afterCluster, t) {
			return t
		}
	}
	return evidence.ClientBackend
}

// askTypes asks the server what its new processes are, and which are ours.
func (p *processes) askTypes(ctx context.Context, pids []int) {
	if h := p.target.hub; h != nil {
		for _, pid := range h.pids() {
			if t := p.tracked[pid]; t != nil {
				t.role, t.unsure = role{evidence.OwnServer, evidence.ClientBackend}, 0
			}
		}
	}
	for _, pid := range pids {
		p.tracked[pid].unsure--
	}
	if p.link == nil {
		return
	}
	// Without an answer the title has to do.
	_ = p.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, backendTypesSQL, pids)
		if err != nil {
			return err
		}
		var pid int
		var kind string
		var own bool
		_, err = pgx.ForEachRow(rows, []any{&pid, &kind, &own}, func() error {
			t := p.tracked[pid]
			if t == nil || kind == "" {
				return nil
			}
			t.name, t.unsure = kind, 0
			if own {
				t.role.role = evidence.OwnServer
			}
			return nil
		})
		return err
	})
}
