package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/scalecheck/scalecheck/evidence"
)

// A diskStat is a line of /proc/diskstats (Documentation/admin-guide/iostats.rst).
// Sectors have 512 bytes, whatever the device says; times are in milliseconds.
type diskStat struct {
	name                       string
	reads, readBytes, readTime float64
	writes, written, writeTime float64
	flushes, flushTime         float64 // since Linux 5.5, else 0
	busy                       float64
	queue                      float64 // time · operations under way
}

// readDisk returns the counters of a device.
func readDisk(major, minor uint32) (diskStat, bool) {
	b, err := readFile("/proc/diskstats")
	if err != nil {
		return diskStat{}, false
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 14 || f[0] != fmt.Sprint(major) || f[1] != fmt.Sprint(minor) {
			continue
		}
		v := func(i int) float64 {
			if i >= len(f) {
				return 0
			}
			return number(f[i])
		}
		return diskStat{
			name: f[2], reads: v(3), readBytes: v(5) * 512, readTime: v(6), writes: v(7), written: v(9) * 512, writeTime: v(10),
			busy: v(12), queue: v(13), flushes: v(18), flushTime: v(19),
		}, true
	}
	return diskStat{}, false
}

// A device is a block device with files of the server on it.
type device struct {
	major, minor uint32
	holds        string
	last         diskStat
}

// serverDevices returns the devices of the server's data and WAL: the postmaster
// stands in its data directory.
func serverDevices(postmaster int) ([]*device, error) {
	if postmaster == 0 {
		return nil, nil // said already
	}
	data := fmt.Sprintf("/proc/%d/cwd", postmaster)
	var out []*device
	for _, part := range []struct{ holds, dir string }{{"data", data}, {"wal", filepath.Join(data, "pg_wal")}} {
		d, err := deviceOf(part.dir)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(out, func(o *device) bool { return o.major == d.major && o.minor == d.minor }); i >= 0 {
			out[i].holds += ", " + part.holds
			continue
		}
		d.holds = part.holds
		out = append(out, d)
	}
	return out, nil
}

// deviceOf returns the device that a directory is on. File systems without one of
// their own (overlay, btrfs, network) have an anonymous number, which
// /proc/diskstats does not know.
func deviceOf(dir string) (*device, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, fmt.Errorf("which disk its files are on: %w", &os.PathError{Op: "stat", Path: dir, Err: err})
	}
	d := &device{major: unix.Major(uint64(st.Dev)), minor: unix.Minor(uint64(st.Dev))}
	var known bool
	if d.last, known = readDisk(d.major, d.minor); !known {
		return nil, fmt.Errorf("its files are not on one disk of this machine (device %d:%d)", d.major, d.minor)
	}
	return d, nil
}

// since closes the device's window.
func (d *device) since(seconds float64) (evidence.Disk, bool) {
	now, ok := readDisk(d.major, d.minor)
	last := d.last
	d.last = now
	out := evidence.Disk{
		Name: now.name, Holds: d.holds,
		Reads: now.reads - last.reads, ReadBytes: now.readBytes - last.readBytes, ReadTime: (now.readTime - last.readTime) / 1e3,
		Writes: now.writes - last.writes, Written: now.written - last.written, WriteTime: (now.writeTime - last.writeTime) / 1e3,
		Flushes: now.flushes - last.flushes, FlushTime: (now.flushTime - last.flushTime) / 1e3,
		Busy: (now.busy - last.busy) / 1e3,
	}
	if seconds > 0 {
		out.Queue = (now.queue - last.queue) / 1e3 / seconds
	}
	return out, ok && out.Reads >= 0 && out.Writes >= 0
}

// readPressure returns the totals of /proc/pressure, in seconds; nil where the
// kernel has none or they are switched off (psi=0).
func readPressure() *evidence.Pressure {
	p := &evidence.Pressure{}
	for _, f := range []struct {
		file       string
		some, full *float64
	}{
		{"/proc/pressure/cpu", &p.CPU, nil},
		{"/proc/pressure/io", &p.IO, &p.IOFull},
		{"/proc/pressure/memory", &p.Memory, &p.MemoryFull},
	} {
		b, err := readFile(f.file)
		if err != nil {
			return nil
		}
		// "some avg10=0.00 avg60=0.00 avg300=0.00 total=123", in microseconds
		for line := range strings.Lines(string(b)) {
			_, total, ok := strings.Cut(strings.TrimSpace(line), "total=")
			switch {
			case !ok:
			case strings.HasPrefix(line, "some"):
				*f.some = number(total) / 1e6
			case f.full != nil:
				*f.full = number(total) / 1e6
			}
		}
	}
	return p
}

func pressureSince(now, last *evidence.Pressure) *evidence.Pressure {
	if now == nil || last == nil {
		return nil
	}
	return &evidence.Pressure{
		CPU: now.CPU - last.CPU, IO: now.IO - last.IO, IOFull: now.IOFull - last.IOFull,
		Memory: now.Memory - last.Memory, MemoryFull: now.MemoryFull - last.MemoryFull,
	}
}

// readRefaults returns how many pages of files were read again soon after the page
// cache had dropped them (mm/workingset.c).
func readRefaults() float64 {
	b, _ := readFile("/proc/vmstat")
	return keyed(b)["workingset_refault_file"]
}

// keyed reads a file of "name value" lines.
func keyed(b []byte) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(string(b)) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out[name] = number(v)
		}
	}
	return out
}
