package analyzers

import (
	"slices"

	"github.com/scalecheck/scalecheck/evidence"
)

// A pulse is how often each statement was called in each slice of the load.
type pulse struct {
	slices  []evidence.Slice // without the statements
	begins  []float64        // of the slices, in seconds since the load began
	longest float64          // slice, in seconds
	beats   map[string][]beat
}

// A beat is what a statement did in one slice.
type beat struct {
	slice          int
	calls, seconds float64
}

// pulse returns the slices of the load; a window too short to have any is one. A
// statement that is missing from a slice was among the least there: next to none.
func (p *Pass) pulse() *pulse {
	if p.kept.pulse != nil {
		return p.kept.pulse
	}
	out := &pulse{beats: map[string][]beat{}}
	for _, w := range p.Run.Windows {
		switch {
		case w.Phase != evidence.Measure && w.Phase != evidence.Settle:
		case len(w.Slices) > 0:
			out.slices = append(out.slices, w.Slices...)
		default:
			out.slices = append(out.slices, wholeOf(w))
		}
	}
	var at float64
	for i, sl := range out.slices {
		out.begins = append(out.begins, at)
		at += float64(sl.Length)
		out.longest = max(out.longest, float64(sl.Length))
		for _, s := range sl.Statements {
			out.beats[s.ID] = append(out.beats[s.ID], beat{i, s.Calls, s.Seconds})
		}
		out.slices[i].Statements = nil
	}
	p.kept.pulse = out
	return out
}

// wholeOf returns the window as one slice.
func wholeOf(w evidence.Window) evidence.Slice {
	whole := evidence.Slice{Start: w.Start, Length: w.Length, Requests: map[string]int64{}}
	for _, e := range w.Endpoints {
		whole.Requests[e.Name] = e.Requests
	}
	for _, s := range w.Statements {
		if !s.Nested {
			whole.Statements = append(whole.Statements, evidence.SliceStatement{ID: s.ID, Calls: s.Calls, Seconds: s.Seconds})
		}
	}
	return whole
}

// A burst is calls of a statement in one slice, or in some that follow each other.
// All but calls is in seconds.
type burst struct {
	begin, length  float64
	calls, seconds float64
}

// mean returns what a call took.
func (b burst) mean() float64 { return b.seconds / b.calls }

// together returns how many calls ran at the same time, on average over the time in
// which the first can have begun and the last ended.
func (b burst) together() float64 { return b.seconds / (b.length + b.mean()) }

// quiet: between bursts there are less than this part of the nearest burst's calls. The
// herd grows with the load, so that the largest burst of all is no measure.
const quiet = 0.2

// bursts returns the bursts of a statement, and for each slice whether it is in one.
func (p *pulse) bursts(id string) (found []burst, within []bool) {
	series, seconds := make([]float64, len(p.slices)), make([]float64, len(p.slices))
	for _, b := range p.beats[id] {
		series[b.slice] += b.calls
		seconds[b.slice] += b.seconds
	}
	within = make([]bool, len(series))
	for i, calls := range series {
		if calls <= quiet*slices.Max(series[max(0, i-1):min(len(series), i+2)]) {
			continue
		}
		within[i] = true
		if i == 0 || !within[i-1] {
			found = append(found, burst{begin: p.begins[i]})
		}
		b := &found[len(found)-1]
		b.length += float64(p.slices[i].Length)
		b.calls += calls
		b.seconds += seconds[i]
	}
	return found, within
}

// traffic returns how many requests a second of those endpoints, of all if there are
// none, ended in the slices that were chosen.
func (p *pulse) traffic(endpoints []string, chosen func(i int) bool) float64 {
	var n, seconds float64
	for i, sl := range p.slices {
		if !chosen(i) {
			continue
		}
		seconds += float64(sl.Length)
		for e, requests := range sl.Requests {
			if len(endpoints) == 0 || slices.Contains(endpoints, e) {
				n += float64(requests)
			}
		}
	}
	if seconds == 0 {
		return 0
	}
	return n / seconds
}
