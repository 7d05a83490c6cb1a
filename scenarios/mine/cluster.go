package mine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	maxPersonas = 8
	// clusterSample: kinds of users that do not show in so many sessions are too
	// rare to be kinds.
	clusterSample = 2_000
	// minSilhouette: below, what was found are not groups but parts of a cloud
	// (Kaufman and Rousseeuw, 1990: "no substantial structure").
	minSilhouette = 0.25
	// minPersona: a smaller share is a detail of another persona.
	minPersona = 0.01
)

// cluster tells kinds of users apart by which operations they used at all: how
// often says more about patience. It returns the persona of each session and
// how many there are.
//
// k-means on presence vectors, k by silhouette. In skeleton mode nothing but
// names and shares depends on it.
func (l *Log) cluster(rng *rand.Rand) (of []int, k int) {
	of = make([]int, len(l.Sessions))
	presence := make([][]float64, len(l.Sessions))
	for i, s := range l.Sessions {
		presence[i] = make([]float64, len(l.Ops))
		for _, c := range s.Calls {
			presence[i][c.Op] = 1
		}
	}
	if len(l.Sessions) < 50 {
		return of, 1
	}
	sample := presence
	if len(sample) > clusterSample {
		sample = nil
		for _, i := range rng.Perm(len(presence))[:clusterSample] {
			sample = append(sample, presence[i])
		}
	}
	var best [][]float64
	bestScore := minSilhouette
	for k := 2; k <= maxPersonas; k++ {
		centers, own := kMeans(sample, k, rng)
		if score := silhouette(sample, centers, own); score > bestScore+0.01 { // fewer, if it makes no difference
			best, bestScore = centers, score
		}
	}
	if best == nil {
		return of, 1
	}
	counts := make([]int, len(best))
	assign := func() {
		clear(counts)
		for i, p := range presence {
			of[i], _ = nearest(p, best)
			counts[of[i]]++
		}
	}
	for assign(); ; assign() {
		small := slices.IndexFunc(counts, func(n int) bool { return float64(n) < minPersona*float64(len(presence)) })
		if small < 0 || len(best) == 1 {
			break
		}
		best = slices.Delete(best, small, small+1)
		counts = counts[:len(best)]
	}
	return of, len(best)
}

func distance(a, b []float64) (sum float64) {
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}

func nearest(p []float64, centers [][]float64) (i int, second float64) {
	best := math.Inf(1)
	second = best
	for j, c := range centers {
		switch d := distance(p, c); {
		case d < best:
			i, best, second = j, d, best
		case d < second:
			second = d
		}
	}
	return i, second
}

// kMeans is Lloyd's algorithm from k-means++ seeds, the best of three.
func kMeans(points [][]float64, k int, rng *rand.Rand) (centers [][]float64, own []int) {
	best := math.Inf(1)
	for range 3 {
		c, o, cost := kMeansOnce(points, k, rng)
		if cost < best {
			centers, own, best = c, o, cost
		}
	}
	return centers, own
}

func kMeansOnce(points [][]float64, k int, rng *rand.Rand) (centers [][]float64, own []int, cost float64) {
	centers = append(centers, slices.Clone(points[rng.IntN(len(points))]))
	gap := make([]float64, len(points))
	for len(centers) < k {
		sum := 0.0
		for i, p := range points {
			j, _ := nearest(p, centers)
			gap[i] = distance(p, centers[j])
			sum += gap[i]
		}
		x, next := rng.Float64()*sum, 0
		for i := range gap {
			if x -= gap[i]; x < 0 {
				next = i
				break
			}
		}
		centers = append(centers, slices.Clone(points[next]))
	}
	own = make([]int, len(points))
	for round := range 50 {
		changed := round == 0
		cost = 0
		sizes := make([]float64, k)
		sums := make([][]float64, k)
		for j := range sums {
			sums[j] = make([]float64, len(points[0]))
		}
		for i, p := range points {
			j, _ := nearest(p, centers)
			changed = changed || own[i] != j
			own[i] = j
			cost += distance(p, centers[j])
			sizes[j]++
			for d, v := range p {
				sums[j][d] += v
			}
		}
		if !changed {
			break
		}
		for j := range centers {
			if sizes[j] == 0 {
				continue
			}
			for d := range centers[j] {
				centers[j][d] = sums[j][d] / sizes[j]
			}
		}
	}
	return centers, own, cost
}

// silhouette is the simplified one, with distances to the centers (Hruschka et
// al., 2004): the full one compares every pair.
func silhouette(points, centers [][]float64, own []int) float64 {
	sum := 0.0
	for i, p := range points {
		a := math.Sqrt(distance(p, centers[own[i]]))
		_, second := nearest(p, centers)
		if b := math.Sqrt(second); max(a, b) > 0 {
			sum += (b - a) / max(a, b)
		}
	}
	return sum / float64(len(points))
}

// personaNames calls each persona by the operation that tells most: used by
// many of its sessions and by few others.
func (l *Log) personaNames(of []int, k int) []string {
	if k == 1 {
		return []string{"user"}
	}
	with := make([][]float64, k) // sessions of the persona that used the operation
	size := make([]float64, k)
	all := make([]float64, len(l.Ops))
	for p := range with {
		with[p] = make([]float64, len(l.Ops))
	}
	for i, s := range l.Sessions {
		size[of[i]]++
		seen := map[int]bool{}
		for _, c := range s.Calls {
			if !seen[c.Op] {
				seen[c.Op] = true
				with[of[i]][c.Op]++
				all[c.Op]++
			}
		}
	}
	names := make([]string, k)
	taken := map[string]bool{}
	order := make([]int, k)
	for p := range order {
		order[p] = p
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(size[b], size[a]) })
	for _, p := range order {
		ops := make([]int, len(l.Ops))
		for i := range ops {
			ops[i] = i
		}
		lift := func(op int) float64 {
			others := float64(len(l.Sessions)) - size[p]
			return with[p][op]/size[p] - (all[op]-with[p][op])/max(1, others)
		}
		slices.SortStableFunc(ops, func(a, b int) int { return cmp.Compare(lift(b), lift(a)) })
		for _, op := range ops {
			if name := "uses_" + l.Ops[op].Name; !taken[name] {
				names[p], taken[name] = name, true
				break
			}
		}
		if names[p] == "" {
			names[p] = "user"
		}
	}
	for p, name := range names { // more personas than operations
		for n := 2; slices.Contains(names[:p], names[p]); n++ {
			names[p] = name + "_" + string(rune('0'+n))
		}
	}
	return names
}
