package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// DeepOffset finds pages that are reached by counting through all pages before.
var DeepOffset = &Analyzer{
	Name:  "deep-offset",
	Needs: []evidence.Kind{evidence.Statements},
	Run:   deepOffset,
	Doc: `pages are reached by reading all pages before them

OFFSET 20000 LIMIT 20 reads 20,020 rows and throws 20,000 away. The first page, which
everybody tries, is fast; the cost grows with the page number and with the table, and
a crawler or an export that turns all pages pays the square.

How to confirm it by hand: compare

    EXPLAIN (ANALYZE, BUFFERS) SELECT … ORDER BY … LIMIT 20 OFFSET 0;
    EXPLAIN (ANALYZE, BUFFERS) SELECT … ORDER BY … LIMIT 20 OFFSET 20000;

What to do: continue where the last page ended (keyset pagination): remember its last
sort key and ask WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC
LIMIT 20, with an index on these columns. Where page numbers must be, let them end:
nobody reads page 500.

When it is wrong: the rows are read for another reason, such as a filter without an
index, and the offset is always small.`,
}

// passed: rows cost at most a block each and a page of an index a few more. Ten
// times what the returned rows can cost were passed over.
const passed = 10

func deepOffset(p *Pass) {
	unindexed := map[string]bool{}
	for s := range p.scans() {
		if len(s.cols.equal) > 0 && !served(s.table, s.cols) {
			unindexed[s.ID] = true // MissingIndex says so
		}
	}
	for s := range p.ours() {
		rows, blocks := s.Rows/s.Calls, (s.Hit+s.Read)/s.Calls
		text := p.words(s.ID)
		if !skips(text) || unindexed[s.ID] || blocks < minPages || blocks < passed*(rows+passed) {
			continue
		}
		f := p.query(s, statement(s.ID))
		f.Message = fmt.Sprintf("each call touches %s blocks to return %.1f rows: OFFSET reads what it passes over; %.0f calls a second",
			digits.Group(blocks), rows, s.Calls/float64(p.Window.Length))
		if least, most := blocksByWindow(p.Run.Measured(), s.ID); most > 1.5*least {
			f.Exhibits = append(f.Exhibits, Exhibit{"blocks by one call, in the lightest window", least, "blocks", "pg_stat_statements"},
				Exhibit{"blocks by one call, in the heaviest window", most, "blocks", "pg_stat_statements"})
		}
		f.Remedy = &Remedy{Title: "keyset pagination: WHERE (sort key) < (last one seen) instead of OFFSET, with an index on the sort key"}
		f.Caveats = []string{"the offsets themselves are not in the evidence: values never are"}
		p.Report(f)
	}
}

// blocksByWindow returns the least and the most blocks that a call of the
// statement touched, on average over a window.
func blocksByWindow(ws []evidence.Window, id string) (least, most float64) {
	for _, w := range ws {
		for _, s := range w.Statements {
			if s.ID != id || s.Nested || s.Calls < 1 {
				continue
			}
			blocks := (s.Hit + s.Read) / s.Calls
			if least == 0 || blocks < least {
				least = blocks
			}
			most = max(most, blocks)
		}
	}
	return least, most
}
