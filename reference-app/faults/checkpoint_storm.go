package faults

// CheckpointStorm writes much to a server with hardly any room for its log.
var CheckpointStorm = &Fault{
	Name: "checkpoint-storm",
	Doc: `a log so small that it asks for checkpoints all the time

For a new reader model each view of an item logs what was shown, a row for each word, in
one statement and one commit, with random UUIDs as keys. max_wal_size was set to 32 MB
once, when the disk was full. After each checkpoint the first change of a page writes the
whole page into the log, and random keys change another page with nearly every row; so
the first views write a megabyte of log each, and soon the next checkpoint is due.
Commits wait for a disk that is busy with whole pages, twice each: once in the log, once
in the data files. In the server's log: checkpoints are occurring too frequently.

The fix is room for the log: max_wal_size of some gigabytes, so that checkpoints come by
the clock, and wal_compression. Keys that grow (identity, UUID version 7) change the same
few pages again and again instead of all of them.`,
	Server: map[string]string{
		"max_wal_size": "32MB",
		"min_wal_size": "32MB",
	},
	Database: []string{
		`create table shown_words (id uuid not null default gen_random_uuid(), user_id bigint not null, item_id bigint not null, word int not null)`,
		`insert into shown_words (user_id, item_id, word) select 1 + g % 100, 0, g from generate_series(1, 600000) g`,
		`alter table shown_words add primary key (id)`,
		`analyze shown_words`,
	},
	Switch: func(s *Switches) { s.LogWords = true },
}
