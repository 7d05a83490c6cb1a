package collect

import (
	"math/bits"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// processClock returns the CPU time of a process: all of its threads, those that
// have ended included, to the nanosecond. /proc has it in ticks of 10 ms (stat) or
// for one thread (schedstat) only. Of a thread that is running now, the time since
// the last timer tick may be missing. Any process of the machine may be asked about.
//
// The clock's number is that of clock_getcpuclockid(3): the complement of the
// process id, and CPUCLOCK_SCHED in the lower three bits.
func processClock(pid int) (time.Duration, bool) {
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &ts) != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// ownCPU returns the CPU seconds of this process.
func ownCPU() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// affinity returns the number of CPUs that this process may run on.
func affinity() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return runtime.NumCPU()
	}
	n := 0
	for _, mask := range set {
		n += bits.OnesCount64(uint64(mask))
	}
	return max(n, 1)
}

// uptime returns the seconds since the boot, as process starts are told.
func uptime() float64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return float64(ts.Nano()) / 1e9
}
