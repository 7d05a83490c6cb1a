package mine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A visit is a stay at one node of a graph: a block of operations, and how often
// it was gone through.
type visit struct {
	block  string // numbers of the operations, as runes
	rounds int
}

// loopLengths are tried longest first: seeing and grading one submission after
// the other is a loop of two.
var loopLengths = []int{4, 2, 1}

// visits folds counted loops. "abababc" becomes 3×ab, c. A block is not itself
// made of repeated shorter ones: "aaaa" is 4×a.
func visits(calls []Call, loops bool) []visit {
	ops := make([]rune, len(calls))
	for i, c := range calls {
		ops[i] = rune(c.Op + 1)
	}
	var out []visit
	for i := 0; i < len(ops); {
		n, rounds := 1, 1
		if loops {
			for _, length := range loopLengths {
				if i+length > len(ops) || length > 1 && periodic(ops[i:i+length]) {
					continue
				}
				r := 1
				for i+(r+1)*length <= len(ops) && slices.Equal(ops[i:i+length], ops[i+r*length:i+(r+1)*length]) {
					r++
				}
				if r > 1 && r*length > n*rounds {
					n, rounds = length, r
				}
			}
		}
		out = append(out, visit{string(ops[i : i+n]), rounds})
		i += n * rounds
	}
	return out
}

func periodic(block []rune) bool {
	for p := 1; p < len(block); p++ {
		if len(block)%p == 0 && slices.Equal(block[p:], block[:len(block)-p]) {
			return true
		}
	}
	return false
}

// minFirst: sessions that begin at a place where fewer begin are taken to begin
// where most do.
const minFirst = 0.02

// graphs makes a persona for each place where sessions begin: a journey has one
// first node.
func (m *Model) graphs(p scenarios.Persona, sessions []Session) []scenarios.Persona {
	walks := make([][]visit, len(sessions))
	firsts := map[string]int{}
	for i, s := range sessions {
		walks[i] = visits(s.Calls, m.Mode == Graph)
		firsts[walks[i][0].block]++
	}
	order := sortedKeys(firsts)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(firsts[b], firsts[a]) })
	for len(order) > 1 && float64(firsts[order[len(order)-1]]) < minFirst*float64(len(sessions)) {
		order = order[:len(order)-1]
	}
	begun := 0
	for _, first := range order {
		begun += firsts[first]
	}
	var out []scenarios.Persona
	for _, first := range order {
		q := p
		if len(order) > 1 {
			q.Name = p.Name + "_from_" + m.nodeName(first)
			q.Share = p.Share * float64(firsts[first]) / float64(begun)
			m.Notes["persona "+q.Name] = fmt.Sprintf("%d sessions", firsts[first])
		}
		q.Journey = m.journey(first, walks)
		out = append(out, q)
	}
	return out
}

// journey is the chain of the walks, with first in front; what can't be reached
// from there is left out.
func (m *Model) journey(first string, walks [][]visit) []scenarios.Node {
	to := map[string]map[string]float64{}
	rounds := map[string]map[int]float64{}
	for _, w := range walks {
		for i, v := range w {
			if to[v.block] == nil {
				to[v.block], rounds[v.block] = map[string]float64{}, map[int]float64{}
			}
			rounds[v.block][v.rounds]++
			next := "" // the end
			if i+1 < len(w) {
				next = w[i+1].block
			}
			to[v.block][next]++
		}
	}
	var nodes []scenarios.Node
	queue, seen := []string{first}, map[string]bool{first: true}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		n := scenarios.Node{Name: m.nodeName(at)}
		if ops := []rune(at); len(ops) == 1 {
			n.Endpoint = m.log.Ops[ops[0]-1].Name
		} else {
			for _, op := range ops {
				n.Sequence = append(n.Sequence, m.log.Ops[op-1].Name)
			}
		}
		n.Repeat = choice(rounds[at])
		sum := 0.0
		for _, v := range to[at] {
			sum += v
		}
		next := sortedKeys(to[at])
		slices.SortStableFunc(next, func(a, b string) int { return cmp.Compare(to[at][b], to[at][a]) })
		for _, b := range next {
			name := scenarios.End
			if b != "" {
				name = m.nodeName(b)
				if !seen[b] {
					seen[b] = true
					queue = append(queue, b)
				}
			}
			n.To = append(n.To, scenarios.Edge{To: name, Share: to[at][b] / sum})
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// choice is the measured number of rounds; nil: always one.
func choice(rounds map[int]float64) *scenarios.Repeat {
	if len(rounds) == 1 && rounds[1] > 0 {
		return nil
	}
	sum := 0.0
	var ns []int
	for n, v := range rounds {
		sum += v
		ns = append(ns, n)
	}
	slices.Sort(ns)
	r := &scenarios.Repeat{}
	for _, n := range ns {
		r.Choice = append(r.Choice, scenarios.Rounds{N: n, Share: rounds[n] / sum})
	}
	return r
}

func (m *Model) nodeName(block string) string {
	var names []string
	for _, op := range block {
		names = append(names, m.log.Ops[op-1].Name)
	}
	if len(names) == 1 {
		return names[0]
	}
	return "loop_" + strings.Join(names, "_")
}
