package capacity

import (
	"strings"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Class is what a request is doing while it spends time.
type Class string

const (
	ClassCPU      Class = "cpu"      // a statement or the app on a processor
	ClassQueue    Class = "queue"    // ready to run, no processor
	ClassIO       Class = "io"       // reading or writing data files
	ClassCommit   Class = "commit"   // waiting for the log to be flushed
	ClassLock     Class = "lock"     // waiting for a row, a table or an advisory lock
	ClassLatch    Class = "latch"    // waiting for a lightweight lock inside PostgreSQL
	ClassNetwork  Class = "network"  // on the way between app and database: results being sent, round trips
	ClassPool     Class = "pool"     // waiting for a connection
	ClassExternal Class = "external" // waiting for a dependency
	ClassSleep    Class = "sleep"    // asleep on purpose (pg_sleep, a delay)
	ClassIdleTx   Class = "idle in transaction"
	ClassOther    Class = "unattributed" // time of the request that nothing measured
)

// Waits reports whether a session that does this has a connection and gets nothing
// done: it waits for a lock, the disk, or the app.
func (c Class) Waits() bool {
	switch c {
	case ClassLock, ClassLatch, ClassIO, ClassCommit, ClassIdleTx:
		return true
	}
	return false
}

// ClassOf returns what sessions that are counted in r were doing.
func ClassOf(r evidence.Activity) Class {
	if strings.HasPrefix(r.State, "idle in transaction") {
		return ClassIdleTx
	}
	switch r.WaitClass {
	case "", "IPC": // IPC: a leader waits for its parallel workers, which run
		if r.WaitEvent == "SyncRep" {
			return ClassCommit
		}
		return ClassCPU
	case "IO":
		if strings.HasPrefix(strings.ToLower(r.WaitEvent), "wal") {
			return ClassCommit
		}
		return ClassIO
	case "LWLock":
		if strings.HasPrefix(strings.ToLower(r.WaitEvent), "wal") {
			return ClassCommit
		}
		return ClassLatch
	case "Lock", "BufferPin":
		return ClassLock
	case "Client":
		return ClassNetwork
	case "Timeout":
		return ClassSleep
	}
	return ClassOther
}

// Bound returns the bound that a class means.
func (c Class) Bound() Bound {
	switch c {
	case ClassCPU, ClassQueue:
		return CPU
	case ClassIO, ClassCommit:
		return IO
	case ClassLock, ClassLatch:
		return Lock
	case ClassNetwork:
		return Network
	case ClassPool, ClassIdleTx:
		return Pool
	case ClassExternal, ClassSleep:
		return External
	}
	return ""
}
