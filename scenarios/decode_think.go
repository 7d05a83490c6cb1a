package scenarios

import (
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

func (f *file) thinkTimes(n *yaml.Node) {
	names := map[string]*yaml.Node{}
	f.entries(n, "think", func(k, v *yaml.Node) {
		if v.Kind == yaml.ScalarNode { // default: glance
			names[k.Value] = v
			return
		}
		f.thinks[k.Value] = f.thinkTime(v)
	})
	for name, n := range names {
		f.thinks[name] = f.think(n)
	}
}

// think reads a think time in place, or the name of one.
func (f *file) think(n *yaml.Node) *Think {
	if n.Kind != yaml.ScalarNode {
		return f.thinkTime(n)
	}
	if t := f.thinks[n.Value]; t != nil {
		return t
	}
	f.bad(n, "think: there is no %s%s", kindOf(n), didYouMean(n.Value, slices.Sorted(maps.Keys(f.thinks))))
	return &Think{} // reported once
}

func (f *file) thinkTime(n *yaml.Node) *Think {
	t := &Think{}
	kinds := 0
	f.fields(n, "think",
		field{"const", func(n *yaml.Node) { kinds++; t.Const = f.duration(n, "const") }},
		field{"exponential", func(n *yaml.Node) {
			kinds++
			if n.Kind == yaml.ScalarNode {
				t.Mean = f.nonZero(n, "exponential")
				return
			}
			f.fields(n, "exponential",
				field{"mean", func(n *yaml.Node) { t.Mean = f.nonZero(n, "mean") }},
				field{"max", func(n *yaml.Node) { t.Max = f.nonZero(n, "max") }},
			)
			if t.Mean == 0 {
				f.bad(n, "exponential: mean is missing")
			}
		}},
		field{"lognormal", func(n *yaml.Node) {
			kinds++
			f.fields(n, "lognormal",
				field{"median", func(n *yaml.Node) { t.Median = f.nonZero(n, "median") }},
				field{"sigma", func(n *yaml.Node) {
					// Beyond 4 the mean is thousands of medians: a typing error.
					if t.Sigma = f.positive(n, "sigma"); t.Sigma > 4 {
						f.bad(n, "lognormal: sigma is that of the logarithm, usually 0.5 to 1.5")
					}
				}},
				field{"max", func(n *yaml.Node) { t.Max = f.nonZero(n, "max") }},
			)
			if t.Median == 0 || t.Sigma == 0 {
				f.bad(n, "lognormal: want median and sigma")
			}
		}},
		field{"empirical", func(n *yaml.Node) { kinds++; t.Quantiles = f.empirical(n) }},
		field{"quantiles", func(n *yaml.Node) {
			kinds++
			f.list(n, "quantiles", func(n *yaml.Node) { t.Quantiles = append(t.Quantiles, f.seconds(n, "quantiles")) })
			if len(t.Quantiles) < 2 || !slices.IsSorted(t.Quantiles) {
				f.bad(n, "quantiles: want two or more, from the lowest to the highest")
			}
		}},
	)
	if kinds != 1 {
		f.bad(n, "think: want one of const, exponential, lognormal, empirical and quantiles")
	}
	return t
}

// empirical reads measured think times, in place or one a line of a file.
func (f *file) empirical(n *yaml.Node) []Seconds {
	var all []Seconds
	if n.Kind == yaml.SequenceNode {
		f.list(n, "empirical", func(n *yaml.Node) { all = append(all, f.seconds(n, "empirical")) })
	} else {
		wrong := 0
		f.lines(n, "empirical", func(at place, line string) bool {
			v, ok := parseSeconds(line)
			if !ok {
				f.badAt(at, "empirical: want seconds or a duration such as 2.5 or 250ms, have %q", shorten(line))
				wrong++
			}
			all = append(all, v)
			return wrong < enough
		})
	}
	if len(all) < 2 {
		f.bad(n, "empirical: want two measured times or more")
	}
	return Quantiles(all)
}

func (f *file) nonZero(n *yaml.Node, what string) Seconds {
	v := f.duration(n, what)
	if v == 0 {
		f.bad(n, "%s: want more than 0s", what)
	}
	return v
}

// between reads "dashboard > course": read.
func (f *file) between(n *yaml.Node) {
	f.entries(n, "between", func(k, v *yaml.Node) {
		b, ok := parseBetween(k.Value)
		if !ok {
			f.bad(k, `between: want "FROM > TO": two endpoints, have %q`, k.Value)
			return
		}
		b.Think = *f.think(v)
		f.node["between "+b.From+" "+b.To] = k
		if slices.ContainsFunc(f.s.Between, func(o Between) bool { return o.From == b.From && o.To == b.To }) {
			f.bad(k, "between: %s > %s is there twice", b.From, b.To)
		}
		f.s.Between = append(f.s.Between, b)
	})
}
