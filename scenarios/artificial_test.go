package scenarios

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The artificial load of every built-in scenario can be walked, asks for each
// page as often as for the others, and thinks about none.
func TestArtificial(t *testing.T) {
	for _, name := range Builtins() {
		s, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		a := s.Artificial()
		m, err := NewModel(a)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		counts := make([]float64, len(a.Endpoints))
		r := rand.New(rand.NewPCG(1, 1))
		const sessions = 4000
		for range sessions {
			for _, move := range m.Session(0, r) {
				if move.Think > 0 {
					t.Fatalf("%s: somebody thinks for %v s", name, move.Think)
				}
				if move.Endpoint >= 0 {
					counts[move.Endpoint]++
				}
			}
		}
		who := a.Personas[0]
		var low, high float64 = math.Inf(1), 0
		for i, n := range counts {
			if endpoint := a.Endpoints[i].Name; !slices.Contains(who.Start, endpoint) && endpoint != who.Journey[0].Name {
				low, high = min(low, n), max(high, n)
			}
		}
		// A page that needs what another one shows can be opened only after it. In
		// sessions of a dozen requests that costs it some of its share.
		if len(a.Personas) != 1 || low < sessions/4 || high > 4*low {
			t.Errorf("%s: between %v and %v requests of a page in %d sessions", name, low, high, sessions)
		}
	}
}
