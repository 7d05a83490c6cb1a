package faults

// JIT compiles the expressions of short statements.
var JIT = &Fault{
	Name: "jit-on-short-queries",
	Doc: `short statements are compiled to machine code

The database was tuned for reports: the three limits from which on expressions are
compiled, optimized and inlined were lowered to 10, so that whatever is larger than a
lookup by primary key goes through all of it, every time it runs. A report that takes a
minute is a little faster. A page's statements, which take a fraction of a millisecond,
take tens of them. Nothing is shared between calls or sessions.

The fix is to leave the limits at their defaults, or to switch JIT off for the
application's role and leave it on for the reports':

    alter role … set jit = off;`,
	Database: []string{set("jit", "on"), set("jit_above_cost", "10"), set("jit_optimize_above_cost", "10"), set("jit_inline_above_cost", "10")},
}
