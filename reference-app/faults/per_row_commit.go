package faults

// PerRowCommit commits row by row.
var PerRowCommit = &Fault{
	Name: "per-row-commit",
	Doc: `each sentence of an item is committed by itself

To know how far people read, every view of an item inserts a row for each of its
sentences, some sixteen, one statement and one transaction each. Every commit waits
until the log is on the disk, which has an arm and takes eighteen milliseconds. Each
statement takes a twentieth of a millisecond by pg_stat_statements, which stops its clock
before the commit, and yet the page takes sixteen flushes, and all sessions together wait
for the one log.

The fix is one statement for all rows (insert … select from unnest) in the
transaction that records the progress: one flush. What may be lost in a crash needs
none: set local synchronous_commit = off.

The arm is a commit_delay: whoever flushes the log sleeps that long first, so that the
fault is the same on any disk.`,
	Server: map[string]string{
		"commit_delay":    "18000",
		"commit_siblings": "0",
	},
	Database: []string{
		`create table reading_receipts (user_id bigint not null, item_id bigint not null, sentence int not null, at timestamptz not null default now())`,
	},
	Switch: func(s *Switches) { s.ReceiptBySentence = true },
}
