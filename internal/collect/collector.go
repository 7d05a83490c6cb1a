// Package collect measures the system while load is on it: one file for each
// collector, and All lists them.
//
// A run is a row of windows without gaps. A collector is started once, before
// the load, when connections can still be had; then Cut closes the running
// window and begins the next. A counter keeps the snapshot of the last cut and
// writes differences, a sampler writes the average over its samples.
//
// Collectors stay quiet while a window is open, only read, and mark their
// statements with /* scalecheck */, so that what they cost is known and is
// subtracted. A statement text, a parameter or a credential leaves this
// package redacted or not at all.
package collect

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/evidence"
)

// A Target is what there is to be measured. Zero fields are things that the
// user did not give; a collector that needs one of them says so in its error.
type Target struct {
	Database     *pgx.ConnConfig // the application's database
	MetricsURL   string          // the application's /metrics, Prometheus text
	AppPIDs      []int           // the application's processes on this machine
	GeneratorPID func() int      // 0 until the load has started
	// Listener is the address that the users send to. Where it is on this
	// machine and AppPIDs is empty, the process that listens there is the app.
	Listener string

	hub *hub // what the collectors of a Set share; nil outside one
}

// Notes takes what is not part of a window. evidence.Writer is one.
// It is called from Start and Cut only, never from a goroutine beside them.
type Notes interface {
	Texts(map[string]evidence.Text) error
	Catalog([]evidence.Table) error
	Missing(kind evidence.Kind, reason string) error
}

// A Collector fills one part of every window.
type Collector struct {
	Name string
	Kind evidence.Kind
	Doc  string // title, blank line, then what it reads, what it costs and what it needs

	// Start connects and takes the first snapshot. An error means that this
	// kind of evidence cannot be had here: the run goes on without it, and the
	// error is what the report says is missing and why.
	Start func(ctx context.Context, t *Target, n Notes) (Running, error)
}

// Running is a started collector.
type Running interface {
	// Cut closes the running window into w and begins the next. An error
	// becomes a caveat of that window; the next Cut starts afresh.
	Cut(ctx context.Context, w *evidence.Window) error
	// Close ends it and waits for its goroutines.
	Close()
}
