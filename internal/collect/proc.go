package collect

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readFile is os.ReadFile for the small files of /proc, without registering each
// with the runtime's poller: half the cost, and hundreds are read in a second.
func readFile(name string) ([]byte, error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer syscall.Close(fd)
	b := make([]byte, 0, 1024)
	for {
		n, err := syscall.Read(fd, b[len(b):cap(b)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: name, Err: err}
		}
		if n <= 0 {
			return b, nil
		}
		b = b[:len(b)+n]
		if len(b) == cap(b) {
			b = slices.Grow(b, cap(b))
		}
	}
}

// A procStat is what of /proc/PID/stat is of use here.
type procStat struct {
	comm    string
	parent  int
	reaped  float64 // CPU seconds of children that have ended and were waited for, and of theirs
	threads int
	start   float64 // seconds after the boot
}

// ticks per second in /proc, whatever the kernel's: USER_HZ.
const ticks = 100

func readStat(pid int) (procStat, bool) {
	b, err := readFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, false
	}
	// The name may contain anything, brackets too.
	open, shut := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || shut < open {
		return procStat{}, false
	}
	f := strings.Fields(string(b[shut+1:])) // f[0] is field 3 of proc(5)
	if len(f) < 20 {
		return procStat{}, false
	}
	s := procStat{comm: string(b[open+1 : shut])}
	s.parent, _ = strconv.Atoi(f[1])
	s.threads, _ = strconv.Atoi(f[17])
	s.reaped = (number(f[13]) + number(f[14])) / ticks
	s.start = number(f[19]) / ticks
	return s, f[0] != "Z"
}

func number(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}

// readQueues adds to q, by thread, the seconds that the process's threads were
// runnable without a CPU. The process's own file shows its first thread.
func readQueues(pid int, single bool, q map[int]float64) {
	if single {
		if b, err := readFile(fmt.Sprintf("/proc/%d/schedstat", pid)); err == nil {
			if f := strings.Fields(string(b)); len(f) >= 2 {
				q[pid] = number(f[1]) / 1e9
			}
		}
		return
	}
	dir := fmt.Sprintf("/proc/%d/task", pid)
	for _, tid := range numericNames(dir) {
		b, err := readFile(fmt.Sprintf("%s/%d/schedstat", dir, tid))
		if err != nil {
			continue
		}
		if f := strings.Fields(string(b)); len(f) >= 2 {
			q[tid] = number(f[1]) / 1e9
		}
	}
}

// numericNames returns the process or thread ids in a directory.
func numericNames(dir string) []int {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	ids := make([]int, 0, len(names))
	for _, name := range names {
		if name[0] >= '1' && name[0] <= '9' {
			if id, err := strconv.Atoi(name); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// readMemory returns the resident bytes, and those of them that no other process shares.
func readMemory(pid int) (resident, private float64) {
	b, err := readFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, 0
	}
	f := strings.Fields(string(b))
	if len(f) < 3 {
		return 0, 0
	}
	page := float64(os.Getpagesize())
	return number(f[1]) * page, (number(f[1]) - number(f[2])) * page
}

// readIO returns the bytes that went to and came from storage. It needs the same
// user or root.
func readIO(pid int) (read, written float64, err error) {
	b, err := readFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "read_bytes":
			read = number(value)
		case "write_bytes":
			written = number(value)
		}
	}
	return read, written, nil
}

// title returns what a process calls itself.
func title(pid int) string {
	b, _ := readFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.TrimRight(bytes.ReplaceAll(b, []byte{0}, []byte{' '}), " "))
}

// A hostStat is the cpu line of /proc/stat, in seconds of all CPUs together.
type hostStat struct{ busy, idle, iowait, steal float64 }

func readHost() (hostStat, bool) {
	b, err := readFile("/proc/stat")
	if err != nil {
		return hostStat{}, false
	}
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return hostStat{}, false
	}
	v := func(i int) float64 { return number(f[i]) / ticks }
	// user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
	return hostStat{busy: v(1) + v(2) + v(3) + v(6) + v(7), idle: v(4), iowait: v(5), steal: v(8)}, true
}

// since returns the share of all CPUs that was in use or taken by the hypervisor
// since then; false where no time has passed.
func (h hostStat) since(then hostStat) (float64, bool) {
	used := h.busy + h.steal - then.busy - then.steal
	idle := h.idle + h.iowait - then.idle - then.iowait
	if used+idle <= 0 {
		return 0, false
	}
	return min(1, max(0, used/(used+idle))), true
}

// bootTime returns when the machine was started.
func bootTime() (time.Time, bool) {
	b, err := readFile("/proc/stat")
	if err != nil {
		return time.Time{}, false
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "btime "); ok {
			sec, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return time.Unix(sec, 0), err == nil
		}
	}
	return time.Time{}, false
}

// listeners returns the processes on this machine that accept connections at
// the address; none when it is another machine's.
func listeners(address string) []int {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isLocal(host) {
		return nil
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return nil
	}
	inodes := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, _ := readFile(file)
		for line := range strings.Lines(string(b)) {
			// sl local rem st … inode: "0: 0100007F:1F90 00000000:0000 0A …"
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" {
				continue
			}
			_, p, _ := strings.Cut(f[1], ":")
			if b, err := hex.DecodeString(p); err == nil && len(b) == 2 && int(b[0])<<8|int(b[1]) == n {
				inodes["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return nil
	}
	var pids []int
	for _, pid := range numericNames("/proc") {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if link, err := os.Readlink(fd); err == nil && inodes[link] {
				pids = append(pids, pid)
				break
			}
		}
	}
	slices.Sort(pids)
	return pids
}

// isLocal reports whether the host is this machine.
func isLocal(host string) bool {
	if host == "" || host == "localhost" {
		return true
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return false
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, ip := range ips {
		if ip.IsLoopback() {
			return true
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return true
			}
		}
	}
	return false
}
