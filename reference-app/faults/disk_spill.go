package faults

// DiskSpill gives a ranking less memory than it needs.
var DiskSpill = &Fault{
	Name: "disk-spill",
	Doc: `a ranking is grouped and sorted on disk

The dashboard shows how the user ranks in each assignment, for which all grades are
grouped by assignment and user and sorted. work_mem was lowered to its minimum, 64 kB, when the
server once ran out of memory with too many connections. Groups and sorts that would fit
into some megabytes are now written to temporary files in many small parts and read again,
at every dashboard.

The fix is to keep the ranking where it is made, when a grade is given; and a work_mem
that fits what most statements need, its default of 4 MB being a modest one, with fewer
connections if memory is short.`,
	Database: []string{set("work_mem", "64kB")},
	Switch:   func(s *Switches) { s.RankAlive = true },
}
