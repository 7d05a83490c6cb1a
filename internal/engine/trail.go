package engine

import "time"

// A path is one of the scenario's, its endpoints as indexes.
type path struct {
	name      string
	endpoints []int
}

// A trail is what a session requested last, as far back as the longest path.
type trail []mark

type mark struct {
	endpoint int
	latency  time.Duration
	failed   bool
}

// pass adds a request and tells the sink of every path that ends with it.
func (t *trail) pass(paths []path, endpoint int, r *Result, sink Sink) {
	longest := 0
	for _, p := range paths {
		longest = max(longest, len(p.endpoints))
	}
	if longest == 0 {
		return
	}
	if over := len(*t) + 1 - longest; over > 0 {
		*t = append((*t)[:0], (*t)[over:]...)
	}
	*t = append(*t, mark{endpoint, r.End.Sub(r.Intended), r.Err != ""})
	for _, p := range paths {
		if walked, ok := t.end(p.endpoints); ok {
			walked.Path, walked.End = p.name, r.End
			sink.Passed(walked)
		}
	}
}

// end sums up the requests of the path if the trail ends with them.
func (t trail) end(endpoints []int) (p Passage, ok bool) {
	if len(endpoints) == 0 || len(t) < len(endpoints) {
		return p, false
	}
	for i, m := range t[len(t)-len(endpoints):] {
		if m.endpoint != endpoints[i] {
			return p, false
		}
		p.Latency += m.latency
		p.Failed = p.Failed || m.failed
	}
	return p, true
}
