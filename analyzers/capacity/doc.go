// Package capacity is arithmetic on a run: where the requests are, which
// resource is full, how many users fit. It has no opinions; why a resource is
// full and what to do about it is the analyzers' part.
//
// Its currency is requests in flight. By Little's law N = X·R (Little 1961), a
// request that takes R seconds and comes X times a second is X·R requests in
// flight on average, and so is every part of R: a second spent in a statement,
// in a pool's queue or at a mail server weighs the same. Fit splits the
// requests in flight of a step into such parts, each from a counter of its own
// (the ledger), and keeps what nobody measured as Unattributed.
package capacity
