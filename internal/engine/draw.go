package engine

import (
	"math"
	"math/rand/v2"
	"sync"

	"github.com/scalecheck/scalecheck/scenarios"
)

// A draw gives sessions their numbers and personas. Every process that shares a
// plan makes the same draw, and walks those sessions that fall into its segment.
type draw struct {
	mu       sync.Mutex
	shares   []float64
	given    []float64 // sessions that each persona has had
	n        int       // sessions drawn
	from, to float64
}

func newDraw(personas []scenarios.Persona, segment [2]float64) *draw {
	d := &draw{given: make([]float64, len(personas)), from: segment[0], to: segment[1]}
	if segment == [2]float64{} {
		d.to = 1
	}
	sum := 0.0
	for _, p := range personas {
		sum += p.Share
	}
	for _, p := range personas {
		d.shares = append(d.shares, p.Share/sum)
	}
	return d
}

// next returns number and persona of the next session of all processes.
//
// Stratified: after n sessions each persona has had its share of n, give or
// take less than one. (A random draw of 100 sessions gives a persona of 5 %
// between 1 and 10.) The rule is Tijdeman's for the chairman assignment
// problem (Discrete Mathematics 32, 1980): of those who are due, the one whose
// turn would be over soonest.
func (d *draw) next() (number, persona int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.step()
}

func (d *draw) step() (number, persona int) {
	d.n++
	k := float64(len(d.shares))
	slack := 1.0
	if k > 1 {
		slack = 1 / (2*k - 2)
	}
	best, at := math.Inf(1), -1
	for i, share := range d.shares {
		due := share*float64(d.n) - d.given[i]
		if share <= 0 || due < slack-1e-9 {
			continue
		}
		if deadline := (1 - slack - due) / share; deadline < best-1e-9 {
			best, at = deadline, i
		}
	}
	if at < 0 { // rounding errors only: somebody is always due
		at = d.n % len(d.shares)
	}
	d.given[at]++
	return d.n, at
}

// nextOwn returns the next session of this process's segment. Numbers begin
// after the given one.
func (d *draw) nextOwn(after int) (number, persona int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if n, p := d.step(); d.owns(after + n) {
			return after + n, p
		}
	}
}

// owns reports whether session n is of this process's segment. The multiples of
// the golden ratio fall evenly into the unit interval, any prefix of them, so
// that each segment gets its share of any number of users.
func (d *draw) owns(n int) bool {
	_, at := math.Modf((float64(n) - 0.5) * (math.Phi - 1))
	return d.from < at && at <= d.to || at == 0 && d.from == 0
}

// share returns the part of the users that this process walks.
func (d *draw) share() float64 { return d.to - d.from }

// stream returns the random numbers of one session: the same for the same seed
// and session, whatever other sessions do.
func stream(seed int64, session int) *rand.Rand {
	return rand.New(rand.NewPCG(mix(uint64(seed)), mix(uint64(session)+0x9e3779b97f4a7c15)))
}

// mix is the finaliser of splitmix64: neighbouring seeds become unrelated ones.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
