package evidence

import (
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Format is the version of the file. Fields are added, not renamed; Format is
// raised when an old file can no longer be read.
const Format = 1

// A Kind is one sort of evidence: one collector fills it, and one field of
// Window (or Run) holds it.
type Kind string

const (
	Latency    Kind = "latency"    // Window.Endpoints, Window.Generator
	Statements Kind = "statements" // Window.Statements, Run.Texts
	Sessions   Kind = "sessions"   // Window.Sessions
	Tables     Kind = "tables"     // Window.Tables, Run.Catalog
	Processes  Kind = "processes"  // Window.Processes, Window.Host
	Jobs       Kind = "jobs"       // Window.Jobs
	Pool       Kind = "pool"       // Window.Pools
	Calls      Kind = "calls"      // Window.Calls
	Server     Kind = "server"     // Window.Server
	Footprints Kind = "footprints" // Run.Footprints
)

// A Run is everything that was measured.
type Run struct {
	Format      int               `json:"format"`
	Tool        string            `json:"tool"` // "scalecheck 0.1.0"
	Started     time.Time         `json:"started"`
	Plan        scenarios.Plan    `json:"plan"`
	Bundled     *Bundled          `json:"bundled,omitempty"` // set when the target is the bundled app
	Environment Environment       `json:"environment"`
	Missing     map[Kind][]string `json:"missing,omitempty"` // what could not be had, and why; never empty strings

	Footprints []Footprint     `json:"footprints,omitempty"` // isolation probe
	Texts      map[string]Text `json:"texts,omitempty"`      // statement ID → text, literals removed
	Catalog    []Table         `json:"catalog,omitempty"`    // tables and their indexes
	Windows    []Window        `json:"windows"`              // in the order of time
	Thresholds []Threshold     `json:"thresholds,omitempty"` // a k6 script's own, after the load
	Overhead   Overhead        `json:"overhead"`             // what observing cost

	// End says how the run ended. A file without one was cut short.
	End *End `json:"end,omitempty"`
	// Unread is set by Read: how many records, at least, could not be read,
	// because the file was cut or damaged. All others are whole.
	Unread int `json:"-"`
}

// Complete reports whether the run went through all of its plan.
func (r *Run) Complete() bool { return r.Unread == 0 && r.End != nil && r.End.Reason == Completed }

// Measured returns the windows in which load was on and counts.
func (r *Run) Measured() []Window {
	var ws []Window
	for _, w := range r.Windows {
		if w.Phase == Measure {
			ws = append(ws, w)
		}
	}
	return ws
}

// Text returns the text of a statement, or its ID where the text is not known.
func (r *Run) Text(id string) string {
	if t, ok := r.Texts[id]; ok && t.SQL != "" {
		return t.SQL
	}
	return "statement " + id
}

// Lacks reports whether evidence of kind k is missing altogether: no window
// holds any and a reason is noted.
func (r *Run) Lacks(k Kind) bool { return len(r.Missing[k]) > 0 && !r.has(k) }

func (r *Run) has(k Kind) bool {
	if k == Footprints {
		return len(r.Footprints) > 0
	}
	for i := range r.Windows {
		w := &r.Windows[i]
		switch {
		case k == Latency && len(w.Endpoints) > 0,
			k == Statements && len(w.Statements) > 0,
			k == Sessions && w.Sessions != nil,
			k == Tables && len(w.Tables) > 0,
			k == Processes && len(w.Processes) > 0,
			k == Jobs && len(w.Jobs) > 0,
			k == Pool && len(w.Pools) > 0,
			k == Calls && len(w.Calls) > 0,
			k == Server && w.Server != nil:
			return true
		}
	}
	return false
}

// Bundled says which app the run was against when it was ours.
type Bundled struct {
	Faults []string `json:"faults"`
	Size   string   `json:"size"`
	Seed   int64    `json:"seed"`
}

// Environment is what two runs must share to be compared.
type Environment struct {
	Cores         int               `json:"cores"`            // that the processes here may use
	MemoryBytes   int64             `json:"memory_bytes"`     //
	Kernel        string            `json:"kernel,omitempty"` //
	CPU           string            `json:"cpu,omitempty"`    // model name
	Postgres      string            `json:"postgres,omitempty"`
	PostgresLocal bool              `json:"postgres_local"`       // its processes run on this machine, so /proc shows them
	TargetLocal   bool              `json:"target_local"`         //
	Settings      map[string]string `json:"settings,omitempty"`   // value and unit as the server keeps them: "16384 8kB"
	Sources       map[string]string `json:"sources,omitempty"`    // setting → where its value is from: default, configuration file, user, …
	Extensions    map[string]string `json:"extensions,omitempty"` // name → version
	DatabaseBytes int64             `json:"database_bytes,omitempty"`
}

// Reasons for the end of a run.
const (
	Completed    = "completed"     // all stages
	Saturated    = "saturated"     // stopped early: the highest step was far beyond the objectives
	Interrupted  = "interrupted"   // SIGINT or SIGTERM
	TargetLost   = "target lost"   // answered, then did not any more
	DatabaseLost = "database lost" // likewise
	LoadFailed   = "load failed"   // the generator ended by itself or could not start
	NotSaved     = "not saved"     // results could not be written
)

// An End closes the file.
type End struct {
	Reason string    `json:"reason"`
	Detail string    `json:"detail,omitempty"`
	At     time.Time `json:"at"`
}

// A Threshold is one of a k6 script's own.
type Threshold struct {
	Metric string `json:"metric"`
	Source string `json:"source"` // such as p(95)<500
	OK     bool   `json:"ok"`
}

// Overhead is what scalecheck itself cost while the load was on, generator not included.
type Overhead struct {
	CPUSeconds      float64 `json:"cpu_seconds"`      // of the recorder and its database sessions
	DatabaseCalls   float64 `json:"database_calls"`   // statements that it sent
	DatabaseSeconds float64 `json:"database_seconds"` // their execution time
	Share           float64 `json:"share"`            // CPUSeconds ÷ (cores · elapsed)

	Recorder float64 `json:"recorder,omitempty"` // of CPUSeconds, scalecheck's own process
	Server   float64 `json:"server,omitempty"`   // of CPUSeconds, the server processes of its sessions
	// SampleInterval is how far apart samples of sessions were at the end: it grows
	// where observing took more than its share of the machine.
	SampleInterval scenarios.Seconds `json:"sample_interval,omitempty"`
}
