// Package hint attaches to an error what its reader needs beyond the error's own line: what to do about it, and the
// exit status that it stands for. Neither changes the error's text, so that layers above can go on wrapping it with %w.
// main prints both; nothing else does.
//
//	scalecheck: read pg_stat_statements: extension is not loaded
//	hint: add pg_stat_statements to shared_preload_libraries, restart Postgres, then CREATE EXTENSION pg_stat_statements
//
// The package neither prints nor exits.
package hint

import (
	"errors"
	"fmt"
)

// The exit statuses, a contract with scripts and CI jobs: from the status alone one must see whether the application is
// slow or scalecheck is broken.
const (
	Pass         = 0   // the system held its objectives
	FellShort    = 1   // the system missed them
	NotStarted   = 2   // usage, configuration, preflight, or a guard said no: nothing was put under load
	Inconclusive = 3   // too little evidence to say
	BrokenOff    = 4   // target lost, results not saved, internal error
	Interrupted  = 130 // SIGINT
	Terminated   = 143 // SIGTERM
)

type hinted struct {
	err  error
	text string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Wrap returns err with text, one line that says what to do, lower case and without a full stop. A nil err stays nil.
// When several layers hint, the outermost one is heard: it knows most about what the user was trying to do.
func Wrap(err error, text string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, text}
}

// Wrapf is Wrap with a format.
func Wrapf(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// Of returns the hint that err carries, or "".
func Of(err error) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.text
	}
	return ""
}

type exit struct {
	err    error
	status int
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// Exit returns err marked with the exit status that it stands for. A nil err stays nil. The outermost mark wins.
func Exit(err error, status int) error {
	if err == nil {
		return nil
	}
	return &exit{err, status}
}

// Status returns the exit status for err: Pass for nil, the status of Exit if err carries one, else BrokenOff: an error
// that nobody classified is our failure, and must not read as a verdict about the system under test.
func Status(err error) int {
	if err == nil {
		return Pass
	}
	if e, ok := errors.AsType[*exit](err); ok {
		return e.status
	}
	return BrokenOff
}
