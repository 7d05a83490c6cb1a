package matrix

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// An Attempt is one run of a case. All of them are kept, the failed ones too.
type Attempt struct {
	Case     string   `json:"case"`
	Group    string   `json:"group"`
	Seed     int64    `json:"seed"`
	Try      int      `json:"try"` // from 1; later ones are only for a noisy host
	Expected Verdict  `json:"expected"`
	Given    Verdict  `json:"given"`
	Headline string   `json:"headline"`
	Share    float64  `json:"share"`
	Sure     float64  `json:"confidence"`
	Right    bool     `json:"right"`
	Entity   bool     `json:"entity_right"`
	Class    bool     `json:"class_right"`
	Top3     bool     `json:"among_first_three"`
	Answered bool     `json:"answered"`
	Findings []string `json:"findings"` // causes, heaviest first
	Guesses  []Guess  `json:"baselines"`
	Noise    float64  `json:"noise"`    // largest foreign share of the machine
	Overhead float64  `json:"overhead"` // scalecheck's share of the machine
	Seconds  float64  `json:"seconds"`  // from start to end
	Load     float64  `json:"load"`     // seconds of them that load was planned for
	Commit   string   `json:"commit"`
	Error    string   `json:"error,omitempty"` // why there is no report
}

// Again reports whether the case may be tried once more: the answer was wrong on a
// host that was noisy by itself.
func (a Attempt) Again() bool {
	c := Lookup(a.Case)
	return c != nil && !c.Noisy && !a.Right && a.Noise > Noisy
}

// A Verdict is an answer in short.
type Verdict struct {
	Status  string `json:"status"`
	Cause   string `json:"cause"` // empty: nothing is named
	Bound   string `json:"bound"`
	Subject string `json:"subject"`
	Reason  string `json:"reason"`
}

// verdict says what is wanted.
func (w Want) verdict() Verdict {
	v := Verdict{Status: w.Status, Reason: w.Reason}
	var causes, bounds, subjects []string
	for _, c := range w.Culprits {
		causes = append(causes, c.Cause)
		bounds = append(bounds, strings.Join(c.Bounds, " or "))
		subjects = append(subjects, strings.TrimSpace(c.Subject+" "+c.Endpoint))
	}
	v.Cause, v.Bound, v.Subject = strings.Join(causes, " + "), strings.Join(bounds, " + "), strings.Join(subjects, " + ")
	return v
}

// answer is the verdict in a word: its cause, or its status where it names none.
func (v Verdict) answer() string {
	switch {
	case v.Cause != "":
		return v.Cause
	case v.Status != "":
		return v.Status
	}
	return "no report"
}

func failed(c Case, seed int64, try int, err error) Attempt {
	return Attempt{Case: c.Name, Group: c.Group(), Seed: seed, Try: try, Expected: c.Want.verdict(), Error: err.Error()}
}

func answered(c Case, seed int64, try int, r *Report) Attempt {
	s := Judge(c.Want, r)
	a := Attempt{
		Case: c.Name, Group: c.Group(), Seed: seed, Try: try, Expected: c.Want.verdict(),
		Given: Verdict{Status: r.Verdict.Status, Reason: strings.Join(r.Verdict.Reasons, "; ")}, Headline: r.Verdict.Headline,
		Right: s.Right(), Entity: s.Entity, Class: s.Class, Top3: s.Top3, Answered: s.Answers,
		Guesses: guesses(c.Want, r),
		Noise:   r.Noise(), Overhead: r.Overhead.Share, Load: r.load(),
	}
	if b := r.Bottleneck; b != nil {
		a.Given.Cause, a.Given.Bound, a.Share, a.Sure = b.Cause, b.Bound, b.Share, b.Confidence
		a.Given.Subject = strings.TrimSpace(b.Subject.Name + " " + b.Subject.Endpoint)
	}
	for _, f := range r.Findings {
		a.Findings = append(a.Findings, f.Cause)
	}
	return a
}

// A Plan is what was to be run.
type Plan struct {
	Commit    string // of what measured
	Analyzers string // the commit of the analyzers that judged it
	Seeds     int
	Asked     []string          // names of cases; nil: all
	Cannot    map[string]string // name of a case → why this machine can't do it
}

// A Result is all attempts with their summary. Of a case and a seed the last try
// counts.
type Result struct {
	Commit    string `json:"commit"`
	Analyzers string `json:"analyzers"` // the commit of the analyzers: another one where kept run files were judged again
	Planned   int    `json:"planned"`   // runs: all cases with all seeds
	Figures          // of all single faults

	Database Figures `json:"database"` // of the faults of the database and how it is used
	Beyond   Figures `json:"beyond"`   // of the others
	Controls Counted `json:"controls"` // all right: status, reason, and nothing named
	Silent   Counted `json:"silent"`   // controls on which nothing was named
	Several  Counted `json:"several"`  // runs with two faults in which both were found

	Specificity    float64                   `json:"specificity"` // silent ÷ controls
	MedianSeconds  float64                   `json:"median_seconds"`
	MedianOutside  float64                   `json:"median_seconds_without_load"`
	MedianOverhead float64                   `json:"median_overhead"`
	Confusion      map[string]map[string]int `json:"confusion"` // expected answer → given answer → runs
	Skipped        []Skip                    `json:"skipped"`
	Cases          []Attempt                 `json:"cases"`
}

// Figures are how right the answers to some faults were.
type Figures struct {
	Faults   int     `json:"faults"`     // runs
	Joint    float64 `json:"joint_top1"` // all right ÷ answered
	Entity   float64 `json:"entity_top1"`
	Class    float64 `json:"class_top1"`
	Top3     float64 `json:"joint_top3"`           // the right one is among the first three findings ÷ answered
	JointAll float64 `json:"joint_top1_of_faults"` // all right ÷ faults
	Answered float64 `json:"answered"`             // named something ÷ faults
	Best     Tally   `json:"best_baseline"`        // of baselines
	Tallies  []Tally `json:"baselines"`            // ÷ faults: they always answer
	Counts   Counts  `json:"counts"`               // what the figures are made of
}

// Counts are shares with what chance allows.
type Counts struct {
	Joint    Counted `json:"joint_top1"`
	Entity   Counted `json:"entity_top1"`
	Class    Counted `json:"class_top1"`
	Top3     Counted `json:"joint_top3"`
	JointAll Counted `json:"joint_top1_of_faults"`
	Answered Counted `json:"answered"`
}

// A Tally is how often a baseline was right.
type Tally struct {
	Name       string  `json:"name"`
	JointTop1  float64 `json:"joint_top1"`  // subject and bound
	EntityTop1 float64 `json:"entity_top1"` // subject
}

// A Skip is runs that were planned and are not there.
type Skip struct {
	Case   string `json:"case"`
	Runs   int    `json:"runs"`
	Of     int    `json:"of"`
	Reason string `json:"reason"`
}

// A Counted is a share with its 95 % interval.
type Counted struct {
	N    int     `json:"n"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// counted returns n of N with Wilson's interval (1927), which holds for few runs
// and for shares of 0 and 1 as well.
func counted(n, of int) Counted {
	c := Counted{N: n, Of: of, High: 1}
	if of == 0 {
		return c
	}
	const z = 1.96
	p, m := float64(n)/float64(of), float64(of)
	middle := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	c.Low, c.High = max(0, (middle-half)/(1+z*z/m)), min(1, (middle+half)/(1+z*z/m))
	return c
}

// share returns 0 of nothing.
func (c Counted) share() float64 {
	if c.Of == 0 {
		return 0
	}
	return float64(c.N) / float64(c.Of)
}

// Summarize counts.
func Summarize(p Plan, attempts []Attempt) Result {
	last := final(attempts)
	r := Result{
		Commit: p.Commit, Analyzers: p.Analyzers, Planned: len(Cases) * p.Seeds, Cases: attempts,
		Database: figures(of(last, Database)), Beyond: figures(of(last, Beyond)),
		Figures:   figures(of(last, Database, Beyond)),
		Controls:  count(of(last, Control), func(a Attempt) bool { return a.Right }),
		Silent:    count(of(last, Control), func(a Attempt) bool { return a.Given.Cause == "" }),
		Several:   count(of(last, Several), func(a Attempt) bool { return a.Right }),
		Confusion: map[string]map[string]int{},
		Skipped:   skipped(p, last),
	}
	r.Specificity = r.Silent.share()
	var seconds, outside, overhead []float64
	for _, a := range last {
		expected, given := a.Expected.answer(), a.Given.answer()
		if r.Confusion[expected] == nil {
			r.Confusion[expected] = map[string]int{}
		}
		r.Confusion[expected][given]++
		if a.Error == "" {
			seconds = append(seconds, a.Seconds)
			outside = append(outside, a.Seconds-a.Load)
			overhead = append(overhead, a.Overhead)
		}
	}
	r.MedianSeconds, r.MedianOutside, r.MedianOverhead = median(seconds), median(outside), median(overhead)
	return r
}

// final returns the last try of each case and seed, in the order of the first ones.
func final(attempts []Attempt) []Attempt {
	var last []Attempt
	at := map[string]int{}
	for _, a := range attempts {
		key := fmt.Sprint(a.Case, "/", a.Seed)
		if i, ok := at[key]; ok {
			last[i] = a
			continue
		}
		at[key] = len(last)
		last = append(last, a)
	}
	return last
}

func of(as []Attempt, groups ...string) []Attempt {
	var out []Attempt
	for _, a := range as {
		if slices.Contains(groups, a.Group) {
			out = append(out, a)
		}
	}
	return out
}

func count(as []Attempt, is func(Attempt) bool) Counted {
	var n int
	for _, a := range as {
		if is(a) {
			n++
		}
	}
	return counted(n, len(as))
}

func figures(faults []Attempt) Figures {
	var named []Attempt
	for _, a := range faults {
		if a.Answered {
			named = append(named, a)
		}
	}
	right := func(a Attempt) bool { return a.Right }
	c := Counts{
		Joint:    count(named, right),
		Entity:   count(named, func(a Attempt) bool { return a.Entity }),
		Class:    count(named, func(a Attempt) bool { return a.Class }),
		Top3:     count(named, func(a Attempt) bool { return a.Top3 }),
		JointAll: count(faults, right),
		Answered: counted(len(named), len(faults)),
	}
	f := Figures{
		Faults: len(faults), Counts: c, Joint: c.Joint.share(), Entity: c.Entity.share(), Class: c.Class.share(),
		Top3: c.Top3.share(), JointAll: c.JointAll.share(), Answered: c.Answered.share(),
	}
	for _, b := range Baselines {
		t := Tally{Name: b.Name}
		for _, a := range faults {
			for _, g := range a.Guesses {
				if g.Baseline == b.Name {
					t.JointTop1 += g.Right / float64(len(faults))
					t.EntityTop1 += g.Entity / float64(len(faults))
				}
			}
		}
		f.Tallies = append(f.Tallies, t)
	}
	f.Best = best(f.Tallies)
	return f
}

func skipped(p Plan, last []Attempt) []Skip {
	out := []Skip{}
	for _, c := range Cases {
		missing := p.Seeds
		for _, a := range last {
			if a.Case == c.Name && a.Seed <= int64(p.Seeds) {
				missing--
			}
		}
		s := Skip{Case: c.Name, Runs: missing, Of: p.Seeds, Reason: "not run yet"}
		if p.Asked != nil && !slices.Contains(p.Asked, c.Name) {
			s.Reason = "not asked for"
		} else if reason := p.Cannot[c.Name]; reason != "" {
			s.Reason = reason
		}
		if missing > 0 {
			out = append(out, s)
		}
	}
	return out
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	n := len(xs)
	return (xs[(n-1)/2] + xs[n/2]) / 2
}
