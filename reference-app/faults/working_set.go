package faults

// WorkingSet gives the server less memory than the data in use need.
var WorkingSet = &Fault{
	Name: "working-set",
	Doc: `the notifications in use do not fit into memory

The dashboard shows how many notifications of each kind a user ever got. They are found
by index; but a user's two or three hundred were written over half a year, and nearly
each is in another page of the table. While the table was in memory that was a
millisecond. The server's settings are from a test machine (shared_buffers = 4MB), and
the memory that the operating system had left for its page cache went to a neighbour on
the same machine. Now each page is a read from the disk, a few thousand a second, and
whatever else is read waits behind them. No plan and no statement has changed.

The fix is to read less first: counts that are kept when a notification is written, or a
table that is clustered by user; then memory: shared_buffers of a quarter of the machine's,
and no neighbours.

The neighbour tells the kernel to drop the database's files from the page cache
(posix_fadvise), since nobody would want it to fill the memory of the machine this runs
on. So it needs Linux and a server on the same machine; on a disk that answers within
some hundredths of a millisecond there is not much to see.`,
	Server: map[string]string{"shared_buffers": "4MB"},
	Switch: func(s *Switches) { s.KindsWithoutMemory = true },
}
