package evidence

import (
	"math"
	"slices"
)

// Merge returns consecutive windows as one: counters added, averages weighted
// by what they are averages over, levels taken from the last window. Phase,
// step and offered load are the first one's. With no windows it is empty; a single one
// is returned as it is, with the same rows and histograms.
func Merge(ws []Window) (Window, error) {
	switch len(ws) {
	case 0:
		return Window{}, nil
	case 1:
		return ws[0], nil
	}
	out := Window{
		Phase: ws[0].Phase, Step: ws[0].Step, Start: ws[0].Start,
		Users: ws[0].Users, Rate: ws[0].Rate,
	}
	for _, w := range ws {
		out.Length += w.Length
	}
	for _, w := range ws {
		// A tick carries the same rows as a window, so this is Add's arithmetic.
		t := Tick{Start: w.Start, Length: w.Length, Endpoints: w.Endpoints, Paths: w.Paths, Generator: w.Generator}
		if err := out.Add(t); err != nil {
			return out, err
		}
		share := 1.0
		if out.Length > 0 {
			share = float64(w.Length / out.Length)
		}
		out.Statements = mergeRows(out.Statements, w.Statements, func(s Statement) any { return [2]any{s.ID, s.Nested} }, addStatement)
		out.Tables = mergeRows(out.Tables, w.Tables, func(t TableIO) any { return [2]string{t.Schema, t.Name} }, addTable)
		out.Processes = mergeRows(out.Processes, w.Processes, func(p Process) any { return [2]string{p.Role, p.Name} }, addProcess)
		out.Jobs = mergeRows(out.Jobs, weigh(w.Jobs, share, func(j *JobQueue) *float64 { return &j.Running }), func(j JobQueue) any { return [2]string{j.Queue, j.Kind} }, addJobs)
		out.Pools = mergeRows(out.Pools, weigh(w.Pools, share, func(p *PoolStats) *float64 { return &p.InUse }), func(p PoolStats) any { return p.Name }, addPool)
		out.Calls = mergeRows(out.Calls, w.Calls, func(c Call) any { return c.Dependency }, addCall)
		out.Sessions = mergeSessions(out.Sessions, w.Sessions)
		out.Database = mergeDatabase(out.Database, w.Database)
		out.Host = mergeHost(out.Host, w.Host)
		out.Server = mergeServer(out.Server, w.Server)
		out.Groups = mergeRows(out.Groups, w.Groups, func(g Group) any { return g.Role }, addGroup)
		out.Disks = mergeRows(out.Disks, weigh(w.Disks, share, func(d *Disk) *float64 { return &d.Queue }), func(d Disk) any { return d.Name }, addDisk)
		out.Slices = append(out.Slices, w.Slices...)
		out.Seconds = append(out.Seconds, w.Seconds...)
		out.Holders = w.Holders
		for _, c := range w.Caveats {
			if !slices.Contains(out.Caveats, c) {
				out.Caveats = append(out.Caveats, c)
			}
		}
	}
	return out, nil
}

func mergeRows[T any](to, from []T, key func(T) any, add func(*T, T)) []T {
	at := make(map[any]int, len(to)+len(from))
	for i, row := range to {
		at[key(row)] = i
	}
	for _, row := range from {
		k := key(row)
		i, known := at[k]
		if !known {
			at[k] = len(to)
			to = append(to, row)
			continue
		}
		add(&to[i], row)
	}
	return to
}

func addStatement(to *Statement, s Statement) {
	to.SD = pooled(*to, s)
	to.Calls += s.Calls
	to.Seconds += s.Seconds
	to.Plan += s.Plan
	to.Rows += s.Rows
	to.Hit += s.Hit
	to.Read += s.Read
	to.Dirtied += s.Dirtied
	to.Written += s.Written
	to.Temp += s.Temp
	to.ReadTime += s.ReadTime
	to.WAL += s.WAL
	to.Plans += s.Plans
	to.TempRead += s.TempRead
	to.TempWritten += s.TempWritten
	to.TempTime += s.TempTime
	to.WriteTime += s.WriteTime
	to.WALRecords += s.WALRecords
	to.FullPages += s.FullPages
	to.JITTime += s.JITTime
	to.JITUses += s.JITUses
}

// pooled returns the standard deviation of two sets of calls together: each
// one's own, and the distance of their means.
func pooled(a, b Statement) float64 {
	n := a.Calls + b.Calls
	if a.Calls <= 0 || b.Calls <= 0 {
		return max(a.SD, b.SD)
	}
	apart := a.Seconds/a.Calls - b.Seconds/b.Calls
	return math.Sqrt((a.Calls*a.SD*a.SD + b.Calls*b.SD*b.SD + a.Calls*b.Calls/n*apart*apart) / n)
}

func addTable(to *TableIO, t TableIO) {
	to.SeqScans += t.SeqScans
	to.SeqRows += t.SeqRows
	to.IndexScans += t.IndexScans
	to.IndexRows += t.IndexRows
	to.Inserted += t.Inserted
	to.Updated += t.Updated
	to.HotUpdated += t.HotUpdated
	to.Deleted += t.Deleted
	to.DeadRows = t.DeadRows
	to.HeapRead += t.HeapRead
	to.HeapHit += t.HeapHit
	to.IndexRead += t.IndexRead
	to.IndexHit += t.IndexHit
	to.ToastRead += t.ToastRead
	to.ToastHit += t.ToastHit
	to.Moved += t.Moved
	to.LiveRows, to.Changed = t.LiveRows, t.Changed
	to.Vacuums += t.Vacuums
	to.Analyzes += t.Analyzes
	merged := map[string]float64{}
	for _, m := range []map[string]float64{to.ByIndex, t.ByIndex} {
		for name, n := range m {
			merged[name] += n
		}
	}
	to.ByIndex = merged
}

func addProcess(to *Process, p Process) {
	to.Count = max(to.Count, p.Count)
	to.Run += p.Run
	to.Queue += p.Queue
	to.RSS = p.RSS
	to.Read += p.Read
	to.Written += p.Written
}

// weigh returns rows with an average over the window scaled to the window's share
// of all, so that averages can be added up.
func weigh[T any](rows []T, share float64, average func(*T) *float64) []T {
	out := slices.Clone(rows)
	for i := range out {
		*average(&out[i]) *= share
	}
	return out
}

func addJobs(to *JobQueue, j JobQueue) {
	if ended := to.Finished + j.Finished; ended > 0 {
		to.Work = (to.Work*to.Finished + j.Work*j.Finished) / ended
	}
	to.Waiting, to.Oldest = j.Waiting, j.Oldest
	to.Running += j.Running
	to.Arrived += j.Arrived
	to.Finished += j.Finished
	to.Failed += j.Failed
}

func addPool(to *PoolStats, p PoolStats) {
	to.Max = p.Max
	to.InUse += p.InUse
	to.Acquires += p.Acquires
	to.Waits += p.Waits
	to.Wait += p.Wait
	to.Use += p.Use
}

func addCall(to *Call, c Call) {
	to.Count += c.Count
	to.Seconds += c.Seconds
	to.Failed += c.Failed
	to.Throttled += c.Throttled
}

func mergeSessions(a, b *SessionStats) *SessionStats {
	if b == nil {
		return a
	}
	if a == nil {
		a = &SessionStats{Interval: b.Interval}
	}
	out := &SessionStats{Samples: a.Samples + b.Samples, Planned: a.Planned + b.Planned, Interval: b.Interval, Peak: max(a.Peak, b.Peak)}
	if out.Samples == 0 {
		return out
	}
	type key struct{ statement, state, class, event, application, backend, sender string }
	for _, part := range []*SessionStats{a, b} {
		share := float64(part.Samples) / float64(out.Samples)
		activity := slices.Clone(part.Activity)
		for i := range activity {
			activity[i].AAS *= share
		}
		out.Activity = mergeRows(out.Activity, activity,
			func(r Activity) any {
				return key{r.Statement, r.State, r.WaitClass, r.WaitEvent, r.Application, r.Backend, r.Sender}
			},
			func(to *Activity, r Activity) { to.AAS += r.AAS })
		out.Busy = mergeRows(out.Busy, part.Busy, func(r Busy) any { return r.Application }, addBusy)
		blockers := slices.Clone(part.Blockers)
		for i := range blockers {
			blockers[i].Waiting *= share
		}
		out.Blockers = mergeRows(out.Blockers, blockers,
			func(r Blocker) any { r.Waiting, r.HeldSeconds = 0, 0; return r },
			func(to *Blocker, r Blocker) {
				if sum := to.Waiting + r.Waiting; sum > 0 {
					to.HeldSeconds = (to.HeldSeconds*to.Waiting + r.HeldSeconds*r.Waiting) / sum
				}
				to.Waiting += r.Waiting
			})
	}
	return out
}

func addBusy(to *Busy, b Busy) {
	looks := make([]int, max(len(to.Looks), len(b.Looks)))
	copy(looks, to.Looks)
	for i, n := range b.Looks {
		looks[i] += n
	}
	to.Looks = looks
}

func mergeDatabase(a, b *Database) *Database {
	if b == nil || a == nil {
		if a == nil {
			a = b
		}
		return a
	}
	return &Database{
		Commits: a.Commits + b.Commits, Rollbacks: a.Rollbacks + b.Rollbacks, Deadlocks: a.Deadlocks + b.Deadlocks,
		TempBytes: a.TempBytes + b.TempBytes, BlocksRead: a.BlocksRead + b.BlocksRead, BlocksHit: a.BlocksHit + b.BlocksHit,
		Connections: b.Connections, Connects: a.Connects + b.Connects, Dealloc: a.Dealloc + b.Dealloc, Limit: b.Limit,
		TempFiles: a.TempFiles + b.TempFiles, Conflicts: a.Conflicts + b.Conflicts,
		ReadTime: a.ReadTime + b.ReadTime, WriteTime: a.WriteTime + b.WriteTime, Times: mergeTimes(a.Times, b.Times),
	}
}

func mergeHost(a, b *Host) *Host {
	if b == nil || a == nil {
		if a == nil {
			a = b
		}
		return a
	}
	return &Host{
		Cores: b.Cores, Busy: a.Busy + b.Busy, Steal: a.Steal + b.Steal, IOWait: a.IOWait + b.IOWait,
		Foreign: a.Foreign + b.Foreign, Throttled: a.Throttled + b.Throttled,
		Pressure: mergePressure(a.Pressure, b.Pressure), Refaults: a.Refaults + b.Refaults,
	}
}
