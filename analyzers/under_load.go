package analyzers

import (
	"fmt"
	"math"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

const (
	// differs: calls under load that are further than this from the lonely request's
	// are another behaviour. Users of the load are not the probe's: lists that are a
	// quarter longer are nothing.
	differs = 0.25
	// agrees: an interval that is wider than a factor of two agrees with anything.
	agrees = 2
)

// underLoad holds what a finding takes from the isolation probe, how often a request
// of its endpoint sends its statement, against the load: the probe's requests were
// alone and few. It says nothing where the slices of the load can't tell.
func underLoad(r *evidence.Run, f *Finding) {
	i := slices.IndexFunc(r.Footprints, func(p evidence.Footprint) bool { return p.Endpoint == f.Subject.Endpoint })
	if i < 0 {
		return
	}
	j := slices.IndexFunc(r.Footprints[i].Statements, func(s evidence.FootprintStatement) bool { return s.ID == f.Subject.Statement })
	if j < 0 {
		return
	}
	alone := capacity.Alone(r.Footprints[i].Statements[j])
	load, err := capacity.UnderLoad(r, f.Subject.Endpoint, f.Subject.Statement)
	if err != nil || alone.Calls == 0 {
		return
	}
	ratio := load.Calls / alone.Calls
	least, most := load.Low/alone.High, math.Inf(1)
	if alone.Low > 0 {
		most = load.High / alone.Low
	}
	figures := fmt.Sprintf("under load a request of %s sends it %.1f times (%.1f to %.1f), alone %.1f times",
		f.Subject.Endpoint, load.Calls, load.Low, load.High, alone.Calls)
	switch {
	case least > 1+differs:
		f.Caveats = append(f.Caveats, figures+": retries, misses of a cache that was warm when it was alone, or users with more rows")
	case most < 1-differs:
		f.Caveats = append(f.Caveats, figures+": a cache that is warm under load, requests that end early, or users with fewer rows")
	case math.Abs(ratio-1) <= differs && least > 1.0/agrees && most < agrees:
		f.Exhibits = append(f.Exhibits, Exhibit{"calls of the statement in one request under load", load.Calls, "",
			fmt.Sprintf("non-negative least squares over %d slices", load.N)})
	}
}
