package mine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Report says what was read, what was dropped and why.
type Report struct {
	Inputs   []Input        `json:"inputs"`
	Requests int            `json:"requests"` // read
	Kept     int            `json:"kept"`     // of them, in sessions
	Dropped  map[string]int `json:"dropped,omitempty"`
	Timed    int            `json:"timed"` // kept with the time that they took

	// Rungs counts requests by what their sessions were told apart by: a session
	// id, the user, a cookie's hash, address and user agent.
	Rungs [rungs]int `json:"rungs"`
	Cut   int        `json:"cut,omitempty"` // sessions closed early, for MaxOpen

	Sessions int `json:"sessions"` // seen
	Sampled  int `json:"sampled"`  // of them, in the model
}

// An Input is one file.
type Input struct {
	Name     string `json:"name"`
	Format   string `json:"format"`
	Timing   string `json:"timing,omitempty"` // what it knows of how long requests took; empty: nothing
	Lines    int    `json:"lines"`            // or entries
	Broken   int    `json:"broken,omitempty"`
	BrokenAt []int  `json:"broken_at,omitempty"` // the first few
}

// Why returns what was dropped, most first.
func (r *Report) Why() []string {
	reasons := sortedKeys(r.Dropped)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(r.Dropped[b], r.Dropped[a]) })
	for i, why := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", r.Dropped[why], why)
	}
	return reasons
}

// Keys returns what sessions were told apart by, and what that may get wrong.
func (r *Report) Keys() []string {
	total := 0
	for _, n := range r.Rungs {
		total += n
	}
	var out []string
	for k, n := range r.Rungs {
		if n > 0 {
			out = append(out, fmt.Sprintf("%s (%.0f%% of requests): %s", rung(k), 100*float64(n)/float64(total), rung(k).Caution()))
		}
	}
	return out
}

// moments add up what mean and variance are made of (Welford's algorithm).
type moments struct{ n, mean, m2 float64 }

func (m *moments) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.m2 += d * (x - m.mean)
}

func (m *moments) variance() float64 {
	if m.n < 2 {
		return 0
	}
	return m.m2 / (m.n - 1)
}

// textStats are of the texts that stood in one variable: enough to choose how
// to draw it anew without telling what they were.
type textStats struct {
	n     int
	words moments
	max   int            // words
	few   map[string]int // short plain words and how often they came; nil: there are too many
}

// maxFew: a parameter with so few values is a switch (sort=price), and its
// values are the application's, not the users'.
const maxFew = 12

// note counts the texts of a request.
func (m *Miner) note(shape int, texts []string) {
	for i, s := range texts {
		t := m.texts[slot{shape, i}]
		if t == nil {
			t = &textStats{few: map[string]int{}}
			m.texts[slot{shape, i}] = t
		}
		t.n++
		words := 1
		for _, c := range s {
			if c == ' ' || c == '+' {
				words++
			}
		}
		t.words.add(float64(words))
		t.max = max(t.max, words)
		if t.few == nil {
			continue
		}
		if _, known := t.few[s]; !known && (len(t.few) >= maxFew || !plainWord(s)) {
			t.few = nil
			continue
		}
		t.few[strings.Clone(s)]++ // not the line around it
	}
}

// plainWord reports whether s may be the name of an option.
func plainWord(s string) bool {
	if len(s) == 0 || len(s) > 20 {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
