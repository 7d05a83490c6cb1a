package reports

import (
	"io"
	"slices"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
)

// Beside writes two runs of the same load beside each other, before and after a
// change: what the system carries, and what the same users got in the step that
// the first run was judged by. Figures of a load that only one of the two had
// are dashes for the other.
func Beside(w io.Writer, before, after *Report) error {
	a, err := printable(before)
	if err != nil {
		return err
	}
	b, err := printable(after)
	if err != nil {
		return err
	}
	rows := [][]string{
		{"verdict", a.Verdict.word(), b.Verdict.word()},
		{"carries", a.level(), b.level()},
		{"breaks at", orNone(a.breaks()), orNone(b.breaks())},
		{"because of", orNone(a.cause()), orNone(b.cause())},
	}
	if s := before.Model.Step(); s != nil {
		t := sameLoad(after.Model, *s)
		if t == nil {
			t = &capacity.Step{}
		}
		rows = append(rows, []string{"with " + load(*s) + ":", "", ""})
		both := func(label string, of func(*capacity.Step) string) {
			rows = append(rows, []string{"  " + label, of(s), of(t)})
		}
		both("answered", func(s *capacity.Step) string { return rate(positive(s.Throughput)) })
		both("p95 of all requests", func(s *capacity.Step) string { return seconds(positive(s.Latency.P95)) })
		if f := before.Bottleneck; f != nil && f.Subject.Endpoint != "" {
			both("p95 of "+clean(f.Subject.Endpoint, longest), func(s *capacity.Step) string { return p95(s, f.Subject.Endpoint) })
		}
		for _, p := range s.Paths {
			both("p95 of "+clean(p.Name, longest), func(s *capacity.Step) string { return pathP95(s, p.Name) })
		}
		both("PostgreSQL's processor time a request", func(s *capacity.Step) string {
			return seconds(ratio(s.CPU.Postgres, s.Throughput))
		})
	}
	return table(w, []column{{"", false, 60, true}, {"before", true, 0, false}, {"after", true, 0, false}}, rows)
}

// level is what the system carries, in short.
func (d *document) level() string {
	if d.Capacity.RPS > 0 {
		return level(d.Capacity.Users, d.Capacity.Sessions, d.Capacity.RPS)
	}
	return "not even the first step"
}

// cause names the bottleneck by its analyzer; empty where nothing is named.
func (d *document) cause() string {
	if d.Bottleneck == nil {
		return ""
	}
	return d.Bottleneck.Cause
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// sameLoad returns the step in which as much was offered as in s.
func sameLoad(m *capacity.Model, s capacity.Step) *capacity.Step {
	i := slices.IndexFunc(m.Steps, func(t capacity.Step) bool { return t.Users == s.Users && t.Rate == s.Rate })
	if i < 0 {
		return nil
	}
	return &m.Steps[i]
}

func p95(s *capacity.Step, endpoint string) string {
	for _, e := range s.Endpoints {
		if e.Name == endpoint {
			return seconds(positive(e.Latency.P95))
		}
	}
	return none
}

func pathP95(s *capacity.Step, path string) string {
	for _, p := range s.Paths {
		if p.Name == path {
			return seconds(positive(p.Latency.P95))
		}
	}
	return none
}
