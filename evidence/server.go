package evidence

import (
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// ServerStats is what the whole database server did, all databases together,
// scalecheck's own part included. A part that this version or this server does
// not have is nil, and Run.Missing says why.
type ServerStats struct {
	Checkpoints *Checkpoints `json:"checkpoints,omitempty"`
	WAL         *WAL         `json:"wal,omitempty"` // PostgreSQL 14 and later
	IO          []IO         `json:"io,omitempty"`  // 16 and later; rows in which something happened

	// Changed are the settings of Environment.Settings that have another value
	// at the end of the window than at its start.
	Changed []SettingChange `json:"changed,omitempty"`
}

// Checkpoints is the checkpointer and the background writer
// (pg_stat_checkpointer, pg_stat_bgwriter).
type Checkpoints struct {
	Timed     float64 `json:"timed"`      // checkpoints begun because checkpoint_timeout was over
	Requested float64 `json:"requested"`  // begun for another reason: max_wal_size was reached, or somebody asked
	WriteTime float64 `json:"write_time"` // seconds
	SyncTime  float64 `json:"sync_time"`  // seconds
	Buffers   float64 `json:"buffers"`    // written by checkpoints
	Cleaned   float64 `json:"cleaned"`    // buffers that the background writer wrote
	Stopped   float64 `json:"stopped"`    // times that the background writer had written its fill (bgwriter_lru_maxpages)
	Allocated float64 `json:"allocated"`  // buffers

	// Backend is what sessions had to write themselves. Up to version 16; from
	// then on IO tells. nil where there is no such counter.
	Backend *BackendWrites `json:"backend,omitempty"`
}

// BackendWrites are buffers that sessions wrote themselves because they found
// no clean one, or extended a table.
type BackendWrites struct {
	Buffers float64 `json:"buffers"`
	Syncs   float64 `json:"syncs"` // fsync calls of their own: the checkpointer's queue was full
}

// WAL is pg_stat_wal.
type WAL struct {
	Records     float64 `json:"records"`
	FullPages   float64 `json:"full_pages"`   // full page images
	Bytes       float64 `json:"bytes"`        //
	BuffersFull float64 `json:"buffers_full"` // writes that sessions made because the WAL buffers were full

	// Flush is nil from version 18 on: there IO has rows for the object "wal".
	Flush *WALFlush `json:"flush,omitempty"`
}

// WALFlush is how WAL came to the disk.
type WALFlush struct {
	Writes    float64 `json:"writes"`
	Syncs     float64 `json:"syncs"`
	WriteTime float64 `json:"write_time"` // seconds; 0 unless track_wal_io_timing
	SyncTime  float64 `json:"sync_time"`  // likewise
}

// IO is a row of pg_stat_io: what processes of one kind did to objects of one
// kind. Times are 0 unless track_io_timing (for the object "wal":
// track_wal_io_timing).
type IO struct {
	Backend    string  `json:"backend"`               // backend_type: client backend, checkpointer, autovacuum worker, …
	Object     string  `json:"object"`                // relation, temp relation, wal (18 and later)
	Context    string  `json:"context"`               // normal, vacuum, bulkread, bulkwrite, init
	Reads      float64 `json:"reads,omitempty"`       // operations
	ReadBytes  float64 `json:"read_bytes,omitempty"`  //
	ReadTime   float64 `json:"read_time,omitempty"`   // seconds
	Writes     float64 `json:"writes,omitempty"`      // operations
	WriteBytes float64 `json:"write_bytes,omitempty"` //
	WriteTime  float64 `json:"write_time,omitempty"`  // seconds
	Extends    float64 `json:"extends,omitempty"`     // operations that made a relation longer
	ExtendTime float64 `json:"extend_time,omitempty"` // seconds
	Hits       float64 `json:"hits,omitempty"`        // blocks found in shared buffers
	Evictions  float64 `json:"evictions,omitempty"`   // blocks thrown out of a buffer to make room
	Reuses     float64 `json:"reuses,omitempty"`      // buffers of a ring used again
	Syncs      float64 `json:"syncs,omitempty"`       // fsync calls
	SyncTime   float64 `json:"sync_time,omitempty"`   // seconds
}

// A SettingChange is a setting that somebody changed while the run was on.
type SettingChange struct {
	Name string `json:"name"`
	From string `json:"from"` // with its unit, as in Environment.Settings
	To   string `json:"to"`
}

// SessionTimes is what pg_stat_database adds up over the sessions of the
// database when they end, and while they run, once a statement has ended.
type SessionTimes struct {
	Active    float64 `json:"active"`              // seconds of executing statements
	IdleInTx  float64 `json:"idle_in_transaction"` // seconds of holding a transaction open without one
	Total     float64 `json:"total"`               // seconds of being connected
	Abandoned float64 `json:"abandoned"`           // sessions whose client vanished
	Fatal     float64 `json:"fatal"`               // sessions that an error ended
	Killed    float64 `json:"killed"`              // sessions that an operator ended
}

// A Holder keeps VACUUM from removing rows that died after it began, and so
// makes tables grow while the load is on.
type Holder struct {
	Kind        string  `json:"kind"`                  // session, prepared transaction, replication slot
	Name        string  `json:"name,omitempty"`        // of a slot
	State       string  `json:"state,omitempty"`       // of a session: active, idle in transaction; of a slot: active, inactive
	Application string  `json:"application,omitempty"` // application_name
	Backend     string  `json:"backend,omitempty"`     // backend_type
	Statement   string  `json:"statement,omitempty"`   // ID: what the session runs, or ran last
	Age         float64 `json:"age"`                   // transactions begun on the server since its snapshot
	Seconds     float64 `json:"seconds,omitempty"`     // age of its transaction; 0 for slots
	Idle        float64 `json:"idle,omitempty"`        // seconds since a session in a transaction has done anything
}

// Kinds of Holder.Kind.
const (
	SessionHolder  = "session"
	PreparedHolder = "prepared transaction"
	SlotHolder     = "replication slot"
)

// A Group is the control group that processes of one role run in: what they
// may use, and how often they were held back. A field that the kernel does not
// tell (its version of control groups has none, or that controller is not
// mounted) is 0.
type Group struct {
	Role      string  `json:"role"`                // App or Postgres
	Root      bool    `json:"root,omitempty"`      // it is the machine's: nothing limits it, and its counters are everybody's
	Quota     float64 `json:"quota,omitempty"`     // CPUs, the smallest of its own and its parents'; 0 without a limit
	Periods   float64 `json:"periods,omitempty"`   // in which it wanted to run and had a quota
	Held      float64 `json:"held,omitempty"`      // periods of them in which the quota ran out
	Throttled float64 `json:"throttled,omitempty"` // seconds that it was held back; version 1 adds up its CPUs
	Limit     float64 `json:"limit,omitempty"`     // bytes of memory; 0 without a limit
	Memory    float64 `json:"memory,omitempty"`    // bytes at the end of the window, page cache included
	Refaults  float64 `json:"refaults,omitempty"`  // pages read again soon after they had been dropped: the working set does not fit
	Faults    float64 `json:"faults,omitempty"`    // major page faults: had to wait for storage
	OOMKills  float64 `json:"oom_kills,omitempty"` // processes killed for want of memory
}

// Pressure is how long tasks of this machine stood still for want of something,
// in seconds (PSI). Some: at least one task; Full: all of them at once.
type Pressure struct {
	CPU        float64 `json:"cpu"`         // some
	IO         float64 `json:"io"`          // some
	IOFull     float64 `json:"io_full"`     //
	Memory     float64 `json:"memory"`      // some
	MemoryFull float64 `json:"memory_full"` //
}

// A Disk is a block device that holds files of the server.
type Disk struct {
	Name      string  `json:"name"`  // as in /proc/diskstats
	Holds     string  `json:"holds"` // data, wal, or "data, wal"
	Reads     float64 `json:"reads"` // operations
	ReadBytes float64 `json:"read_bytes"`
	ReadTime  float64 `json:"read_time"` // seconds that they took, all together; ÷ Reads: await
	Writes    float64 `json:"writes"`
	Written   float64 `json:"written"`    // bytes
	WriteTime float64 `json:"write_time"` // seconds, all together
	Flushes   float64 `json:"flushes,omitempty"`
	FlushTime float64 `json:"flush_time,omitempty"` // seconds, all together
	Busy      float64 `json:"busy"`                 // seconds with at least one operation under way; ÷ Length: utilization
	Queue     float64 `json:"queue"`                // average operations under way
}

// A Second is about a second of the load: what was under way, and whether there were
// processors for it. A window's averages do not show bursts.
type Second struct {
	Length   scenarios.Seconds `json:"length"`
	InFlight float64           `json:"in_flight"` // requests under way: mean of those at its start and at its end
	Busy     float64           `json:"busy"`      // share of the machine's processors that was in use or taken by the hypervisor, 0…1
}

// A Slice is a few seconds of a window, for what shows only in how figures move
// together: which endpoint sends a statement, bursts. It holds the statements
// that count most; what is not in it is not zero but unknown.
type Slice struct {
	Start      time.Time         `json:"start"`
	Length     scenarios.Seconds `json:"length"`
	Requests   map[string]int64  `json:"requests"`   // endpoint → requests that ended
	Statements []SliceStatement  `json:"statements"` // most seconds first
}

// A SliceStatement is a statement's part of a Slice.
type SliceStatement struct {
	ID      string  `json:"id"`
	Calls   float64 `json:"calls"`
	Seconds float64 `json:"seconds"`
	Blocks  float64 `json:"blocks,omitempty"` // shared, hit or read
}
