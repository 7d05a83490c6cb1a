package matrix

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/scalecheck/scalecheck/internal/pg"
)

// reset resets the statistics of the statements in every step, as a monitoring
// script would, on a server that others than the run can reach.
func reset(ctx context.Context, p *Process) (err error) {
	server, err := pg.Start(ctx, pg.Options{Throwaway: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	if err := p.Start(ctx, "--db", server.DSN("postgres")); err != nil {
		return err
	}
	for i := range Steps {
		if err := p.Says(fmt.Sprintf("step %d of %d", i+1, Steps)); err != nil {
			return err
		}
		if err := server.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
			return err
		}
	}
	p.Wait()
	return nil
}

// hogs a processor: enough that what the app, its server and the users get in a
// fair division is less than they need.
const hogs = 16

// spin uses a processor. A limit on its processor time ends it where nobody else
// does: side by side they need minutes to reach it.
const spin = "ulimit -t 10; while :; do :; done"

// hog takes the processors while the load is on.
func hog(ctx context.Context, p *Process) error {
	if err := p.Start(ctx); err != nil {
		return err
	}
	if err := p.Says("step 1 of"); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for range hogs * runtime.NumCPU() {
		h := exec.CommandContext(ctx, "sh", "-c", spin)
		// A session of its own: where the kernel divides by session first
		// (sched_autogroup), each counts as much as the run does.
		h.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := h.Start(); err != nil {
			return err
		}
		defer func() {
			stop()
			_ = h.Wait() // killed, as it should be
		}()
	}
	p.Wait()
	return nil
}
