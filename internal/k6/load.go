package k6

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// ParentEnv names the variable that tells the child which descriptor to watch:
// it reads end of file when the parent is gone.
const ParentEnv = "SCALECHECK_PARENT_FD"

// k6's exit statuses that mean something of their own here.
const (
	thresholdsFailed = 99
	externalAbort    = 105
	scriptAborted    = 108
	markedAsFailed   = 110
)

// killAfter: after a graceful stop k6 still runs teardown() and flushes its
// outputs; k6 itself gives teardown() a minute.
const killAfter = 70 * time.Second

// Options say what load to start.
type Options struct {
	Plan     *scenarios.Plan
	Scenario *scenarios.Scenario // what a journeys plan walks
	Script   string              // path of the script when Plan.Kind is Script
	Outputs  []string            // more of k6's outputs, as its --out takes them
	Segment  string              // k6's --execution-segment, such as "0:1/2"; with Sequence, to share a plan among processes
	Sequence string              // k6's --execution-segment-sequence
	Exe      string              // the binary that is k6 when called so; empty: this one
	Log      io.Writer           // gets all that k6 prints; may be nil
	Env      map[string]string   // set for the script, whatever the environment says
}

// A Load is a running k6.
type Load struct {
	cmd     *exec.Cmd
	parent  *os.File // closed, it tells the child that we are gone
	ticks   chan evidence.Tick
	began   chan struct{} // closed by the Hello
	start   time.Time
	version string
	bye     *Bye
	said    chan struct{} // closed by the Bye
	tail    tail
	allowed []string
	abandon chan struct{} // closed when nobody waits for ticks any more
	ended   chan struct{} // closed when the process is gone and its stream read
	readErr error

	mu          sync.Mutex
	stops       int
	interrupted bool
	abandoned   bool
}

// Start starts the load. The caller reads Ticks until it is closed, then calls
// Wait. When ctx ends, the load is stopped as by Stop.
//
// A script that asks for more than the limits of the plan is not started.
func Start(ctx context.Context, o Options) (*Load, error) {
	exe, err := o.exe()
	if err != nil {
		return nil, err
	}
	allowed, err := allowedHosts(o.Plan)
	if err != nil {
		return nil, err
	}
	args := []string{
		"k6", "run", "--quiet", "--no-color", "--address=", "--no-usage-report", "--paused=false",
		"--log-output=stderr", "--log-format=text", "--out=scalecheck=fd:3",
	}
	for _, out := range o.Outputs {
		args = append(args, "--out="+out)
	}
	if o.Segment != "" {
		args = append(args, "--execution-segment="+o.Segment, "--execution-segment-sequence="+o.Sequence)
	}
	var stdin io.Reader
	switch {
	case o.Plan.Kind == scenarios.Script:
		more, err := scriptArgs(ctx, o, allowed)
		if err != nil {
			return nil, err
		}
		args = append(args, more...)
	case o.Scenario == nil:
		return nil, errors.New("start load: a journeys plan without a scenario")
	default:
		// With thresholds on, k6 keeps every value of every metric for ever.
		args = append(args, "--no-thresholds", "--summary-mode=disabled", "-")
		text, err := journeysScript(o)
		if err != nil {
			return nil, err
		}
		stdin = bytes.NewReader(text)
	}

	ticksR, ticksW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	defer ticksW.Close()
	parentR, parentW, err := os.Pipe()
	if err != nil {
		ticksR.Close()
		return nil, fmt.Errorf("start load: %w", err)
	}
	defer parentR.Close()

	l := &Load{
		parent: parentW, allowed: allowed,
		// A minute of ticks, so that a caller who is busy with a report does
		// not hold up the child.
		ticks:   make(chan evidence.Tick, 60),
		began:   make(chan struct{}),
		said:    make(chan struct{}),
		abandon: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	cmd := exec.Command(exe)
	cmd.Args = args
	cmd.Env = append(o.environment(), ParentEnv+"=4")
	cmd.Stdin = stdin
	cmd.Stdout = io.Writer(&l.tail)
	if o.Log != nil {
		cmd.Stdout = io.MultiWriter(&l.tail, o.Log)
	}
	cmd.Stderr = cmd.Stdout
	cmd.ExtraFiles = []*os.File{ticksW, parentR} // 3 and 4
	cmd.SysProcAttr = childAttr()
	cmd.WaitDelay = 2 * time.Second // for a grandchild, a browser, that holds stderr
	l.cmd = cmd

	started, exited := make(chan error, 1), make(chan struct{})
	inThread(func() {
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // ProcessState says it
		}
		close(exited)
	})
	if err := <-started; err != nil {
		ticksR.Close()
		parentW.Close()
		return nil, fmt.Errorf("start k6: %w", err)
	}
	ticksW.Close() // else our own end would keep the stream open

	read := make(chan struct{})
	go func() {
		defer close(read)
		defer ticksR.Close()
		defer close(l.ticks)
		l.readErr = l.read(ticksR)
	}()
	go func() {
		<-exited
		// Whatever the child left behind, a browser say, holds the stream.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-read
		parentW.Close()
		close(l.ended)
	}()
	go func() {
		select {
		case <-ctx.Done():
			l.interrupt()
			select {
			case <-time.After(killAfter):
				l.Kill()
			case <-l.ended:
			}
		case <-l.ended:
		}
	}()
	return l, nil
}

// inThread runs f in a thread of its own and keeps the thread until f returns:
// Linux sends Pdeathsig when the *thread* that started the child ends, which
// Go's threads may do at any time.
func inThread(f func()) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	}()
}

func (l *Load) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // a torn last line is the mark of a child that was killed
		}
		if err != nil {
			return fmt.Errorf("read ticks: %w", err)
		}
		var rec Record
		if err := json.Unmarshal(line, &rec); err != nil {
			return fmt.Errorf("read ticks: %w", err)
		}
		switch {
		case rec.Hello != nil:
			l.start, l.version = rec.Hello.Start, rec.Hello.Version
			close(l.began)
		case rec.Tick != nil:
			select {
			case l.ticks <- evidence.Tick(*rec.Tick):
			case <-l.abandon:
			}
		case rec.Bye != nil:
			l.bye = rec.Bye
			close(l.said)
		}
	}
}

// PID returns k6's process number.
func (l *Load) PID() int { return l.cmd.Process.Pid }

// Ticks returns the seconds of load as they pass: the k-th covers the second
// that begins k seconds after the start of the load, the last one may be
// shorter. It is closed when k6 has ended.
func (l *Load) Ticks() <-chan evidence.Tick { return l.ticks }

// Began is closed when the load begins: k6 is up, setup() is over.
func (l *Load) Began() <-chan struct{} { return l.began }

// Started returns when the load began, and whether it has.
func (l *Load) Started() (time.Time, bool) {
	select {
	case <-l.began:
		return l.start, true
	default:
		return time.Time{}, false
	}
}

// Version returns which k6 it is, once the load has begun.
func (l *Load) Version() string {
	if _, ok := l.Started(); !ok {
		return ""
	}
	return l.version
}

// Stop ends the load in order: no more requests, then teardown(), the last
// ticks and the outcome. Called again, it kills. After the end it does nothing.
func (l *Load) Stop() {
	l.mu.Lock()
	l.stops++
	again := l.stops > 1
	l.mu.Unlock()
	if again {
		l.Kill()
		return
	}
	l.interrupt()
}

// interrupt asks k6 to stop, once: asked twice it drops everything. When it
// has said Bye it doesn't listen any more, and the signal would take away the
// status that it is about to give.
func (l *Load) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.said:
		return
	case <-l.ended:
		return
	default:
	}
	if !l.interrupted {
		l.interrupted = true
		_ = l.cmd.Process.Signal(os.Interrupt) // an error says that it is gone
	}
}

// Kill ends the load at once, and its processes with it.
func (l *Load) Kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.abandoned {
		l.abandoned = true
		close(l.abandon)
	}
	if l.cmd.Process.Signal(syscall.Signal(0)) == nil {
		_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// An Outcome is how the load ended.
type Outcome struct {
	Exit    int  // k6's status; -1 when a signal ended it
	Stopped bool // by Stop or its context, before its plan was over

	// Thresholds are a script's own, as k6 judged them. They are green where
	// nothing was measured: the caller has to look at the requests.
	Thresholds       []evidence.Threshold
	ThresholdsFailed bool

	Checks  []Check
	Refused map[string]int64 // host → requests kept back, see Bye
	// Hint says what to do about Refused; empty where nothing was.
	Hint string
	// CPU is what the child used, user and system.
	CPU scenarios.Seconds
	Log string // the end of what k6 printed
}

// Wait waits for the end of the load and returns a script's own thresholds.
// The error says that the load ended before its plan and not because Stop was
// called; it carries a hint and the exit status. Thresholds that failed are no
// error.
func (l *Load) Wait() ([]evidence.Threshold, error) {
	out := l.Outcome()
	return out.Thresholds, l.failure(out)
}

// Outcome waits for the end of the load and returns how it was.
func (l *Load) Outcome() Outcome {
	<-l.ended
	l.mu.Lock()
	out := Outcome{Exit: l.cmd.ProcessState.ExitCode(), Stopped: l.interrupted || l.abandoned, Log: l.tail.String()}
	l.mu.Unlock()
	out.CPU = scenarios.Seconds((l.cmd.ProcessState.UserTime() + l.cmd.ProcessState.SystemTime()).Seconds())
	if l.bye != nil {
		out.Thresholds, out.Checks, out.Refused = slices.Clone(l.bye.Thresholds), l.bye.Checks, l.bye.Refused
	}
	out.Hint = refusedHint(out.Refused, l.allowed)
	switch out.Exit {
	case markedAsFailed:
		// exec.test.fail() is a script's verdict, like a threshold.
		out.Thresholds = append(out.Thresholds, evidence.Threshold{Metric: "test", Source: "exec.test.fail()"})
		fallthrough
	case thresholdsFailed:
		out.ThresholdsFailed = true
	}
	return out
}

func (l *Load) failure(out Outcome) error {
	_, began := l.Started()
	status := hint.BrokenOff
	if !began {
		status = hint.NotStarted
	}
	fail := func(err error, todo string) error {
		if out.Hint != "" {
			todo = out.Hint
		}
		if todo != "" {
			err = hint.Wrap(err, todo)
		}
		return hint.Exit(err, status)
	}
	msg, detail := lastError(out.Log)
	if l.bye != nil && msg == "" {
		msg = l.bye.Error
	}
	switch {
	case out.Stopped:
		return nil
	case l.readErr != nil:
		return fail(l.readErr, "")
	case out.Exit == 0, out.Exit == thresholdsFailed, out.Exit == markedAsFailed:
		if l.bye == nil && began {
			return fail(errors.New("k6 ended without its last figures"), "")
		}
		if !began {
			return fail(errors.New("k6 ended before any user began"), "a script needs scenarios with work to do")
		}
		return nil
	case out.Exit == externalAbort:
		return fail(errors.New("k6 was stopped by a signal that was not ours"), "")
	case out.Exit == scriptAborted:
		return fail(fmt.Errorf("the script stopped the test: %s", strings.TrimPrefix(msg, "test aborted: ")), detail)
	case out.Exit < 0:
		ws, _ := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
		return fail(fmt.Errorf("k6 was killed: %v", ws.Signal()), "look whether the machine ran out of memory")
	case msg == "":
		return fail(fmt.Errorf("k6 ended with status %d", out.Exit), detail)
	default:
		return fail(fmt.Errorf("k6: %s", msg), detail)
	}
}

func (o *Options) exe() (string, error) {
	if o.Exe != "" {
		return o.Exe, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find our own binary: %w", err)
	}
	return exe, nil
}

// environment gives a script the target under the names that scripts use,
// where the user has not set them.
func (o *Options) environment() []string {
	extra := map[string]string{}
	if o.Plan != nil && o.Plan.Target != "" {
		for _, k := range []string{"TARGET", "BASE_URL"} {
			if os.Getenv(k) == "" {
				extra[k] = o.Plan.Target
			}
		}
	}
	for k, v := range o.Env {
		extra[k] = v
	}
	return environment(os.Environ(), o.Plan == nil || o.Plan.Kind == scenarios.Script, extra)
}

func scriptArgs(ctx context.Context, o Options, allowed []string) ([]string, error) {
	text, err := os.ReadFile(o.Script)
	if err != nil {
		return nil, hint.Exit(fmt.Errorf("read script: %w", err), hint.NotStarted)
	}
	need, err := Inspect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := need.check(o.Plan.Limits); err != nil {
		return nil, err
	}
	addrs, err := resolve(ctx, allowed)
	if err != nil {
		return nil, err
	}
	black := need.BlacklistIPs
	for _, p := range complement(addrs) {
		black = append(black, p.String())
	}
	args := []string{"--blacklist-ip=" + strings.Join(black, ",")}
	if ceiling := int64(math.Floor(o.Plan.Limits.Rate)); o.Plan.Limits.Rate > 0 {
		ceiling = max(ceiling, 1)
		if need.RPS > 0 {
			ceiling = min(ceiling, need.RPS)
		}
		args = append(args, "--rps="+strconv.FormatInt(ceiling, 10))
	}
	if len(need.Thresholds) == 0 {
		// Without any, k6 would still keep every value for them.
		args = append(args, "--no-thresholds")
	}
	if !bytes.Contains(text, []byte("handleSummary")) {
		args = append(args, "--summary-mode=disabled")
	}
	return append(args, o.Script), nil
}

// journeysScript returns the script that hands plan and scenario to our
// executor. It goes through stdin: nothing is left behind on disk.
func journeysScript(o Options) ([]byte, error) {
	options, err := json.Marshal(map[string]any{
		"scenarios": map[string]any{
			"scalecheck": map[string]any{
				"executor": "scalecheck",
				"plan":     o.Plan,
				"scenario": o.Scenario,
				// k6's metrics only where an output wants them.
				"metrics": len(o.Outputs) > 0,
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("hand the plan to k6: %w", err)
	}
	return fmt.Appendf(nil, "export const options = %s;\nexport default function () {}\n", options), nil
}

// Refused waits for the end of the load and returns what to do about requests
// that the guard kept back, or "".
func (l *Load) Refused() string { return l.Outcome().Hint }
