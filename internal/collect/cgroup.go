package collect

import (
	"fmt"
	"os"
	"path"
	"strings"
)

// cpuGroups returns the directories of the control groups that limit a process's
// CPU: its own and those around it, version 1 and 2.
func cpuGroups(pid int) []string {
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
		controller := ""
		for c := range strings.SplitSeq(f[1], ",") {
			if c == "cpu" {
				controller = c
			}
		}
		m, ok := mounts[controller]
		if !ok || f[1] != "" && controller == "" {
			continue
		}
		// In a container the mount's root is its own group, and so may the path be.
		p := strings.TrimPrefix(f[2], strings.TrimSuffix(m.root, "/"))
		for p = path.Clean("/" + p); ; p = path.Dir(p) {
			if dir := path.Join(m.point, p); exists(path.Join(dir, "cpu.stat")) {
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

// cgroupMounts returns where the cpu controller ("cpu") and version 2 ("") are.
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
				if o == "cpu" {
					out["cpu"] = m
				}
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
	for _, dir := range cpuGroups(os.Getpid()) {
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
