package mine

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
)

// maxOptions: a number in a query with so few values (page, size) is drawn from
// them as they came, not from a range.
const maxOptions = 50

// minOption: an option that fewer requests had may be somebody's slip.
const minOption = 3

// data says where the values of variables come from.
func (m *Model) data(rec *recorded, rng *rand.Rand) {
	used := make([]bool, len(m.log.Vars))
	for _, op := range m.log.Ops {
		for _, x := range op.Vars {
			used[x] = true
		}
	}
	for x := range m.log.Vars {
		v := &m.log.Vars[x]
		if used[x] && !rec.extracted[v.Name] {
			m.Scenario.Data = append(m.Scenario.Data, m.source(x, rng))
		}
	}
	m.Scenario.Data = append(m.Scenario.Data, rec.data...)
	for op, columns := range rec.feeds {
		m.Blanks["data "+op] = fmt.Sprintf("credentials and what else is one user's are never taken from a recording: "+
			"give feed: FILE.csv with the columns %s, then delete this line", strings.Join(columns, ", "))
		m.feeds[op] = columns
	}
	slices.SortStableFunc(m.Scenario.Data, func(a, b scenarios.Source) int { return cmp.Compare(a.Name, b.Name) })
}

const giveFeed = "give choice or a feed, then delete this line"

// source describes one variable.
func (m *Model) source(x int, rng *rand.Rand) scenarios.Source {
	v := &m.log.Vars[x]
	what := "data " + v.Name
	d := scenarios.Source{Name: v.Name, PerRequest: m.Mode != Skeletons || !v.identifies()}
	counts, firsts, keeps := m.log.uses(x)
	switch {
	case v.Secret:
		m.Blanks[what] = "looks like a secret, and was not kept: " + giveFeed
	case v.query && v.text != nil && v.text.few != nil && !v.Number && v.text.enough():
		for _, s := range sortedKeys(v.text.few) {
			if n := v.text.few[s]; n >= minOption {
				d.Choice = append(d.Choice, s)
				d.Popularity.Weights = append(d.Popularity.Weights, float64(n))
			}
		}
		m.Notes[what] = fmt.Sprintf("%d requests", v.text.n)
	case v.Number && v.query && !v.identifies() && len(counts) <= maxOptions:
		var ns []int64
		for value := range counts {
			ns = append(ns, value.N)
		}
		slices.Sort(ns)
		for _, n := range ns {
			d.Choice = append(d.Choice, strconv.FormatInt(n, 10))
			d.Popularity.Weights = append(d.Popularity.Weights, float64(counts[Value{n, true}]))
		}
	case v.Number:
		m.numbered(&d, counts, firsts, rng)
	case v.query:
		words := 1
		if v.text != nil {
			words = min(10, max(1, v.text.max))
		}
		d.Words = &[2]int{1, words}
		m.Notes[what] = "texts of users; drawn anew, none was kept"
	default:
		m.Blanks[what] = fmt.Sprintf("identifiers of the kind %s can't be invented (%d seen): %s", kindNames[v.kind], len(counts), giveFeed)
	}
	if m.Blanks[what] != "" {
		// Something that no one will take for the real thing, so that sessions can
		// be drawn; Write leaves it out.
		d.Choice = []string{"fill-in"}
	}
	if d.PerRequest && v.identifies() && m.Mode != Skeletons {
		d.Locality = math.Round(100*keeps) / 100
	}
	return d
}

func (t *textStats) enough() bool {
	for _, n := range t.few {
		if n >= minOption {
			return true
		}
	}
	return false
}

// uses returns how many requests used each value of x, how many sessions took it
// up, and how often a session's next use was of the same value.
func (l *Log) uses(x int) (counts, firsts map[Value]int, keeps float64) {
	counts, firsts = map[Value]int{}, map[Value]int{}
	again, next := 0, 0
	for _, s := range l.Sessions {
		seen := map[Value]bool{}
		var last *Value
		for _, c := range s.Calls {
			for i := range c.Values {
				if l.Ops[c.Op].Vars[i] != x {
					continue
				}
				v := &c.Values[i]
				counts[*v]++
				if !seen[*v] {
					seen[*v] = true
					firsts[*v]++
				}
				if last != nil {
					if next++; *last == *v {
						again++
					}
				}
				last = v
			}
		}
	}
	return counts, firsts, float64(again) / float64(max(1, next))
}

// sparse: with fewer identifiers in use than this part of their range, most of
// those that are drawn will not exist.
const sparse = 0.02

// numbered makes a range with a popularity.
func (m *Model) numbered(d *scenarios.Source, counts, firsts map[Value]int, rng *rand.Rand) {
	what := "data " + d.Name
	lo, hi := int64(math.MaxInt64), int64(0)
	for v := range counts {
		lo, hi = min(lo, v.N), max(hi, v.N)
	}
	d.Range = &[2]int64{lo, hi}
	p := popularity(firsts)
	m.Notes[what] = fmt.Sprintf("%d sessions took up %d different ones; the top 1%% have %.1f%%", p.draws, len(firsts), 100*p.top)
	if density := float64(len(counts)) / float64(hi-lo+1); density < sparse {
		m.Notes[what] += fmt.Sprintf("; only %.2g%% of this range were seen: do the others exist?", 100*density)
	}
	if s := fitZipf(*d, p, rng); s > 0.05 {
		d.Popularity.Zipf = s
	}
}

// A Popular is how unevenly values are used.
type Popular struct {
	draws int
	top   float64 // share of the top 1 % of the values
	Slope float64 // exponent of Zipf's law by maximum likelihood over the ranks
}

func popularity(counts map[Value]int) Popular {
	var ns []int
	p := Popular{}
	for _, n := range counts {
		ns = append(ns, n)
		p.draws += n
	}
	slices.SortFunc(ns, func(a, b int) int { return b - a })
	if len(ns) == 0 {
		return p
	}
	for _, n := range ns[:(len(ns)+99)/100] {
		p.top += float64(n) / float64(p.draws)
	}
	p.Slope = slope(ns)
	return p
}

// slope maximizes the likelihood of counts by rank under k^-s: the s at which
// the mean of ln k over the draws is what the law expects.
func slope(counts []int) float64 {
	var seen, draws float64
	logs := make([]float64, len(counts))
	for i, n := range counts {
		logs[i] = math.Log(float64(i + 1))
		seen += float64(n) * logs[i]
		draws += float64(n)
	}
	seen /= draws
	lo, hi := 0.0, 4.0
	for range 30 {
		s := (lo + hi) / 2
		var h, hl float64
		for _, l := range logs {
			w := math.Exp(-s * l)
			h += w
			hl += w * l
		}
		if hl/h > seen {
			lo = s
		} else {
			hi = s
		}
	}
	return (lo + hi) / 2
}

// maxDraws bound what a fit simulates.
const maxDraws = 20_000

// fitZipf returns the exponent from which as many draws look like the log's.
// Ranks are those of the counts themselves, and the rare values of a range are
// not seen at all: the slope that is seen is not the exponent. (Indirect
// inference: Gouriéroux, Monfort and Renault, 1993.)
func fitZipf(d scenarios.Source, p Popular, rng *rand.Rand) float64 {
	if p.draws < 50 || d.Range[0] == d.Range[1] {
		return 0
	}
	seed := rng.Uint64()
	look := func(s float64) float64 {
		d.Popularity.Zipf = s
		law := d.Law()
		r := rand.New(rand.NewPCG(seed, 1)) // the same numbers each time: the difference is that of s
		sum := 0.0
		rounds := max(1, min(5, maxDraws/p.draws))
		for range rounds {
			counts := map[Value]int{}
			for range min(p.draws, maxDraws) {
				counts[Value{law.Draw(r), true}]++
			}
			sum += popularity(counts).Slope / float64(rounds)
		}
		return sum
	}
	lo, hi := 0.0, 3.0
	for range 10 {
		s := (lo + hi) / 2
		if look(s) < p.Slope {
			lo = s
		} else {
			hi = s
		}
	}
	return math.Round(1000*(lo+hi)/2) / 1000
}
