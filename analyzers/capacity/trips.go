package capacity

import (
	"math"
	"slices"

	"github.com/scalecheck/scalecheck/evidence"
)

// Trips returns how many statements a request that is alone sends, and how long it
// is neither in the database nor on the app's processors, in seconds. A statement that
// came with some of the requests only may be anybody's.
func Trips(f evidence.Footprint) (n, away float64) {
	away = f.Seconds - f.DBSeconds - f.AppCPU
	for _, s := range f.Statements {
		if !slices.ContainsFunc(s.Each, func(sent evidence.Sent) bool { return sent.Calls == 0 }) {
			n += s.Calls
		}
	}
	return n, max(0, away)
}

// RoundTrip returns the most that one way to the database and back can take, in
// seconds: what the lonely requests of the endpoint that is away least leave for each
// of its statements. The way is the same for all, so what another endpoint is away
// beyond that is no way. Endpoints with calls elsewhere do not count, since whose wait
// these are is not sure. 0 where none is left that sends anything.
func RoundTrip(fs []evidence.Footprint) float64 {
	least := math.Inf(1)
	for _, f := range fs {
		if n, away := Trips(f); n >= 1 && len(f.Calls) == 0 {
			least = min(least, away/n)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

// trips adds the time that requests are on the way to the database and back.
func (b *builder) trips() {
	way := RoundTrip(b.run.Footprints)
	for _, e := range sorted(b.feet) {
		n, _ := Trips(b.feet[e])
		room := max(0, b.inFlight[e]-b.spent[e])
		b.add(Key{Class: ClassNetwork, Endpoint: e}, min(room, b.rate[e]*n*way))
	}
}
