package mine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Windows, in seconds, over which the dispersion of arrivals is judged.
var windows = [...]float64{1, 10, 60}

// A Dispersion says how unevenly sessions start. Of a Poisson process all
// figures are 1; those that can't be measured are 0.
type Dispersion struct {
	Rate float64               `json:"rate"` // sessions per second
	IDC  [len(windows)]float64 `json:"idc"`  // variance over mean of the counts in windows of 1, 10 and 60 s
	CV2  float64               `json:"cv2"`  // of the times between, variance over squared mean
}

// minWindows: a variance of fewer counts says nothing.
const minWindows = 30

// dispersion measures starts, sorted.
func dispersion(starts []float64) Dispersion {
	var d Dispersion
	if len(starts) < 2 {
		return d
	}
	length := starts[len(starts)-1] - starts[0]
	if length <= 0 {
		return d
	}
	d.Rate = float64(len(starts)-1) / length
	for i, w := range windows {
		n := int(length / w)
		if n < minWindows {
			continue
		}
		counts := make([]float64, n)
		for _, t := range starts {
			if j := int((t - starts[0]) / w); j < n {
				counts[j]++
			}
		}
		var m moments
		for _, c := range counts {
			m.add(c)
		}
		d.IDC[i] = m.variance() / m.mean
	}
	var m moments
	for i := 1; i < len(starts); i++ {
		m.add(starts[i] - starts[i-1])
	}
	d.CV2 = m.variance() / (m.mean * m.mean)
	return d
}

// Dispersion measures the starts of the sessions.
func (l *Log) Dispersion() Dispersion {
	d := dispersion(l.startTimes(rand.New(rand.NewPCG(1, 1))))
	d.Rate /= l.Share
	return d
}

// startTimes returns when sessions began. Within a second, where the log has no
// finer times, they are spread at random: what happened there is not known.
func (l *Log) startTimes(rng *rand.Rand) []float64 {
	out := make([]float64, len(l.Sessions))
	for i, s := range l.Sessions {
		out[i] = s.Start
		if l.resolution == 1 {
			out[i] += rng.Float64()
		}
	}
	slices.Sort(out)
	return out
}

const (
	// curveParts of a log are its daily curve.
	curveParts = 24
	// minPart sessions on average make a level of the curve.
	minPart = 40
)

// arrivals chooses how sessions come: bursts if starts clump together, even when
// the drift of the rate is taken out; else a curve if there is a drift; else
// Poisson. Of a sample, the starts are a
// process thinned at random: a thinned Poisson process with bursts is one with
// the same bursts and a lower rate, so that only the rate is to be put right.
func (m *Model) arrivals() {
	l := m.log
	starts := l.startTimes(rand.New(rand.NewPCG(1, 1)))
	if len(starts) < 200 {
		m.Notes["arrivals"] = fmt.Sprintf("too few sessions (%d) to see how they come; Poisson", len(starts))
		return
	}
	a := &m.Scenario.Arrivals
	d := dispersion(starts)
	rate := d.Rate
	drifts := ""
	if curve := drift(starts, d); curve != nil {
		d = dispersion(even(starts, curve))
		if drifts = "; the rate changes over the log as the curve says"; d.IDC[1] > maxPoisson || d.IDC[2] > maxPoisson {
			drifts = "; the rate also changes over the log, which is left out: a scenario has bursts or a curve"
		} else {
			a.Curve = curve
		}
	}
	m.Notes["arrivals"] = fmt.Sprintf("%.3g sessions/s; index of dispersion %s at 1, 10 and 60 s%s", rate/l.Share, idcText(d), drifts)
	m.Scenario.Load = scenarios.Load{Rate: round(rate/l.Share, 3)}
	if d.IDC[1] > maxPoisson || d.IDC[2] > maxPoisson {
		a.Bursts = fitBursts(d)
	}
}

// maxPoisson: an index of dispersion up to this is what Poisson arrivals show by
// chance in the few hundred windows of an hour.
const maxPoisson = 1.3

func idcText(d Dispersion) string {
	return fmt.Sprintf("%.2f, %.2f, %.2f", d.IDC[0], d.IDC[1], d.IDC[2])
}

// drift returns the curve of the rate, if it changes over the log by more than
// clumps in the scale of a minute explain.
func drift(starts []float64, d Dispersion) []scenarios.Level {
	if len(starts) < curveParts*minPart {
		return nil
	}
	length := starts[len(starts)-1] - starts[0]
	part := length / curveParts
	counts := make([]float64, curveParts)
	for _, t := range starts {
		counts[min(curveParts-1, int((t-starts[0])/part))]++
	}
	var m moments
	for _, c := range counts {
		m.add(c)
	}
	short := max(d.IDC[0], d.IDC[1], d.IDC[2], 1)
	if part < 4*windows[2] || m.variance()/m.mean < 4*short {
		return nil
	}
	levels := make([]scenarios.Level, curveParts)
	for i, c := range counts {
		levels[i] = scenarios.Level{At: scenarios.Seconds(math.Round((float64(i) + 0.5) * part)), Factor: max(0.001, round(c/m.mean, 3))}
	}
	return levels
}

// even stretches time so that the curve is flat.
func even(starts []float64, curve []scenarios.Level) []float64 {
	out := make([]float64, len(starts))
	origin := starts[0]
	at, sum := 0.0, 0.0 // area below the curve up to here
	for i, t := range starts {
		for step := (t - origin) - at; step > 0; {
			d := min(step, float64(curve[0].At))
			sum += d * level(curve, at+d/2)
			at += d
			step -= d
		}
		out[i] = origin + sum
	}
	return out
}

// level interpolates the curve.
func level(curve []scenarios.Level, t float64) float64 {
	for i := range curve {
		if t > float64(curve[i].At) {
			continue
		}
		if i == 0 {
			return curve[0].Factor
		}
		a, b := curve[i-1], curve[i]
		return a.Factor + (b.Factor-a.Factor)*(t-float64(a.At))/float64(b.At-a.At)
	}
	return curve[len(curve)-1].Factor
}

// fitBursts chooses a two-state Markov-modulated Poisson process. Its index of
// dispersion is
//
//	IDC(t) = 1 + A·(1 - (1-e^(-σt))/(σt)),  A = 2·(λ1-λ0)²·p·(1-p)/(λ·σ),  σ = 1/on + 1/off
//
// (Fischer and Meier-Hellstern, "The Markov-modulated Poisson process cookbook",
// Performance Evaluation 18, 1993), so that windows of three lengths give A and
// σ, and CV² decides which part p of the time is busy.
func fitBursts(d Dispersion) *scenarios.Bursts {
	best, worst := math.Inf(1), &scenarios.Bursts{}
	for i := range 60 {
		sigma := 0.0005 * math.Pow(10, float64(i)/15) // on and off of a second to half an hour
		for j := range 80 {
			a := 0.1 * math.Pow(10, float64(j)/20)
			for k := 1; k < 40; k++ {
				p := float64(k) / 80
				b, cv2, ok := burst(d.Rate, sigma, a, p)
				if !ok {
					continue
				}
				err := 0.0
				for w, want := range d.IDC {
					if want > 0 {
						st := sigma * windows[w]
						err += square(math.Log((1 + a*(1+math.Expm1(-st)/st)) / want))
					}
				}
				if d.CV2 > 0 {
					err += square(math.Log(cv2 / d.CV2))
				}
				if err < best {
					best, worst = err, b
				}
			}
		}
	}
	return worst
}

func square(x float64) float64 { return x * x }

// burst returns the process with mean rate, σ, A and busy part p, and its CV²;
// false: there is none, since the quiet rate would be negative.
func burst(rate, sigma, a, p float64) (*scenarios.Bursts, float64, bool) {
	gap := math.Sqrt(a * rate * sigma / (2 * p * (1 - p))) // λ1 - λ0
	low := rate - p*gap
	if low < rate/100 {
		return nil, 0, false
	}
	high := low + gap
	toOff, toOn := sigma*(1-p), sigma*p // rates of leaving busy and quiet
	// Times between arrivals are of phase type: with D = [[-(high+toOff), toOff],
	// [toOn, -(low+toOn)]] and the state v that an arrival finds,
	// E[X] = 1/rate and E[X²] = 2·v·D⁻²·1.
	a11, a22 := high+toOff, low+toOn
	det := a11*a22 - toOff*toOn
	v1, v2 := p*high/rate, (1-p)*low/rate
	// x = (-D)⁻¹·1, y = (-D)⁻¹·x
	x1, x2 := (a22+toOff)/det, (a11+toOn)/det
	y1, y2 := (a22*x1+toOff*x2)/det, (toOn*x1+a11*x2)/det
	second := 2 * (v1*y1 + v2*y2)
	b := &scenarios.Bursts{
		Factor: round(high/low, 3), On: scenarios.Seconds(round(1/toOff, 3)), Off: scenarios.Seconds(round(1/toOn, 3)),
	}
	return b, second*rate*rate - 1, true
}

// round keeps so many digits.
func round(x float64, digits int) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	scale := math.Pow(10, float64(digits)-math.Ceil(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// simulate draws n starts.
func simulate(a scenarios.Arrivals, rate float64, n int, rng *rand.Rand) []float64 {
	out := make([]float64, 0, n)
	t := 0.0
	length := float64(n) / rate
	busy, until := false, math.Inf(1)
	high, low := rate, rate
	if b := a.Bursts; b != nil {
		p := float64(b.On / (b.On + b.Off))
		low = rate / (p*b.Factor + 1 - p)
		high = low * b.Factor
		busy = rng.Float64() < p
		until = 0
	}
	top := 1.0
	for _, l := range a.Curve {
		top = max(top, l.Factor)
	}
	for len(out) < n {
		now := low
		if busy {
			now = high
		}
		next := t + rng.ExpFloat64()/(now*top)
		if next > until || until == 0 {
			if until > 0 {
				busy = !busy
				t = until
			}
			stay := float64(0)
			if a.Bursts != nil {
				stay = float64(a.Bursts.Off)
				if busy {
					stay = float64(a.Bursts.On)
				}
			}
			until = t + rng.ExpFloat64()*stay
			continue
		}
		t = next
		if len(a.Curve) > 0 && rng.Float64()*top > level(a.Curve, math.Mod(t, length)*float64(a.Curve[len(a.Curve)-1].At+a.Curve[0].At)/length) {
			continue
		}
		out = append(out, t)
	}
	return out
}
