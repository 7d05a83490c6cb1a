// Package bench is what the measurements of the load generator share: a target
// at next to no cost in a process of its own, and what a process has used. The
// programs below it compare the generator with others, on the machine that they
// run on; what they print is no test, since it depends on that machine.
//
// It reads /proc: Linux only.
package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Roles of a program that starts itself once more.
const (
	serveRole = "bench-serve"
	timerRole = "bench-timer"
)

// Role runs the part of the program that this process was started for, and does
// not return then. A main calls it first.
func Role() {
	if len(os.Args) != 2 {
		return
	}
	switch os.Args[1] {
	case serveRole:
		serve()
	case timerRole:
		timer()
	default:
		return
	}
	os.Exit(0)
}

// pinnedEnv marks a program that has pinned itself.
const pinnedEnv = "SCALECHECK_BENCH_PINNED"

// Pin starts the program again with one processor for itself and the generators
// that it starts, while targets get another one; it returns whether that is so.
// Without it, what a request costs depends on how many processors the runtime
// believes it has to wake.
func Pin() bool {
	if os.Getenv(pinnedEnv) != "" {
		return true
	}
	taskset, err := exec.LookPath("taskset")
	exe, err2 := os.Executable()
	if err != nil || err2 != nil || runtime.NumCPU() < 2 {
		return false
	}
	env := append(os.Environ(), pinnedEnv+"=1")
	err = syscall.Exec(taskset, append([]string{"taskset", "-c", "0", exe}, os.Args[1:]...), env)
	fmt.Fprintln(os.Stderr, "not pinned:", err)
	return false
}

// A Peer is a process in one of the roles.
type Peer struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

func peer(role string) (*Peer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, role)
	if os.Getenv(pinnedEnv) != "" && role == serveRole {
		cmd = exec.Command("taskset", "-c", "1", exe, role)
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Peer{cmd, in, bufio.NewReader(out)}, nil
}

// Close ends the process and returns what else it said.
func (p *Peer) Close() (string, error) {
	p.stdin.Close()
	rest, err := io.ReadAll(p.out)
	return strings.TrimSpace(string(rest)), errors.Join(err, p.cmd.Wait())
}

// A Server is the target: every answer is ready at once.
type Server struct {
	*Peer
	URL string
}

// Serve starts the target.
func Serve() (*Server, error) {
	p, err := peer(serveRole)
	if err != nil {
		return nil, fmt.Errorf("start target: %w", err)
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("start target: %w", err)
	}
	return &Server{p, strings.TrimSpace(line)}, nil
}

// Requests returns how many requests the target has answered, this one left out.
func (s *Server) Requests() (int64, error) {
	resp, err := http.Get(s.URL + "/count")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// serve is a small application: a page of 92 bytes, a log-in with a cookie, a
// list, and changes to what is in it.
func serve() {
	var n atomic.Int64
	page := []byte(`{"id": 7, "name": "a thing of some kind", "owner": {"id": 42, "name": "somebody"}, "ok": true}`)
	list := []byte(`{"ok": true, "items": [{"id": 11, "name": "one"}, {"id": 12, "name": "two"}, {"id": 13, "name": "three"}, {"id": 14, "name": "four"}, {"id": 15, "name": "five"}]}`)
	answer := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.Write(b)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", answer(page))
	mux.HandleFunc("GET /items", answer(list))
	mux.HandleFunc("POST /items/{id}", answer(page))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "0123456789abcdef", Path: "/"})
		w.Write([]byte(`{"ok": true}`))
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, n.Load()) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("http://%s\n", l.Addr())
	go http.Serve(l, mux)
	io.Copy(io.Discard, os.Stdin)
}

// Timer starts a process that only watches how late its timers are. Close
// returns the 99th percentile in milliseconds.
func Timer() (*Peer, error) { return peer(timerRole) }

func timer() {
	over := make(chan struct{})
	go func() { io.Copy(io.Discard, os.Stdin); close(over) }()
	var late []time.Duration
	for {
		nap := time.Duration(rand.Int64N(int64(20 * time.Millisecond)))
		begin := time.Now()
		select {
		case <-time.After(nap):
			late = append(late, time.Since(begin)-nap)
			continue
		case <-over:
		}
		break
	}
	slices.Sort(late)
	p99 := time.Duration(0)
	if len(late) > 0 {
		p99 = late[len(late)*99/100]
	}
	fmt.Printf("%.3f\n", float64(p99)/1e6)
}

// CPU returns the processor time of all threads that a process has. It is the
// scheduler's own account in nanoseconds; the counters of rusage tick.
func CPU(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("process %d is gone", pid)
	}
	var sum int64
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // a thread that has just ended
		}
		ns, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", t, err)
		}
		sum += n
	}
	return time.Duration(sum), nil
}

// PeakRSS returns the most memory that a process has had resident, in megabytes.
func PeakRSS(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d says nothing of its memory", pid)
}

// K6 starts the binary as plain k6 with a script.
func K6(bin, script string, env []string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(bin)
	cmd.Args = append([]string{"k6", "run", "--quiet", "--no-color", "--address="}, append(args, "-")...)
	cmd.Stdin = strings.NewReader(script)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), append(env, "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false")...)
	return cmd, cmd.Start()
}

// Write writes a result as JSON.
func Write(path string, result any) error {
	b, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
