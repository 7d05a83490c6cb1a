package mine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// Held is an invariant that held in all recorded sessions.
type Held struct {
	scenarios.Invariant
	Sessions int // that had the left side
}

const (
	// minHeld sessions must have had both sides before a rule is worth a line.
	minHeld = 30
	// certain: by the rule of three, what was never seen in so many sessions
	// happens in fewer than one in a thousand.
	certain = 3_000
)

// invariants looks for rules that no session broke, among operations that have
// to do with each other: one's path continues the other's, or both take the same
// variable.
func (m *Model) invariants() {
	l := m.log
	counts := make([]map[int]int, len(l.Sessions))
	firsts := make([]map[int]int, len(l.Sessions))
	with := map[[2]int]int{}
	has := make([]int, len(l.Ops))
	for i, s := range l.Sessions {
		counts[i], firsts[i] = map[int]int{}, map[int]int{}
		for at, c := range s.Calls {
			if counts[i][c.Op]++; counts[i][c.Op] == 1 {
				firsts[i][c.Op] = at
			}
		}
		for a := range counts[i] {
			has[a]++
			for b := range counts[i] {
				with[[2]int{a, b}]++
			}
		}
	}
	for a := range l.Ops {
		for b := range l.Ops {
			if a == b || with[[2]int{a, b}] < minHeld || !related(&l.Ops[a], &l.Ops[b]) {
				continue
			}
			always := with[[2]int{a, b}] == has[a] // no a without b
			if !always {
				continue
			}
			most, equal, order := true, true, true
			factor := math.NaN()
			for i := range counts {
				na, nb := counts[i][a], counts[i][b]
				most = most && na <= nb
				if na > 0 {
					order = order && firsts[i][b] < firsts[i][a]
				}
				switch f := float64(na) / float64(max(1, nb)); {
				case nb == 0 && na == 0:
				case nb == 0 || na%max(1, nb) != 0 || na == 0:
					equal = false
				case math.IsNaN(factor):
					factor = f
				case factor != f:
					equal = false
				}
			}
			na, nb := l.Ops[a].Name, l.Ops[b].Name
			switch {
			case equal && factor == 1 && (order || a < b):
				m.hold(scenarios.Invariant{Text: fmt.Sprintf("count(%s) == count(%s)", na, nb), Left: na, Op: "==", Right: nb}, has[a])
			case equal && factor > 1:
				m.hold(scenarios.Invariant{Text: fmt.Sprintf("count(%s) == %g * count(%s)", na, factor, nb), Left: na, Op: "==", Factor: factor, Right: nb}, has[a])
			case most && !equal:
				m.hold(scenarios.Invariant{Text: fmt.Sprintf("count(%s) <= count(%s)", na, nb), Left: na, Op: "<=", Right: nb}, has[a])
			}
			if order {
				m.hold(scenarios.Invariant{Text: fmt.Sprintf("%s requires %s", na, nb), Left: na, Op: "requires", Right: nb}, has[a])
			}
		}
	}
}

func (m *Model) hold(i scenarios.Invariant, sessions int) {
	m.Held = append(m.Held, Held{i, sessions})
	if sessions >= certain {
		m.Scenario.Invariants = append(m.Scenario.Invariants, i)
	}
}

// Rules returns what held in all recorded sessions.
func (m *Model) Rules() []scenarios.Invariant {
	var all []scenarios.Invariant
	for _, h := range m.Held {
		all = append(all, h.Invariant)
	}
	return all
}

// related reports whether one path is the beginning of the other, or both name
// the same thing.
func related(a, b *Op) bool {
	pa, _, _ := strings.Cut(a.Path, "?")
	pb, _, _ := strings.Cut(b.Path, "?")
	if strings.HasPrefix(pa, pb+"/") || strings.HasPrefix(pb, pa+"/") || pa == pb {
		return true
	}
	return slices.ContainsFunc(a.Vars, func(v int) bool { return slices.Contains(b.Vars, v) })
}
