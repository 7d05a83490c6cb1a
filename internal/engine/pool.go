package engine

import (
	"math/rand/v2"
	"sync"
)

// A pool lends the values of an exclusive range: no two users who are active at
// once hold the same one.
type pool struct {
	mu   sync.Mutex
	free []int64
}

// newPool returns a pool of the values lo to hi that are of the draw's segment:
// processes that share a plan must not lend the same value either.
func newPool(lo, hi int64, d *draw) *pool {
	p := &pool{}
	for v := lo; v <= hi; v++ {
		if d.owns(int(v-lo) + 1) {
			p.free = append(p.free, v)
		}
	}
	return p
}

func (p *pool) take(r *rand.Rand) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return 0, false
	}
	last := len(p.free) - 1
	i := r.IntN(len(p.free))
	v := p.free[i]
	p.free[i] = p.free[last]
	p.free = p.free[:last]
	return v, true
}

func (p *pool) giveBack(v int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, v)
}
