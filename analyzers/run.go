package analyzers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// All lists the analyzers, most specific first: of two that claim the same
// requests with the same weight, the earlier one is printed first.
var All = []*Analyzer{
	CacheStampede,
	UnindexableSearch,
	DeepOffset,
	IndexUnused,
	JITOverhead,
	DiskSpill,
	MissingIndex,
	OverFetching,
	NPlusOne,
	CacheAbsent,
	RoundTrips,
	TransactionConflicts,
	LockContention,
	OldSnapshot,
	IdleInTransaction,
	CheckpointStorm,
	CommitBound,
	ConnectionChurn,
	PoolLeak,
	SmallPool,
	StarvedServer,
	BlockingSideEffect,
	AnalyticsInOLTP,
	WorkingSet,
	QueueBacklog,
	BusiestStation,
}

// Lookup returns the analyzer of that name, and nil if there is none.
func Lookup(name string) *Analyzer {
	for _, a := range All {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Title returns the first line of the analyzer's manual.
func (a *Analyzer) Title() string {
	title, _, _ := strings.Cut(a.Doc, "\n")
	return title
}

// minShare: what holds up less than one slow request in twenty is not worth a
// line: removing it would not be seen in any percentile that people promise. Two
// kinds are, see Finding.Fails and Finding.Alone.
const minShare = 0.05

// Run runs the analyzers and returns their findings, heaviest first, and those
// analyzers that could not run.
func Run(r *evidence.Run, m *capacity.Model, as []*Analyzer) ([]Finding, []Skip, error) {
	step := m.Step()
	if step == nil {
		return nil, skipAll(as, "no load was measured"), nil
	}
	window := step.Window()
	k := &kept{tokens: map[string][]string{}, herds: map[string]*herds{}}
	found, skipped := findings(r, m, step, window, as, k)
	stable := bootstrap(r, m, window, as, found, k)
	for i := range found {
		found[i].Rival = rival(step, found, i)
		found[i].Confidence = confidence(step, found[i], stable[i])
		found[i].Against = append(found[i].Against, against(step, window, found[i])...)
		underLoad(r, &found[i])
		senders(step, window, &found[i])
	}
	return found, skipped, nil
}

// findings returns what the analyzers find in a step, heaviest first.
func findings(r *evidence.Run, m *capacity.Model, step *capacity.Step, window evidence.Window, as []*Analyzer, k *kept) (found []Finding, skipped []Skip) {
	for _, a := range as {
		if reason := lacks(r, a.Needs); reason != "" {
			skipped = append(skipped, Skip{a.Name, reason})
			continue
		}
		pass := &Pass{Run: r, Model: m, Step: step, Window: window, found: found, kept: k}
		pass.Report = func(f Finding) {
			f.Cause = a.Name
			if f.Share >= minShare || f.Fails || f.Alone {
				found = append(found, f)
			}
		}
		a.Run(pass)
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Load, a.Load))
	})
	return found, skipped
}

func lacks(r *evidence.Run, needs []evidence.Kind) string {
	for _, k := range needs {
		if r.Lacks(k) {
			return fmt.Sprintf("%s were not measured: %s", k, strings.Join(r.Missing[k], "; "))
		}
	}
	return ""
}

func skipAll(as []*Analyzer, reason string) []Skip {
	var out []Skip
	for _, a := range as {
		out = append(out, Skip{a.Name, reason})
	}
	return out
}

// confidence is the share of resamples in which the finding ranks as high as it
// does, but no more than the part of the requests' time that was measured: of what
// nobody has seen, chance knows nothing. Time that was inferred counts half, by the
// ledger or by the finding.
func confidence(s *capacity.Step, f Finding, stable float64) float64 {
	if f.Fails && f.Share == 0 {
		return 0.9 // counted jobs, not sampled time
	}
	covered := s.Coverage
	if s.InFlight > 0 && s.Ledger != nil {
		inferred := s.Ledger.Inferred[capacity.ClassQueue] + s.Ledger.Inferred[capacity.ClassPool]
		covered += (f.Explains - inferred) / s.InFlight / 2
	}
	return min(stable, max(0, covered))
}

// rival returns the next best explanation: another finding or, where there is
// none, the heaviest station that is short of something else than the finding is.
func rival(s *capacity.Step, found []Finding, i int) *Rival {
	f := found[i]
	if f.Share == 0 {
		return nil // holds up no request that another could explain
	}
	var best *Rival
	for j, g := range found {
		if j != i && g.Share > 0 && (best == nil || g.Share > best.Share) {
			best = &Rival{Cause: g.Cause, Name: g.Subject.Name, Share: g.Share}
		}
	}
	if best != nil || s.Ledger == nil {
		return best
	}
	for _, st := range s.Stations { // heaviest first
		if st.Bound == f.Bound {
			continue
		}
		share := s.Blame(func(k capacity.Key) float64 { return is(k.Class.Bound() == st.Bound) }).Share
		if share >= minShare && (best == nil || share > best.Share) {
			best = &Rival{Cause: st.Name, Share: share}
		}
	}
	return best
}

// against returns what bounds every finding: the requests' time that nobody
// measured, the part that was inferred, and how well the shares are known.
func against(s *capacity.Step, w evidence.Window, f Finding) []Exhibit {
	if f.Share == 0 || s.Ledger == nil {
		return nil
	}
	var out []Exhibit
	unknown := s.Blame(func(k capacity.Key) float64 { return is(k.Class == capacity.ClassOther) }).Share
	if unknown >= minShown {
		out = append(out, Exhibit{"these requests' time that nothing explains", unknown, "share", "latency less all that was attributed"})
	}
	for _, why := range inferences {
		if n := s.Ledger.Inferred[why.class]; s.InFlight > 0 && n/s.InFlight >= minShown {
			out = append(out, Exhibit{why.name, n / s.InFlight, "share", "no counter shows it"})
		}
	}
	if f.Subject.Statement != "" && w.Sessions != nil && w.Sessions.Samples > 0 {
		out = append(out, Exhibit{"sampling error of the share (95 %)", 1.96 * math.Sqrt(f.Share*(1-min(1, f.Share))/float64(w.Sessions.Samples)), "share",
			fmt.Sprintf("binomial, %d looks at pg_stat_activity", w.Sessions.Samples)})
	}
	return out
}

// inferences say why time that no counter shows is taken for waiting.
var inferences = []struct {
	class capacity.Class
	name  string
}{
	{capacity.ClassQueue, "time taken for waiting for a processor because processors were short"},
	{capacity.ClassPool, "time taken for waiting for a connection, or a worker of the app, because as many sessions as ever were busy"},
}

// minShown: a doubt about less than a hundredth of the time is no doubt.
const minShown = 0.01

// heaviest returns the endpoint on which the claim weighs most.
func heaviest(s *capacity.Step, claim capacity.Claim) string {
	loads := map[string]float64{}
	for _, e := range s.Ledger.Time {
		loads[e.Endpoint] += e.Amount * claim(e.Key)
	}
	return largest(loads)
}

// heaviestStatement returns the statement on which the claim weighs most.
func heaviestStatement(s *capacity.Step, claim capacity.Claim) string {
	loads := map[string]float64{}
	for _, e := range s.Ledger.Time {
		if e.Statement != "" {
			loads[e.Statement] += e.Amount * claim(e.Key)
		}
	}
	return largest(loads)
}

// largest returns the key of the largest value, the first in order among equals.
func largest[K, V cmp.Ordered](m map[K]V) K {
	var best K
	first := true
	for k, v := range m {
		if first || v > m[best] || v == m[best] && k < best {
			best, first = k, false
		}
	}
	return best
}
