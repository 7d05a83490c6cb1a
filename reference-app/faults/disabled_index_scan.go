package faults

// DisabledIndexScan forbids the planner to use indexes.
var DisabledIndexScan = &Fault{
	Name: "disabled-index-scan",
	Doc: `index scans are switched off for the whole database

Once upon a time a report was faster with enable_indexscan = off, and the setting was
made where it was easiest, for the database. Since then every lookup of a row by its
primary key reads the whole table. Small tables hide it; the large ones take tens of
milliseconds of a processor at every request. All indexes are there, all statistics are
right, and a new index changes nothing.

The fix is to take the setting back, and to find out why the report was planned badly:

    alter database … reset enable_indexscan;
    alter database … reset enable_bitmapscan;`,
	Database: []string{set("enable_indexscan", "off"), set("enable_bitmapscan", "off")},
}
