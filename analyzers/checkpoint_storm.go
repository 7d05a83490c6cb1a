package analyzers

import (
	"fmt"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// CheckpointStorm finds servers that checkpoint because their log is too small.
var CheckpointStorm = &Analyzer{
	Name:  "checkpoint-storm",
	Needs: []evidence.Kind{evidence.Server},
	Run:   checkpointStorm,
	Doc: `checkpoints come much more often than planned

A checkpoint writes all changed pages to the data files. Planned ones come every five
minutes and take their time. When the log since the last one reaches max_wal_size, or
somebody runs CHECKPOINT, one comes at once, and after each the first change of every
page writes the whole page into the log (full_page_writes). So the more checkpoints,
the more log, and the sooner the next one is due: commits wait for a disk that is busy
with pages.

How to confirm it by hand, twice, a minute apart:

    SELECT * FROM pg_stat_checkpointer;    -- pg_stat_bgwriter before version 17
    SELECT wal_records, wal_fpi, wal_bytes FROM pg_stat_wal;

and log_checkpoints, on by default since version 15, says why each one came.

What to do: raise max_wal_size until checkpoints come by the clock (an hour's worth of
log is not too much), keep checkpoint_completion_target at 0.9, and wal_compression on.
Where they come although the log is far from max_wal_size, somebody or something runs
CHECKPOINT; nobody needs to.

When it is wrong: a single one was asked for, by a base backup or CREATE DATABASE, while
the load was on.`,
}

const (
	// stormy: requested checkpoints a minute. One in a minute is five times as often
	// as the clock asks for.
	stormy = 1
	// severalRequested: one may be a backup's.
	severalRequested = 2
	// fullPages for each hundred log records. With a checkpoint every five minutes
	// most pages that are changed have been changed since.
	fullPages = 0.05
	// byCommand: a checkpoint comes when the log since the last one has reached
	// max_wal_size ÷ (1 + checkpoint_completion_target), at least a half of it. With
	// less than a quarter it was not the log that asked.
	byCommand = 0.25
)

func checkpointStorm(p *Pass) {
	var requested, seconds, logged float64
	for _, w := range p.Run.Measured() {
		if w.Server != nil && w.Server.Checkpoints != nil {
			requested += w.Server.Checkpoints.Requested
		}
		if w.Server != nil && w.Server.WAL != nil {
			logged += w.Server.WAL.Bytes
		}
		seconds += float64(w.Length)
	}
	s := p.Window.Server
	if s == nil || s.Checkpoints == nil || requested < severalRequested || requested*60 < stormy*seconds {
		return
	}
	c := s.Checkpoints
	var share, bytes float64
	if s.WAL != nil && s.WAL.Records > 0 {
		share, bytes = s.WAL.FullPages/s.WAL.Records, s.WAL.Bytes
		if share < fullPages {
			return // they cost the log nothing
		}
	}
	claim := func(k capacity.Key) float64 {
		return is(k.Class == capacity.ClassCommit || k.Class == capacity.ClassIO)
	}
	blame := p.Step.Blame(claim)
	remedy := "a larger max_wal_size, so that checkpoints come by the clock"
	limit := bytesOf(p.Run.Environment.Settings["max_wal_size"])
	if logged > 0 && logged < byCommand*limit*requested {
		remedy = "find out who runs CHECKPOINT: the log did not ask for it"
	}
	p.Report(Finding{
		Bound:   capacity.IO,
		Subject: Subject{Kind: Station, Name: "checkpoints"},
		Message: fmt.Sprintf("%.0f checkpoints in %.0f s were requested, not due; %.0f %% of the log's records hold a whole page", requested, seconds, 100*share),
		Load:    blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"requested checkpoints", requested * 60 / seconds, "1/min", "pg_stat_checkpointer"},
			{"log written for each requested checkpoint", logged / requested, "bytes", "pg_stat_wal"},
			{"max_wal_size", limit, "bytes", "pg_settings"},
			{"log records with a whole page", share, "share", "pg_stat_wal"},
			{"log written", bytes / float64(p.Window.Length), "bytes/s", "pg_stat_wal"},
			{"buffers written by checkpoints", c.Buffers, "", "pg_stat_checkpointer"},
			{"time that checkpoints wrote and synced", c.WriteTime + c.SyncTime, "s", "pg_stat_checkpointer"},
		},
		Remedy:  &Remedy{Title: remedy},
		Caveats: []string{"waits for the log and for data files have other reasons as well; all of them count here"},
	})
}
