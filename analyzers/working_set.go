package analyzers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
)

// WorkingSet finds data that is read from the disk again and again because it does
// not fit into memory.
var WorkingSet = &Analyzer{
	Name:  "working-set",
	Needs: []evidence.Kind{evidence.Statements, evidence.Sessions},
	Run:   workingSet,
	Doc: `the data in use does not fit into memory

As long as what is in use fits into memory, a block costs a microsecond. When it has grown
beyond, blocks are thrown out that will be needed soon, and each costs a read from storage:
a hundred times more. Nothing else has changed, no statement, no plan; it comes within a
week, and all pages that touch the table get slower together.

How to confirm it by hand, under load and not after a restart:

    SELECT relname, heap_blks_read, heap_blks_hit, idx_blks_read, idx_blks_hit
    FROM   pg_statio_user_tables ORDER BY heap_blks_read + idx_blks_read DESC LIMIT 10;
    SELECT wait_event, count(*) FROM pg_stat_activity
    WHERE  wait_event_type = 'IO' GROUP BY 1;      -- DataFileRead

What to do: make the set smaller first (statements that read less, narrower rows, old rows
into partitions that nobody reads, unused indexes dropped); then memory.

When it is wrong: the cache was cold, as after a restart, and reads become fewer while the
load is on; or one statement reads whole tables, which is named then as well.`,
}

const (
	// missed: the part of all blocks that was not found in memory. Servers whose data
	// fit find 99 of 100.
	missed = 0.05
	// warming: reads that have fallen to this part of what they were at the beginning
	// of the step are a cache that is being filled.
	warming = 0.5
)

func workingSet(p *Pass) {
	var hit, read float64
	for s := range p.ours() {
		hit += s.Hit
		read += s.Read
	}
	buffers := bytesOf(p.Run.Environment.Settings["shared_buffers"])
	size := float64(p.Run.Environment.DatabaseBytes)
	if read == 0 || read < missed*(hit+read) || buffers == 0 || size < buffers || coldCache(p) {
		return
	}
	claim := func(k capacity.Key) float64 { return is(k.Class == capacity.ClassIO) }
	blame := p.Step.Blame(claim)
	blocks := map[string]float64{}
	for _, t := range p.Window.Tables {
		blocks[qualified(t.Schema, t.Name)] += t.HeapRead + t.IndexRead + t.ToastRead
	}
	f := Finding{
		Bound:   capacity.Memory,
		Subject: Subject{Kind: Station, Name: "memory", Endpoint: heaviest(p.Step, claim)},
		Message: fmt.Sprintf("%.0f %% of all blocks are not found in shared buffers of %.0f MB, of a database of %.0f MB; requests wait for %.0f reads a second",
			100*read/(hit+read), buffers/(1<<20), size/(1<<20), read/float64(p.Window.Length)),
		Load: blame.Load, Share: blame.Share,
		Exhibits: []Exhibit{
			{"blocks not found in shared buffers", read / (hit + read), "share", "pg_stat_statements"},
			{"reads", read / float64(p.Window.Length), "1/s", "pg_stat_statements"},
		},
		Remedy:  &Remedy{Title: "read less or keep less: statements and indexes first, then memory"},
		Caveats: []string{"what shared buffers do not have the operating system may: only reads that sessions were seen waiting for are counted here"},
	}
	if len(blocks) > 0 {
		f.Subject.Kind, f.Subject.Name = Table, largest(blocks)
		f.Exhibits = append(f.Exhibits, Exhibit{"of these reads, of this table", blocks[f.Subject.Name] / read, "share", "pg_statio_user_tables"})
	}
	for _, d := range p.Window.Disks {
		if strings.Contains(d.Holds, "data") {
			f.Exhibits = append(f.Exhibits, Exhibit{"read from disk " + d.Name + " meanwhile, by whomever", d.ReadBytes / float64(p.Window.Length), "bytes/s", "/proc/diskstats"})
		}
	}
	if h := p.Window.Host; h != nil && h.Refaults > 0 {
		f.Exhibits = append(f.Exhibits, Exhibit{"pages read again soon after they were dropped", h.Refaults / float64(p.Window.Length), "1/s", "the kernel"})
	}
	p.Report(f)
}

// coldCache reports whether reads became much fewer within the step.
func coldCache(p *Pass) bool {
	ws := capacity.Groups(p.Run)[p.Model.Judged]
	if len(ws) < 2 {
		return false
	}
	return readsPerSecond(ws[len(ws)-1]) < warming*readsPerSecond(ws[0])
}

func readsPerSecond(w evidence.Window) float64 {
	var read float64
	for _, s := range w.Statements {
		if !s.Own && !s.Nested {
			read += s.Read
		}
	}
	return read / max(float64(w.Length), 1e-9)
}

// bytesOf reads a setting with its unit, "32768 8kB" or "1024 MB", in bytes; 0 where
// it is not known.
func bytesOf(setting string) float64 {
	number, unit, _ := strings.Cut(setting, " ")
	n, err := strconv.ParseFloat(number, 64)
	size := 1024.0
	blocks, ok := strings.CutSuffix(unit, "kB")
	if !ok {
		size = 1 << 20
		if blocks, ok = strings.CutSuffix(unit, "MB"); !ok {
			return 0
		}
	}
	if blocks != "" {
		b, berr := strconv.ParseFloat(blocks, 64)
		err, size = errors.Join(err, berr), size*b
	}
	if err != nil {
		return 0
	}
	return n * size
}
