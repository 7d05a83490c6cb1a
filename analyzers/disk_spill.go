package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/digits"
)

// DiskSpill finds sorts and hashes that do not fit into work_mem.
var DiskSpill = &Analyzer{
	Name:  "disk-spill",
	Needs: []evidence.Kind{evidence.Statements},
	Run:   diskSpill,
	Doc: `sorts or hashes do not fit into memory and go to disk

Each sort, hash and aggregate of a statement may use work_mem (hashes twice as much,
hash_mem_multiplier). What is larger is written to temporary files and read again,
in several passes where it is much larger. It needs processors and disk, and it comes
back at every call.

How to confirm it by hand:

    EXPLAIN (ANALYZE, BUFFERS) SELECT …;   -- "Sort Method: external merge", "Batches: 8", temp read=… written=…
    SELECT calls, temp_blks_read, temp_blks_written, query
    FROM   pg_stat_statements ORDER BY temp_blks_written DESC LIMIT 10;
    SET log_temp_files = 0;                -- names each file and its statement

What to do: sort less (a LIMIT with an index in that order sorts nothing; select the
columns that are needed, and join them afterwards). Where the sort must be, raise
work_mem for the role or the one transaction that needs it: it is memory per sort and
session, not per server.

When it is wrong: the time is in what is read before the sort; only the part that went
through temporary files is counted here.`,
}

const (
	// spill: below a few blocks a spill is the end of a sort that nearly fitted.
	spill = 16
	// handled: the least part of all blocks that a statement handles which must
	// go through temporary files to be worth a change.
	handled = 0.2
)

func diskSpill(p *Pass) {
	for s := range p.ours() {
		all := s.Hit + s.Read + s.Temp
		if s.Temp/s.Calls < spill || s.Temp < handled*all {
			continue
		}
		// Reading or writing a block of a temporary file costs about what it costs
		// to find one in memory and look through its rows: both mostly copy 8 kB.
		part := s.Temp / all
		f := p.query(s, func(k capacity.Key) float64 { return part * is(k.Statement == s.ID) })
		memory := p.Run.Environment.Settings["work_mem"]
		f.Message = fmt.Sprintf("each call moves %s blocks to and from temporary files, %.0f %% of all blocks that it handles; %.1f calls a second",
			digits.Group(s.Temp/s.Calls), 100*part, s.Calls/float64(p.Window.Length))
		f.Exhibits = append([]Exhibit{{"temporary blocks written and read by one call", s.Temp / s.Calls, "blocks", "pg_stat_statements"}}, f.Exhibits...)
		f.Remedy = &Remedy{Title: "sort or group fewer and narrower rows, or raise work_mem for the role that sends it"}
		if memory != "" {
			f.Message += "; work_mem is " + memory
			f.Caveats = append(f.Caveats, "work_mem is the database's; the application may set another one for its sessions")
		}
		p.Report(f)
	}
}
