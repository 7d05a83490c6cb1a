package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

// Processes reads /proc.
var Processes = &Collector{
	Name: "processes",
	Kind: evidence.Processes,
	Doc: `who used the CPU, who waited for one, and who read and wrote, from /proc

The app with its child processes, every PostgreSQL process by its type, the load
generator and scalecheck itself, in seconds on a CPU and seconds in the run queue:
PostgreSQL's own views can't tell a session that computes from one that waits for a
CPU. What the machine was busy with beyond these is foreign. While the load is on, how
busy the machine was is noted each second, which tells bursts from a steady load.

Running time is the kernel's clock of the process, exact and with all threads.
Processes are looked at every other second; what one that lived shorter used is taken
from its parent's account of ended children. The time in the run queue of a thread,
and the IO of a process, are lost from the last look on when it ends. Memory of
PostgreSQL's processes is what they don't share.

With it come, where the kernel tells: control groups' quotas, throttling and memory
of the app and of PostgreSQL (version 1 and 2), pressure stall information (PSI),
page cache refaults, and latency and utilization of the disks that hold PostgreSQL's
data and WAL.

Linux only, and only for what runs on this machine. IO needs the same user as the
process, or root.`,
	Start: startProcesses,
}

// processInterval: processes that come and go within it are still accounted for,
// in their parent's name; only their type is a guess then.
const processInterval = 2 * time.Second

// A tracked process, with its counters as they were at the last look.
type tracked struct {
	role
	start   float64         // after the boot
	run     float64         // seconds
	queues  map[int]float64 // seconds, by thread
	reaped  float64         // seconds of ended children
	read    float64         // at the last cut
	written float64
	unsure  int // looks left at which the server is asked for the type
}

type usage struct {
	run, queue, read, written, rss float64
	pids                           map[int]bool
}

type processes struct {
	target *Target
	link   *link // nil without a database
	done   func()
	self   int
	notes  Notes

	stop context.CancelFunc
	wait sync.WaitGroup

	mu         sync.Mutex
	known      map[int]procStat // all processes, as when first seen
	tracked    map[int]*tracked
	ended      map[int]float64 // by parent: CPU seconds of its children that are gone, less what it reaped
	sums       map[role]*usage
	postmaster int
	apps       []int
	resolved   time.Time
	looked     float64 // when, after the boot
	host       hostStat
	second     hostStat           // as it was at the last call of Busy
	groups     map[string]float64 // control group → seconds throttled
	limits     []*group
	disks      []*device
	pressure   *evidence.Pressure
	refaults   float64
	begun      time.Time
	noIO       bool
}

func startProcesses(ctx context.Context, t *Target, n Notes) (Running, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("read processes: /proc is Linux's, and this is %s", runtime.GOOS)
	}
	p := &processes{
		target: t, self: os.Getpid(), notes: n, done: func() {},
		known: map[int]procStat{}, tracked: map[int]*tracked{}, ended: map[int]float64{}, sums: map[role]*usage{},
	}
	if _, ok := processClock(p.self); !ok {
		return nil, errors.New("read processes: this kernel does not show the CPU time of processes")
	}
	var err error
	if t.Database != nil {
		if p.link, p.done, err = t.sharedLink(ctx); err != nil {
			p.link, p.done = nil, func() {}
		}
	}
	p.apps = p.findApps()
	p.postmaster, err = p.findPostmaster(ctx)
	if err != nil {
		err = n.Missing(evidence.Processes, "PostgreSQL: "+Reason(err))
	}
	if err == nil && len(p.apps) == 0 {
		err = n.Missing(evidence.Processes, "the app: "+Reason(p.whyNoApp()))
	}
	if err != nil {
		p.done()
		return nil, err
	}
	p.resolved = time.Now()
	if p.disks, err = serverDevices(p.postmaster); err != nil {
		if err := n.Missing(evidence.Processes, "the disks of PostgreSQL: "+Reason(err)); err != nil {
			p.done()
			return nil, err
		}
	}
	p.findGroups()
	p.look(ctx)
	p.begin()
	p.second = p.host
	looking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = cancel
	p.wait.Go(func() { p.watch(looking) })
	return p, nil
}

func (p *processes) Close() {
	p.stop()
	p.wait.Wait()
	p.done()
}

func (p *processes) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(p.target.hub.paced(processInterval)):
		}
		p.mu.Lock()
		p.resolve(ctx)
		p.look(ctx)
		p.mu.Unlock()
	}
}

// look adds what every process used since the last look.
func (p *processes) look(ctx context.Context) {
	// Accounts of ended children first: who is in one is then gone from the list.
	for pid, t := range p.tracked {
		if t.role.role == evidence.Postgres && pid != p.postmaster || t.role.role == evidence.OwnServer {
			continue
		}
		if s, ok := readStat(pid); ok && s.start == t.start {
			p.ended[pid] += s.reaped - t.reaped
			t.reaped = s.reaped
		}
	}
	now := uptime()
	list := numericNames("/proc")
	here := make(map[int]bool, len(list))
	for _, pid := range list {
		here[pid] = true
		if _, ok := p.known[pid]; !ok {
			if s, ok := readStat(pid); ok {
				p.known[pid] = s
			}
		}
	}
	p.classify(ctx, now)
	for pid, t := range p.tracked {
		if !here[pid] || !p.count(pid, t) {
			p.forget(pid)
		}
	}
	for pid := range p.known {
		if !here[pid] {
			delete(p.known, pid)
		}
	}
	// What a parent reaped beyond what was seen of its children.
	for pid, seconds := range p.ended {
		t := p.tracked[pid]
		if t == nil {
			delete(p.ended, pid)
			continue
		}
		if seconds > 0 {
			r := t.role
			if pid == p.postmaster {
				r.name = evidence.ClientBackend
			}
			p.usage(r).run += seconds
			p.ended[pid] = 0
		}
	}
	p.looked = now
}

func (p *processes) usage(r role) *usage {
	u := p.sums[r]
	if u == nil {
		u = &usage{pids: map[int]bool{}}
		p.sums[r] = u
	}
	return u
}

// count adds what a process used since the last look. It returns false when the
// process is gone, or is another one with the same number.
func (p *processes) count(pid int, t *tracked) bool {
	clock, ok := processClock(pid)
	run := clock.Seconds()
	if !ok || run < t.run {
		return false
	}
	u := p.usage(t.role)
	u.pids[pid] = true
	u.run += run - t.run
	t.run = run
	u.queue += t.readQueues(pid)
	return true
}

// readQueues returns the time that threads spent in the run queue since the last
// look. Threads that are new count from zero.
func (t *tracked) readQueues(pid int) float64 {
	now := make(map[int]float64, len(t.queues))
	single := t.role.role == evidence.Postgres || t.role.role == evidence.OwnServer
	readQueues(pid, single, now)
	sum := 0.0
	for tid, q := range now {
		sum += max(0, q-t.queues[tid])
	}
	t.queues = now
	return sum
}

// forget ends tracking a process that is gone.
func (p *processes) forget(pid int) {
	t := p.tracked[pid]
	if parent := p.known[pid].parent; p.tracked[parent] != nil {
		p.ended[parent] -= t.run + t.reaped
	}
	delete(p.tracked, pid)
	delete(p.known, pid)
}

// begin starts a window.
func (p *processes) begin() {
	p.sums = map[role]*usage{}
	p.host, _ = readHost()
	p.groups = p.throttled()
	p.pressure, p.refaults, p.begun = readPressure(), readRefaults(), time.Now()
}

// findGroups looks up the control groups of the app and of the server. The
// processes of one role share a group as a rule; the first stands for all.
func (p *processes) findGroups() {
	p.limits = nil
	add := func(role string, pid int) {
		if g := newGroup(role, pid); g != nil {
			p.limits = append(p.limits, g)
		}
	}
	if len(p.apps) > 0 {
		add(evidence.App, p.apps[0])
	}
	if p.postmaster != 0 {
		add(evidence.Postgres, p.postmaster)
	}
}

func (p *processes) throttled() map[string]float64 {
	out := map[string]float64{}
	for pid, t := range p.tracked {
		if t.role.role == evidence.Postgres && pid != p.postmaster || t.role.role == evidence.OwnServer {
			continue // in its postmaster's group
		}
		for _, dir := range controlGroups(pid, "cpu", "cpu.stat") {
			out[dir] = throttled(dir)
		}
	}
	return out
}

// Busy implements watcher.
func (p *processes) Busy() (float64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, ok := readHost()
	if !ok {
		return 0, false
	}
	last := p.second
	p.second = now
	return now.since(last)
}

// Used implements watcher.
func (p *processes) Used(role string) (sum float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pid, t := range p.tracked {
		if t.role.role == role {
			run, _ := processClock(pid)
			sum += run.Seconds()
		}
	}
	return sum
}

func (p *processes) Cut(ctx context.Context, w *evidence.Window) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resolve(ctx)
	p.look(ctx)
	p.readStorage()
	lastHost, lastGroups := p.host, p.groups
	lastPressure, lastRefaults, begun := p.pressure, p.refaults, p.begun
	sums := p.sums
	p.begin()
	for _, g := range p.limits {
		w.Groups = append(w.Groups, g.since())
	}
	for _, d := range p.disks {
		if disk, ok := d.since(p.begun.Sub(begun).Seconds()); ok {
			w.Disks = append(w.Disks, disk)
		}
	}
	host := &evidence.Host{
		Cores:  cores(),
		Busy:   p.host.busy - lastHost.busy,
		Steal:  p.host.steal - lastHost.steal,
		IOWait: max(0, p.host.iowait-lastHost.iowait), // the kernel's count may go back

		Pressure: pressureSince(p.pressure, lastPressure), Refaults: max(0, p.refaults-lastRefaults),
	}
	ours := 0.0
	for r, u := range sums {
		ours += u.run
		w.Processes = append(w.Processes, evidence.Process{
			Role: r.role, Name: r.name, Count: float64(len(u.pids)), Run: u.run, Queue: u.queue,
			RSS: u.rss, Read: u.read, Written: u.written,
		})
	}
	host.Foreign = max(0, host.Busy-ours)
	for dir, s := range p.groups {
		host.Throttled += max(0, s-lastGroups[dir])
	}
	slices.SortFunc(w.Processes, func(a, b evidence.Process) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	w.Host = host
	if len(p.apps) > 0 && !slices.ContainsFunc(p.apps, func(pid int) bool { return p.tracked[pid] != nil }) {
		w.Caveats = append(w.Caveats, "the app's process has ended")
	}
	if p.noIO {
		p.noIO = false
		return p.notes.Missing(evidence.Processes, "bytes read and written by other users' processes; run scalecheck as root or as their user")
	}
	return nil
}

// readStorage adds IO since the last cut, and memory.
func (p *processes) readStorage() {
	denied := false
	for pid, t := range p.tracked {
		u := p.usage(t.role)
		resident, private := readMemory(pid)
		if t.role.role == evidence.Postgres || t.role.role == evidence.OwnServer {
			resident = private // the rest are the shared buffers, which would count once for each
		}
		u.rss += resident
		read, written, err := readIO(pid)
		if err != nil {
			denied = denied || errors.Is(err, os.ErrPermission)
			continue
		}
		u.read += max(0, read-t.read)
		u.written += max(0, written-t.written)
		t.read, t.written = read, written
	}
	p.noIO = denied
}

// cores returns usableCores as a whole number, at least one.
func cores() int { return max(1, int(math.Round(usableCores()))) }
