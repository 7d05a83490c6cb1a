package analyzers

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// resamples of the judged step. The share of them in which something holds is
// known to ±7 % where it is one half, and to ±3 % where it is 0.95 (binomial,
// 95 %).
const resamples = 200

// bootstrap returns for each finding the share of resamples in which it ranks at
// least as high: for the first, in which it comes first. A resample is
// the judged step as it could have been measured as well:
//
//   - its five-second slices are drawn with replacement (block bootstrap, Künsch
//     1989): what comes in bursts counts in some draws and not in others;
//   - sampled sessions, and calls to dependencies, vary as counts do.
//
// The analyzers look at each resample with all of their thresholds, so that a
// finding that only just fires is as unsure as it is. Latencies stay: which
// endpoints miss their objectives has been judged before. The same run gives the
// same shares.
func bootstrap(r *evidence.Run, m *capacity.Model, w evidence.Window, as []*Analyzer, found []Finding, k *kept) []float64 {
	stable := make([]float64, len(found))
	if len(found) == 0 {
		return stable
	}
	random := rand.New(rand.NewPCG(uint64(m.Judged), resamples))
	s := newSampler(m.Step(), w)
	for range resamples {
		drawn := s.draw(random)
		step := m.Step().Refit(r, drawn)
		again, _ := findings(r, m, step, drawn, as, k)
		for i, f := range found {
			if slices.ContainsFunc(again[:min(i+1, len(again))], f.same) {
				stable[i]++
			}
		}
	}
	for i := range stable {
		stable[i] /= resamples
	}
	return stable
}

// same reports whether g is the same finding with other figures.
func (f Finding) same(g Finding) bool {
	return f.Cause == g.Cause && f.Subject.Kind == g.Subject.Kind && f.Subject.Name == g.Subject.Name
}

// A sampler draws windows that could have been measured instead of one.
type sampler struct {
	window evidence.Window
	slices []evidence.Slice
	total  map[string]float64 // statement → seconds in all slices
	all    float64
	mean   map[string]float64 // statement → seconds of a call
}

// tiny statements, with less than this share of the sessions, decide no ranking.
// Together they are one, so that a server with thousands of statements is resampled
// as quickly as a small one.
const tiny = 0.002

func newSampler(step *capacity.Step, w evidence.Window) *sampler {
	s := &sampler{window: w, total: map[string]float64{}, mean: map[string]float64{}}
	if len(w.Slices) > 1 {
		s.slices = w.Slices
	}
	for _, slice := range s.slices {
		for _, q := range slice.Statements {
			s.total[q.ID] += q.Seconds
			s.all += q.Seconds
		}
	}
	for _, q := range w.Statements {
		if q.Calls > 0 {
			s.mean[q.ID] = q.Seconds / q.Calls
		}
	}
	if w.Sessions == nil {
		return s
	}
	sessions := map[string]float64{}
	var all float64
	for _, a := range w.Sessions.Activity {
		sessions[a.Statement] += a.AAS
		all += a.AAS
	}
	all = max(all, step.InFlight)
	small := func(id string) bool { return id != "" && sessions[id] < tiny*all }
	s.window.Statements = slices.DeleteFunc(slices.Clone(w.Statements), func(q evidence.Statement) bool { return small(q.ID) && q.Seconds < tiny*all*float64(w.Length) })
	stats := *w.Sessions
	stats.Activity = nil
	rest := map[evidence.Activity]float64{}
	for _, a := range w.Sessions.Activity {
		if small(a.Statement) {
			aas := a.AAS
			a.Statement, a.AAS = "", 0
			rest[a] += aas
			continue
		}
		stats.Activity = append(stats.Activity, a)
	}
	for _, a := range w.Sessions.Activity { // in the order of the evidence
		a.Statement, a.AAS = "", 0
		if aas, ok := rest[a]; ok {
			delete(rest, a)
			a.AAS = aas
			stats.Activity = append(stats.Activity, a)
		}
	}
	s.window.Sessions = &stats
	return s
}

func (s *sampler) draw(random *rand.Rand) evidence.Window {
	w := s.window
	burst := s.blocks(random)
	w.Statements = slices.Clone(w.Statements)
	for i := range w.Statements {
		q := &w.Statements[i]
		f := burst(q.ID)
		q.Calls *= f
		q.Seconds *= f
		q.Rows *= f
		q.Hit *= f
		q.Read *= f
	}
	w.Calls = slices.Clone(w.Calls)
	for i := range w.Calls {
		c := &w.Calls[i]
		c.Seconds *= noise(random, c.Count)
	}
	if w.Sessions == nil {
		return w
	}
	stats := *w.Sessions
	stats.Activity = slices.Clone(stats.Activity)
	for i := range stats.Activity {
		a := &stats.Activity[i]
		a.AAS *= burst(a.Statement) * noise(random, s.seen(a.Statement, a.AAS))
	}
	stats.Blockers = slices.Clone(stats.Blockers)
	for i := range stats.Blockers {
		b := &stats.Blockers[i]
		b.Waiting *= burst(b.Waiter) * noise(random, s.seen(b.Waiter, b.Waiting))
	}
	w.Sessions = &stats
	return w
}

// blocks draws slices, and returns by which factor a statement ran more often, or
// longer, in them than in all slices; statements that no slice holds go with the
// others.
func (s *sampler) blocks(random *rand.Rand) func(string) float64 {
	if s.slices == nil || s.all == 0 {
		return func(string) float64 { return 1 }
	}
	drawn := map[string]float64{}
	var all float64
	for range s.slices {
		for _, q := range s.slices[random.IntN(len(s.slices))].Statements {
			drawn[q.ID] += q.Seconds
			all += q.Seconds
		}
	}
	return func(id string) float64 {
		if total := s.total[id]; total > 0 {
			return drawn[id] / total
		}
		return all / s.all
	}
}

// seen returns how many independent looks stand behind an average of sessions.
// Looks that find the same call are one: calls longer than the interval between
// two looks are seen several times.
func (s *sampler) seen(statement string, aas float64) float64 {
	n := aas * float64(s.window.Sessions.Samples)
	if interval, call := float64(s.window.Sessions.Interval), s.mean[statement]; call > interval && interval > 0 {
		n *= interval / call
	}
	return n
}

// noise returns the factor by which a count of n could have been another one: its
// standard deviation is √n (Poisson).
func noise(random *rand.Rand, n float64) float64 {
	f := random.NormFloat64() // drawn in any case, so that what follows does not depend on n
	if n <= 0 {
		return 1
	}
	return max(0, 1+f/math.Sqrt(n))
}
