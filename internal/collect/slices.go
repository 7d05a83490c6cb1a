package collect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// A slicer fills its part of a slice, and begins the next. A cut begins one, too.
type slicer interface {
	Slice(ctx context.Context, s *evidence.Slice) error
}

// Slice closes the running slice of every collector that has some into s. What
// can't be read is left out of s, and so is not known there.
func (s *Set) Slice(ctx context.Context, sl *evidence.Slice) {
	ctx, cancel := context.WithTimeout(ctx, cutTimeout)
	defer cancel()
	for _, r := range s.running {
		if c, ok := r.Running.(slicer); ok {
			_ = c.Slice(ctx, sl)
		}
	}
}

// A load is what of each statement goes into a slice, by queryid: calls,
// milliseconds, blocks hit and blocks read.
type load map[int64][4]float64

func (l load) add(id int64, v [4]float64) {
	sum := l[id]
	for i := range sum {
		sum[i] += v[i]
	}
	l[id] = sum
}

func (r *reading) load() load {
	l := make(load, len(r.rows))
	for e, v := range r.rows {
		c := &v.counters
		l.add(e.query, [4]float64{c[0], c[1], c[4], c[5]})
	}
	return l
}

// maxSliceStatements bounds a slice: that many with the most calls, and as many
// with the most seconds. An application has some hundred statements that matter,
// and six slices of 30 s with 100 each are 20 kB in the file.
const maxSliceStatements = 50

// Slice implements slicer.
func (s *statements) Slice(ctx context.Context, sl *evidence.Slice) error {
	last := s.sliced
	s.sliced = nil
	now := make(load, len(last))
	err := s.link.do(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, s.sliceSQL, s.database)
		if err != nil {
			return err
		}
		var id int64
		var v [4]float64
		_, err = pgx.ForEachRow(rows, []any{&id, &v[0], &v[1], &v[2], &v[3]}, func() error {
			now.add(id, v)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("read pg_stat_statements: %w", err)
	}
	s.sliced = now
	if last == nil {
		return nil
	}
	for id, v := range now {
		before := last[id]
		d := evidence.SliceStatement{
			ID: evidence.StatementID(id), Calls: v[0] - before[0], Seconds: (v[1] - before[1]) / 1e3,
			Blocks: v[2] + v[3] - before[2] - before[3],
		}
		// Backwards: it was evicted or reset.
		if own := s.texts[id]; !own && d.Calls > 0 && d.Seconds >= 0 && d.Blocks >= 0 {
			sl.Statements = append(sl.Statements, d)
		}
	}
	sl.Statements = busiest(sl.Statements)
	return nil
}

// busiest returns those with the most calls and those with the most seconds, by seconds.
func busiest(all []evidence.SliceStatement) []evidence.SliceStatement {
	by := func(of func(evidence.SliceStatement) float64) func(a, b evidence.SliceStatement) int {
		return func(a, b evidence.SliceStatement) int {
			return cmp.Or(cmp.Compare(of(b), of(a)), cmp.Compare(a.ID, b.ID))
		}
	}
	bySeconds := by(func(s evidence.SliceStatement) float64 { return s.Seconds })
	kept := map[evidence.SliceStatement]bool{}
	for _, order := range []func(a, b evidence.SliceStatement) int{by(func(s evidence.SliceStatement) float64 { return s.Calls }), bySeconds} {
		slices.SortFunc(all, order)
		for _, s := range all[:min(len(all), maxSliceStatements)] {
			kept[s] = true
		}
	}
	return slices.SortedFunc(maps.Keys(kept), bySeconds)
}
