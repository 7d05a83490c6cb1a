package collect

// All are the collectors, in the order in which they start and are explained.
var All = []*Collector{
	Statements,
	Sessions,
	Tables,
	Server,
	Processes,
	Jobs,
	Pool,
	Calls,
}
