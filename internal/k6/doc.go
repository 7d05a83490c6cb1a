// Package k6 starts k6 as a child process, reads what its scalecheck output
// says while the load is on, and tells how it ended.
//
// The child is this same binary under the name k6 (cmd/scalecheck's main looks
// at argv[0]), with the extension of scenarios/k6ext compiled in. A generator
// that crashes cannot take the recorder down, and its CPU is accounted by
// itself: is the generator the bottleneck? A second of load is a Record on a
// pipe; the child dies with its parent.
//
// A journeys plan is sent to the extension's executor, which walks the users
// in Go. A plain k6 script runs as it is: its scenarios and its thresholds
// rule. What it may reach is held by k6's own dialer: every address that does
// not belong to an allowed host is on the blacklist, so that redirects and
// other hosts are refused. Addresses have no ports: on an allowed host a
// script can reach every one. Nor can the size of its answers be limited.
//
// The package does not import k6.
package k6
