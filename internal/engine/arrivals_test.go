package engine

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

func arrive(seed int64, a scenarios.Arrivals, stages ...scenarios.Stage) []arrival {
	s := newSchedule(seed, a, stages)
	var all []arrival
	for k := range stages {
		all = slices.AppendSeq(all, s.stage(k))
	}
	return all
}

// perBin counts the arrivals in intervals of the given length.
func perBin(all []arrival, bin time.Duration, bins int) []float64 {
	n := make([]float64, bins)
	for _, a := range all {
		if i := int(a.at / bin); i < bins {
			n[i]++
		}
	}
	return n
}

// moments returns the mean and the variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, variance
}

func gaps(all []arrival) []float64 {
	var g []float64
	for i := 1; i < len(all); i++ {
		g = append(g, (all[i].at - all[i-1].at).Seconds())
	}
	return g
}

func between(t *testing.T, what string, got, lo, hi float64) {
	t.Helper()
	if got < lo || got > hi {
		t.Errorf("%s is %.4f, want %g to %g", what, got, lo, hi)
	}
}

func TestPoisson(t *testing.T) {
	for seed := range int64(5) {
		all := arrive(seed, scenarios.Arrivals{}, scenarios.Stage{Rate: 50, Settle: 100, Measure: 300})
		if !slices.IsSortedFunc(all, func(a, b arrival) int { return int(a.at - b.at) }) {
			t.Fatal("arrivals out of order")
		}
		between(t, "mean rate", float64(len(all))/400, 50*0.97, 50*1.03)
		mean, variance := moments(gaps(all))
		between(t, "CV² of the gaps", variance/(mean*mean), 0.9, 1.1)
		mean, variance = moments(perBin(all, time.Second, 400))
		between(t, "index of dispersion", variance/mean, 0.75, 1.25)
	}
}

// Of a two-state MMPP the index of dispersion of the counts in a time t is known
// (Heffes and Lucantoni, IEEE JSAC 4, 1986):
//
//	I(t) = 1 + A · (1 − (1 − e^(−rt)) ÷ rt),  r = 1/on + 1/off
//	A = 2·σ₁σ₂·(λ₁ − λ₂)² ÷ (r²·(λ₁σ₂ + λ₂σ₁)),  σ₁ = 1/on, σ₂ = 1/off
func TestBursts(t *testing.T) {
	const rate, factor, on, off = 20.0, 6.0, 4.0, 12.0
	a := scenarios.Arrivals{Bursts: &scenarios.Bursts{Factor: factor, On: on, Off: off}}
	slow := rate * (on + off) / (factor*on + off)
	fast := factor * slow
	s1, s2 := 1/on, 1/off
	r := s1 + s2
	limit := 2 * s1 * s2 * (fast - slow) * (fast - slow) / (r * r * (fast*s2 + slow*s1))
	const length = 40_000
	all := arrive(7, a, scenarios.Stage{Rate: rate, Measure: length})
	between(t, "mean rate", float64(len(all))/length, 0.96*rate, 1.04*rate)
	for _, bin := range []float64{1, 10, 40} {
		mean, variance := moments(perBin(all, seconds(bin), int(length/bin)))
		want := 1 + limit*(1-(1-math.Exp(-r*bin))/(r*bin))
		between(t, "index of dispersion ÷ closed form", variance/mean/want, 0.85, 1.15)
	}
	// Stages go on where the one before ended: the state does not start anew.
	parts := arrive(7, a, scenarios.Stage{Rate: rate, Measure: length / 2}, scenarios.Stage{Rate: rate, Measure: length / 2})
	x, y := perBin(all, 10*time.Second, length/10), perBin(parts, 10*time.Second, length/10)
	mx, vx := moments(x)
	my, vy := moments(y)
	cov := 0.0
	for i := range x {
		cov += (x[i] - mx) * (y[i] - my) / float64(len(x)-1)
	}
	between(t, "correlation of one run and the same in two stages", cov/math.Sqrt(vx*vy), 0.8, 1)
}

func TestCurve(t *testing.T) {
	// A morning: a tenth at the ends, the peak at a third.
	curve := []scenarios.Level{{At: 0, Factor: 0.1}, {At: 2, Factor: 3}, {At: 6, Factor: 0.1}}
	const rate, length = 100.0, 600
	all := arrive(3, scenarios.Arrivals{Curve: curve}, scenarios.Stage{Rate: rate, Settle: 60, Measure: length - 60})
	between(t, "mean rate", float64(len(all))/length, 0.97*rate, 1.03*rate)
	n := perBin(all, 20*time.Second, length/20)
	most := slices.Max(n)
	if at := slices.Index(n, most); at < 8 || at > 11 { // bins 9 and 10 lie around a third
		t.Errorf("the peak is in bin %d of %v", at, n)
	}
	between(t, "peak ÷ mean", most/20/rate, 1.6, 2.1) // 3 ÷ 1.55 at its tip
	between(t, "first bin ÷ mean", n[0]/20/rate, 0, 0.5)
}

func TestTogether(t *testing.T) {
	stages := []scenarios.Stage{{Rate: 10, Settle: 10, Measure: 90}, {Rate: 20, Settle: 10, Measure: 90}}
	a := scenarios.Arrivals{Events: []scenarios.Event{
		{Name: "lecture", At: 0.5, Persona: "student", Together: &scenarios.Together{Sessions: 30, Spread: 5}},
	}}
	all, plain := arrive(1, a, stages...), arrive(1, scenarios.Arrivals{}, stages...)
	if got, want := len(all)-len(plain), 30*10+30*20; got != want {
		t.Errorf("the event brings %d sessions, want %d", got, want)
	}
	from := []time.Duration{55 * time.Second, 155 * time.Second}
	had := [2]int{}
	for _, x := range all {
		if x.persona == "" {
			continue
		}
		k := int(x.at / (100 * time.Second))
		had[k]++
		if x.persona != "student" || x.at < from[k] || x.at > from[k]+5*time.Second {
			t.Fatalf("%+v", x)
		}
	}
	if had != [2]int{300, 600} {
		t.Errorf("%v sessions in the stages, want 300 and 600", had)
	}
	if !slices.IsSortedFunc(all, func(a, b arrival) int { return int(a.at - b.at) }) {
		t.Error("arrivals out of order")
	}
}

func TestDeadline(t *testing.T) {
	const rate, peak, window, after = 200.0, 5.0, 100.0, 0.25
	a := scenarios.Arrivals{Events: []scenarios.Event{
		{Name: "due", At: 0.5, Deadline: &scenarios.Deadline{Peak: peak, Window: window, After: after}},
	}}
	all := arrive(2, a, scenarios.Stage{Rate: rate, Measure: 400}) // due at 200
	n := perBin(all, 5*time.Second, 80)
	mean := func(from, to int) (m float64) {
		for _, v := range n[from/5 : to/5] {
			m += v / float64(to-from)
		}
		return m / rate
	}
	between(t, "long before", mean(0, 100), 0.95, 1.05)
	between(t, "afterwards", mean(200, 400), 0.23, 0.27)
	// The hyperbola in five bins, integrated: c·Peak·ln((left₁+c) ÷ (left₂+c)).
	c := window / (peak - 1)
	for left := window; left > 0; left -= 20 {
		want := c * peak * math.Log((left+c)/(left-20+c)) / 20
		got := mean(int(200-left), int(220-left))
		between(t, "before the deadline ÷ hyperbola", got/want, 0.94, 1.06)
	}
	if last := mean(195, 200); last < 4 {
		t.Errorf("the last seconds have %.2f times the rate, want nearly %g", last, peak)
	}
}

// The schedule is a function of the seed.
func TestScheduleRepeats(t *testing.T) {
	a := scenarios.Arrivals{
		Bursts: &scenarios.Bursts{Factor: 5, On: 2, Off: 5},
		Curve:  []scenarios.Level{{Factor: 1}, {At: 1, Factor: 2}},
		Events: []scenarios.Event{{At: 0.3, Together: &scenarios.Together{Sessions: 2, Spread: 1}}},
	}
	st := []scenarios.Stage{{Rate: 30, Settle: 3, Measure: 10}, {Rate: 60, Settle: 3, Measure: 10}}
	if !slices.Equal(arrive(1, a, st...), arrive(1, a, st...)) {
		t.Error("the same seed gave another schedule")
	}
	if slices.Equal(arrive(1, a, st...), arrive(2, a, st...)) {
		t.Error("another seed gave the same schedule")
	}
}
