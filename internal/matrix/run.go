package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// A Runner runs cases on the built product.
type Runner struct {
	Bin  string   // the scalecheck binary
	Args []string // of scalecheck run, after those of the case: the later one counts
	Env  []string // beside this process's
	Keep string   // directory for run files, made if need be; empty: they are not kept
}

// patience with a run: no case takes longer than two minutes.
const patience = 5 * time.Minute

// Run runs the case and judges the report. What went wrong is in the attempt.
func (r Runner) Run(ctx context.Context, c Case, seed int64, try int) Attempt {
	dir, err := os.MkdirTemp("", "scalecheck-accuracy-*")
	if err != nil {
		return failed(c, seed, try, err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begun := time.Now()
	p := r.process(c, seed, dir)
	if err = c.run(ctx, p); err != nil {
		cancel()
	}
	p.Wait()
	seconds := time.Since(begun).Seconds()
	var report Report
	if err == nil {
		err = read(filepath.Join(dir, "report.json"), &report)
	}
	if err == nil && r.Keep != "" {
		err = keep(filepath.Join(dir, "scalecheck.run"), r.kept(c, seed, try))
	}
	if err != nil {
		a := failed(c, seed, try, fmt.Errorf("%w\n%s", err, p.end()))
		a.Seconds = seconds
		return a
	}
	a := answered(c, seed, try, &report)
	a.Seconds = seconds
	return a
}

func (c *Case) run(ctx context.Context, p *Process) error {
	if c.Beside != nil {
		return c.Beside(ctx, p)
	}
	return p.Start(ctx)
}

func (r Runner) process(c Case, seed int64, dir string) *Process {
	args := append([]string{"run", "--seed", strconv.FormatInt(seed, 10), "-f", "json", "-o", dir}, Load...)
	if c.Args == nil {
		args = append(args, "--fault", c.Name)
	}
	args = append(append(args, c.Args...), r.Args...)
	env := append(os.Environ(), "GITHUB_STEP_SUMMARY=") // a run's report is none of the job's
	return &Process{bin: r.Bin, args: args, env: append(env, r.Env...), more: make(chan struct{}, 1), exited: make(chan struct{})}
}

func read(path string, r *Report) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("the run left no report")
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, r)
}

func keep(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// A Process is scalecheck at work.
type Process struct {
	bin       string
	args, env []string
	cmd       *exec.Cmd
	exited    chan struct{}

	mu   sync.Mutex
	said bytes.Buffer // on stdout and stderr
	more chan struct{}
}

// Start starts the run, with more arguments. It is interrupted when ctx ends.
func (p *Process) Start(ctx context.Context, args ...string) error {
	p.cmd = exec.CommandContext(ctx, p.bin, append(p.args, args...)...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p, p
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) } // it has servers to stop
	p.cmd.WaitDelay = time.Minute
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = p.cmd.Wait() // the report says it
		close(p.exited)
	}()
	return nil
}

// Write takes what the run says.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.said.Write(b)
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// Says waits until the run has said the text. One goroutine may wait.
func (p *Process) Says(text string) error {
	for !p.hasSaid(text) {
		select {
		case <-p.more:
		case <-p.exited:
			if !p.hasSaid(text) {
				return fmt.Errorf("the run ended without saying %q", text)
			}
		}
	}
	return nil
}

func (p *Process) hasSaid(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.said.Bytes(), []byte(text))
}

// Wait waits for the end of the run, if it was started.
func (p *Process) Wait() {
	if p.cmd != nil && p.cmd.Process != nil {
		<-p.exited
	}
}

// end returns the last words.
func (p *Process) end() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 500
	b := bytes.TrimSpace(p.said.Bytes())
	return string(b[max(0, len(b)-most):])
}
