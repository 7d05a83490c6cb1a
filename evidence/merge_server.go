package evidence

import "slices"

// either calls add with the sum so far and the next one where both are there.
// The result shares nothing with a or b, and is nil where neither is there.
func either[T any](a, b *T, add func(to *T, more T)) *T {
	var sum *T
	for _, part := range []*T{a, b} {
		switch {
		case part == nil:
		case sum == nil:
			copied := *part
			sum = &copied
		default:
			add(sum, *part)
		}
	}
	return sum
}

func mergeServer(a, b *ServerStats) *ServerStats {
	return either(a, b, func(to *ServerStats, s ServerStats) {
		to.Checkpoints = either(to.Checkpoints, s.Checkpoints, addCheckpoints)
		to.WAL = either(to.WAL, s.WAL, addWAL)
		to.IO = mergeRows(slices.Clone(to.IO), s.IO, func(i IO) any { return [3]string{i.Backend, i.Object, i.Context} }, addIO)
		to.Changed = append(slices.Clone(to.Changed), s.Changed...)
	})
}

func addCheckpoints(to *Checkpoints, c Checkpoints) {
	to.Timed += c.Timed
	to.Requested += c.Requested
	to.WriteTime += c.WriteTime
	to.SyncTime += c.SyncTime
	to.Buffers += c.Buffers
	to.Cleaned += c.Cleaned
	to.Stopped += c.Stopped
	to.Allocated += c.Allocated
	to.Backend = either(to.Backend, c.Backend, func(to *BackendWrites, b BackendWrites) {
		to.Buffers += b.Buffers
		to.Syncs += b.Syncs
	})
}

func addWAL(to *WAL, w WAL) {
	to.Records += w.Records
	to.FullPages += w.FullPages
	to.Bytes += w.Bytes
	to.BuffersFull += w.BuffersFull
	to.Flush = either(to.Flush, w.Flush, func(to *WALFlush, f WALFlush) {
		to.Writes += f.Writes
		to.Syncs += f.Syncs
		to.WriteTime += f.WriteTime
		to.SyncTime += f.SyncTime
	})
}

func addIO(to *IO, i IO) {
	to.Reads += i.Reads
	to.ReadBytes += i.ReadBytes
	to.ReadTime += i.ReadTime
	to.Writes += i.Writes
	to.WriteBytes += i.WriteBytes
	to.WriteTime += i.WriteTime
	to.Extends += i.Extends
	to.ExtendTime += i.ExtendTime
	to.Hits += i.Hits
	to.Evictions += i.Evictions
	to.Reuses += i.Reuses
	to.Syncs += i.Syncs
	to.SyncTime += i.SyncTime
}

func mergeTimes(a, b *SessionTimes) *SessionTimes {
	return either(a, b, func(to *SessionTimes, s SessionTimes) {
		to.Active += s.Active
		to.IdleInTx += s.IdleInTx
		to.Total += s.Total
		to.Abandoned += s.Abandoned
		to.Fatal += s.Fatal
		to.Killed += s.Killed
	})
}

func mergePressure(a, b *Pressure) *Pressure {
	return either(a, b, func(to *Pressure, p Pressure) {
		to.CPU += p.CPU
		to.IO += p.IO
		to.IOFull += p.IOFull
		to.Memory += p.Memory
		to.MemoryFull += p.MemoryFull
	})
}

func addGroup(to *Group, g Group) {
	to.Root, to.Quota, to.Limit, to.Memory = g.Root, g.Quota, g.Limit, g.Memory
	to.Periods += g.Periods
	to.Held += g.Held
	to.Throttled += g.Throttled
	to.Refaults += g.Refaults
	to.Faults += g.Faults
	to.OOMKills += g.OOMKills
}

func addDisk(to *Disk, d Disk) {
	to.Holds = d.Holds
	to.Reads += d.Reads
	to.ReadBytes += d.ReadBytes
	to.ReadTime += d.ReadTime
	to.Writes += d.Writes
	to.Written += d.Written
	to.WriteTime += d.WriteTime
	to.Flushes += d.Flushes
	to.FlushTime += d.FlushTime
	to.Busy += d.Busy
	to.Queue += d.Queue
}
