package scenarios

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (f *file) data(n *yaml.Node) {
	f.entries(n, "data", func(k, v *yaml.Node) {
		what := "data " + k.Value
		if !isName(k.Value) {
			f.bad(k, "%s: a name has letters, digits, _, - and dots between them", what)
		}
		f.node[what] = k
		d := Source{Name: k.Value}
		kinds := 0
		var feed, column *yaml.Node
		f.fields(v, what,
			field{"range", func(n *yaml.Node) {
				kinds++
				if lo, hi, ok := f.pair(n, what+" range"); ok {
					d.Range = &[2]int64{lo, hi}
				}
			}},
			field{"choice", func(n *yaml.Node) {
				kinds++
				f.list(n, what+" choice", func(n *yaml.Node) { d.Choice = append(d.Choice, f.text(n, what+" choice")) })
				if len(d.Choice) == 0 {
					f.bad(n, "%s: nothing to choose from", what)
				}
			}},
			field{"feed", func(n *yaml.Node) { kinds++; feed = n }},
			field{"column", func(n *yaml.Node) { column = n }},
			field{"text", func(n *yaml.Node) { kinds++; d.Text = f.template(n, what) }},
			field{"unique", func(n *yaml.Node) {
				kinds++
				if d.Unique = f.template(n, what); !strings.Contains(d.Unique, "${unique}") {
					f.bad(n, "%s: a unique text has ${unique} in it", what)
				}
			}},
			field{"words", func(n *yaml.Node) {
				kinds++
				if lo, hi, ok := f.pair(n, what+" words"); ok && (lo < 1 || hi > 10000) {
					f.bad(n, "%s: want 1 to 10000 words", what)
				} else if ok {
					d.Words = &[2]int{int(lo), int(hi)}
				}
			}},
			field{"fill_in", func(n *yaml.Node) { kinds++; f.fillIn(n, what) }},
			field{"draw", func(n *yaml.Node) {
				switch f.text(n, what+" draw") {
				case "exclusive":
					d.Exclusive = true
				case "random":
				default:
					f.bad(n, "%s draw: want random or exclusive, have %s", what, kindOf(n))
				}
			}},
			field{"per", func(n *yaml.Node) {
				switch f.text(n, what+" per") {
				case "request":
					d.PerRequest = true
				case "session":
				default:
					f.bad(n, "%s per: want session or request, have %s", what, kindOf(n))
				}
			}},
			field{"popularity", func(n *yaml.Node) { d.Popularity = f.popularity(n, what+" popularity") }},
			field{"locality", func(n *yaml.Node) {
				if d.Locality = f.share(n, what+" locality"); d.Locality == 1 {
					f.bad(n, "%s locality: a value that never changes is one per session", what)
				}
			}},
		)
		if kinds != 1 {
			f.bad(k, "%s: want one of range, choice, feed, text, unique and words", what)
		}
		var columns []Source
		if feed != nil {
			columns = f.feed(feed, column, &d, what)
		} else if column != nil {
			f.bad(column, "%s: column is one of a feed", what)
		}
		f.checkDraw(k, &d, what)
		f.s.Data = append(f.s.Data, d)
		for _, c := range columns {
			if f.node["data "+c.Name] != nil {
				f.bad(k, "data %s: a column of the feed has this name already", c.Name)
				continue
			}
			f.node["data "+c.Name] = k
			f.s.Data = append(f.s.Data, c)
		}
	})
}

// checkDraw: how values are drawn must fit what they are drawn from.
func (f *file) checkDraw(k *yaml.Node, d *Source, what string) {
	values := d.Range != nil || len(d.Choice) > 0
	popular := d.Popularity.Zipf != 0 || d.Popularity.Newest != 0 || d.Popularity.Weights != nil
	switch {
	case d.Exclusive && (d.Range == nil || d.PerRequest):
		f.bad(k, "%s: only a range or the rows of a feed, drawn per session, can be exclusive", what)
	case d.Exclusive && popular:
		f.bad(k, "%s: what each user holds alone has no popularity", what)
	case popular && !values:
		f.bad(k, "%s: popularity is of range, choice and feed", what)
	case d.Popularity.Weights != nil && len(d.Popularity.Weights) != len(d.Choice):
		f.bad(k, "%s: %d weights for %d values of choice", what, len(d.Popularity.Weights), len(d.Choice))
	case d.Locality > 0 && (!d.PerRequest || !values):
		f.bad(k, "%s: locality is of range, choice and feed with per: request", what)
	}
}

// feed reads a CSV file into d: one column into its choice, or else every column
// into a source of its own, with d the number of their common row.
func (f *file) feed(n, column *yaml.Node, d *Source, what string) (columns []Source) {
	names, rows := f.table(n, what)
	if len(rows) == 0 {
		d.Range = &[2]int64{1, 1} // reported
		return nil
	}
	values := func(i int) []string {
		all := make([]string, len(rows))
		for k, row := range rows {
			all[k] = row[i]
		}
		return all
	}
	if column != nil {
		i := slices.Index(names, f.text(column, what+" column"))
		if i < 0 {
			f.bad(column, "%s: %s has no column %s%s", what, n.Value, kindOf(column), didYouMean(column.Value, names))
			i = 0
		}
		d.Choice = values(i)
		return nil
	}
	d.Range = &[2]int64{1, int64(len(rows))}
	for i, name := range names {
		c := Source{Name: d.Name + "." + name, Choice: values(i), Row: d.Name}
		if !isName(name) || slices.Contains(names[:i], name) {
			f.badAt(place{n.Value, 1}, "%s: column %s: want a name with letters, digits, _, - and dots between them, once each", what, strconv.Quote(name))
		}
		columns = append(columns, c)
	}
	return columns
}

func (f *file) popularity(n *yaml.Node, what string) Popularity {
	var p Popularity
	kinds := 0
	exponent := func(n *yaml.Node) float64 {
		kinds++
		v := f.positive(n, what)
		if v > 10 {
			f.bad(n, "%s: the exponent is usually 0.5 to 1.5", what)
		}
		return v
	}
	f.fields(n, what,
		field{"zipf", func(n *yaml.Node) { p.Zipf = exponent(n) }},
		field{"newest", func(n *yaml.Node) { p.Newest = exponent(n) }},
		field{"weights", func(n *yaml.Node) {
			kinds++
			p.Weights = []float64{}
			sum := 0.0
			f.list(n, what+" weights", func(n *yaml.Node) {
				w, err := strconv.ParseFloat(n.Value, 64)
				if n.Kind != yaml.ScalarNode || err != nil || !(w >= 0 && w < 1e12) {
					f.bad(n, "%s: want a weight, have %s", what, kindOf(n))
				}
				sum += w
				p.Weights = append(p.Weights, w)
			})
			if !(sum > 0) {
				f.bad(n, "%s: the weights sum to 0", what)
			}
		}},
	)
	if kinds != 1 {
		f.bad(n, "%s: want one of zipf, newest and weights", what)
	}
	return p
}

// pair reads [lo, hi].
func (f *file) pair(n *yaml.Node, what string) (lo, hi int64, ok bool) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		f.bad(n, "%s: want [lowest, highest], have %s", what, kindOf(n))
		return 0, 0, false
	}
	before := len(f.problems)
	lo, hi = f.integer(n.Content[0], what), f.integer(n.Content[1], what)
	if len(f.problems) > before {
		return 0, 0, false
	}
	if lo > hi || lo < -1<<53 || hi > 1<<53 {
		f.bad(n, "%s: [%d, %d] holds nothing, or too much", what, lo, hi)
		return 0, 0, false
	}
	return lo, hi, true
}
