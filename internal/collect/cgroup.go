package collect

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// controlGroups returns the directories of the control groups that a process is in
// for a controller, its own and those around it, innermost first, version 1 and 2;
// file is one that the controller's directories have.
func controlGroups(pid int, controller, file string) []string {
	b, err := readFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil
	}
	mounts := cgroupMounts()
	var dirs []string
	for line := range strings.Lines(string(b)) {
		// "4:cpu,cpuacct:/docker/…" or "0::/user.slice"
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		name := "" // version 2 has one hierarchy for all
		if f[1] != "" {
			if name = controller; !slices.Contains(strings.Split(f[1], ","), name) {
				continue
			}
		}
		m, ok := mounts[name]
		if !ok {
			continue
		}
		// In a container the mount's root is its own group, and so may the path be.
		p := strings.TrimPrefix(f[2], strings.TrimSuffix(m.root, "/"))
		for p = path.Clean("/" + p); ; p = path.Dir(p) {
			if dir := path.Join(m.point, p); exists(path.Join(dir, file)) {
				dirs = append(dirs, dir)
			}
			if p == "/" {
				break
			}
		}
	}
	return dirs
}

type cgroupMount struct{ root, point string }

// cgroupMounts returns where the controllers of version 1 are, and version 2 ("").
func cgroupMounts() map[string]cgroupMount {
	out := map[string]cgroupMount{}
	b, _ := readFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}
		m := cgroupMount{root: f[3], point: f[4]}
		switch g[0] {
		case "cgroup2":
			out[""] = m
		case "cgroup":
			for o := range strings.SplitSeq(g[2], ",") {
				out[o] = m
			}
		}
	}
	return out
}

// quota returns how many CPUs a group may use, or 0 where there is no limit.
func quota(dir string) float64 {
	if b, err := readFile(path.Join(dir, "cpu.max")); err == nil {
		if f := strings.Fields(string(b)); len(f) == 2 && f[0] != "max" && number(f[1]) > 0 {
			return number(f[0]) / number(f[1])
		}
		return 0
	}
	q, err := readFile(path.Join(dir, "cpu.cfs_quota_us"))
	p, err2 := readFile(path.Join(dir, "cpu.cfs_period_us"))
	if err != nil || err2 != nil {
		return 0
	}
	limit, period := number(strings.TrimSpace(string(q))), number(strings.TrimSpace(string(p)))
	if limit <= 0 || period <= 0 {
		return 0
	}
	return limit / period
}

// throttled returns for how many seconds the group was held back so far.
func throttled(dir string) float64 {
	b, _ := readFile(path.Join(dir, "cpu.stat"))
	for line := range strings.Lines(string(b)) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "throttled_usec": // version 2
			return number(v) / 1e6
		case "throttled_time": // version 1
			return number(v) / 1e9
		}
	}
	return 0
}

// usableCores returns how many CPUs the processes here may use: those that this
// one may run on, or fewer where a quota says so.
func usableCores() float64 {
	n := float64(affinity())
	for _, dir := range controlGroups(os.Getpid(), "cpu", "cpu.stat") {
		if q := quota(dir); q > 0 {
			n = min(n, q)
		}
	}
	return n
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// A group is where the control groups of one role's processes are.
type group struct {
	role string
	cpu  []string // directories, innermost first
	mem  []string
	last groupStat
}

type groupStat struct {
	periods, held, throttled  float64
	refaults, faults, oomKill float64
	memory                    float64
}

// newGroup returns nil where there are no control groups to be seen.
func newGroup(role string, pid int) *group {
	g := &group{role: role, cpu: controlGroups(pid, "cpu", "cpu.stat"), mem: controlGroups(pid, "memory", "memory.stat")}
	if len(g.cpu) == 0 && len(g.mem) == 0 {
		return nil
	}
	g.last = g.read()
	return g
}

func (g *group) read() (s groupStat) {
	// Quotas nest; a directory without one counts nothing.
	for _, dir := range g.cpu {
		b, _ := readFile(path.Join(dir, "cpu.stat"))
		v := keyed(b)
		s.periods += v["nr_periods"]
		s.held += v["nr_throttled"]
		s.throttled += v["throttled_usec"]/1e6 + v["throttled_time"]/1e9
	}
	if len(g.mem) == 0 {
		return s
	}
	b, _ := readFile(path.Join(g.mem[0], "memory.stat"))
	v := keyed(b)
	// Version 1 counts anonymous and file pages as one until 5.9; version 2 has no
	// total and splits them from then on.
	s.refaults = v["workingset_refault"] + v["workingset_refault_file"] + v["workingset_refault_anon"]
	s.faults = v["pgmajfault"]
	b, err := readFile(path.Join(g.mem[0], "memory.events")) // version 2
	if err != nil {
		b, _ = readFile(path.Join(g.mem[0], "memory.oom_control"))
	}
	s.oomKill = keyed(b)["oom_kill"]
	for _, file := range []string{"memory.current", "memory.usage_in_bytes"} {
		if b, err := readFile(path.Join(g.mem[0], file)); err == nil {
			s.memory = number(strings.TrimSpace(string(b)))
		}
	}
	return s
}

// since closes the group's window.
func (g *group) since() evidence.Group {
	now, last := g.read(), g.last
	g.last = now
	out := evidence.Group{
		Role: g.role, Root: len(g.cpu) <= 1 && len(g.mem) <= 1,
		Periods: max(0, now.periods-last.periods), Held: max(0, now.held-last.held), Throttled: max(0, now.throttled-last.throttled),
		Memory:   now.memory,
		Refaults: max(0, now.refaults-last.refaults), Faults: max(0, now.faults-last.faults), OOMKills: max(0, now.oomKill-last.oomKill),
	}
	for _, dir := range g.cpu {
		if q := quota(dir); q > 0 && (out.Quota == 0 || q < out.Quota) {
			out.Quota = q
		}
	}
	for _, dir := range g.mem {
		if l := memoryLimit(dir); l > 0 && (out.Limit == 0 || l < out.Limit) {
			out.Limit = l
		}
	}
	return out
}

// memoryLimit returns a group's limit in bytes, or 0. Version 1 writes "none" as
// the largest number of pages that there is.
func memoryLimit(dir string) float64 {
	for _, file := range []string{"memory.max", "memory.limit_in_bytes"} {
		b, err := readFile(path.Join(dir, file))
		if l := number(strings.TrimSpace(string(b))); err == nil && l > 0 && l < 1<<60 {
			return l
		}
	}
	return 0
}
