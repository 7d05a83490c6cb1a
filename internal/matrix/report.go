package matrix

// A Report is what is read of report.json. Figures that were not measured are
// null there and 0 here.
type Report struct {
	Run struct {
		Stages []struct {
			Settle  float64 `json:"settle"`
			Measure float64 `json:"measure"`
		} `json:"stages"`
	} `json:"run"`
	Verdict struct {
		Status   string   `json:"status"`
		Headline string   `json:"headline"`
		Reasons  []string `json:"reasons"`
	} `json:"verdict"`
	Bottleneck *Finding  `json:"bottleneck"`
	Findings   []Finding `json:"findings"`

	Steps        []Step       `json:"steps"`
	Judged       *int         `json:"judged"`
	Endpoints    []Endpoint   `json:"endpoints"`
	Statements   []Statement  `json:"statements"`
	Jobs         []Job        `json:"jobs"`
	Dependencies []Dependency `json:"dependencies"`
	Pools        []Pool       `json:"pools"`

	Overhead struct {
		Share float64 `json:"share"`
	} `json:"overhead"`
}

// A Finding is a cause that was found.
type Finding struct {
	Cause      string  `json:"cause"`
	Bound      string  `json:"bound"`
	Share      float64 `json:"share"`
	Confidence float64 `json:"confidence"`
	Subject    struct {
		Kind      string `json:"kind"`
		Name      string `json:"name"`
		Endpoint  string `json:"endpoint"`
		Statement string `json:"statement"` // ID
		Detail    string `json:"detail"`
	} `json:"subject"`
}

// A Step is a level of load.
type Step struct {
	Requests float64 `json:"requests"`
	InFlight float64 `json:"in_flight"`
	CPU      struct {
		Cores   float64 `json:"cores"`
		Foreign float64 `json:"foreign"`
		Steal   float64 `json:"steal"`
	} `json:"cpu"`
	Stations  []Station  `json:"stations"` // heaviest first
	Judgments []Judgment `json:"judgments"`
}

// A Station is a place where requests spend time.
type Station struct {
	Name        string  `json:"name"`
	Bound       string  `json:"bound"`
	Load        float64 `json:"load"`
	Utilization float64 `json:"utilization"`
}

// A Judgment holds an endpoint against an objective.
type Judgment struct {
	Objective string  `json:"objective"` // such as p95<300ms
	Endpoint  string  `json:"endpoint"`
	Got       float64 `json:"got"`
	N         float64 `json:"n"`
}

// An Endpoint is a route in the judged step.
type Endpoint struct {
	Name    string `json:"name"`
	Latency struct {
		N    float64 `json:"n"`
		Mean float64 `json:"mean"`
	} `json:"latency"`
	Alone      float64 `json:"alone"` // seconds, of a request with the system to itself
	Statements []struct {
		ID   string  `json:"id"`
		Load float64 `json:"load"`
	} `json:"statements"`
}

// A Statement is one in the judged step.
type Statement struct {
	ID      string  `json:"id"`
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds"`
	Blocks  float64 `json:"blocks"`
	Read    float64 `json:"read"` // of them
}

// A Job is a kind of background jobs in the judged step.
type Job struct {
	Kind string `json:"kind"`
}

// A Dependency is somebody who is called in the judged step.
type Dependency struct {
	Name string `json:"name"`
}

// A Pool is a pool of connections in the judged step.
type Pool struct {
	Name  string  `json:"name"`
	Max   float64 `json:"max"`
	InUse float64 `json:"in_use"`
}

// Noisy share of the machine in other hands: then a wrong answer may be the
// neighbour's doing. It is what the report's own condition on the host tolerates.
const Noisy = 0.1

// Noise returns the largest share of the machine that other processes had in a step.
func (r *Report) Noise() float64 {
	var worst float64
	for _, s := range r.Steps {
		if s.CPU.Cores > 0 {
			worst = max(worst, (s.CPU.Foreign+s.CPU.Steal)/s.CPU.Cores)
		}
	}
	return worst
}

// load returns how many seconds of load were planned.
func (r *Report) load() float64 {
	var sum float64
	for _, s := range r.Run.Stages {
		sum += s.Settle + s.Measure
	}
	return sum
}

// first returns the first n findings.
func (r *Report) first(n int) []Finding { return r.Findings[:min(n, len(r.Findings))] }

// judged returns the judged step, and nil where there is none.
func (r *Report) judged() *Step {
	if r.Judged == nil || *r.Judged < 0 || *r.Judged >= len(r.Steps) {
		return nil
	}
	return &r.Steps[*r.Judged]
}
