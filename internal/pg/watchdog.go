package pg

import (
	"fmt"
	"io"
	"os/exec"
)

// watch is the watchdog: a shell that waits for the end of a pipe whose other end we hold. When scalecheck dies,
// however it dies, the kernel closes the pipe; the shell then stops the server at once (SIGQUIT) and removes the
// directories given as arguments. A line in the pipe is the server's process id, an empty one says that there is no server, and
// "bye" sends the watchdog home.
//
// Linux could send the server a signal by itself when its parent dies (PR_SET_PDEATHSIG). It was dropped: it fires
// when the starting *thread* ends, other systems do not have it, and somebody must remove the directories of a
// throwaway cluster anyway. If the shell misses a server that we started a moment before we died, removing the data directory
// ends it as well: the postmaster looks for its lock file once a minute.
const watch = `
trap '' HUP INT TERM
pid=
while read -r line; do
	test "$line" != bye || exit 0
	pid=$line
done
test -z "$pid" || kill -QUIT "$pid"
n=0
while test -n "$pid" && kill -0 "$pid" 2>/dev/null && test $n -lt 10; do sleep 1; n=$((n+1)); done
test $# = 0 || rm -rf "$@"
`

type watchdog struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// startWatchdog starts a watchdog that removes dirs at the end. It runs as the account: it needs no more rights than
// the server has.
func startWatchdog(a *account, dirs ...string) (*watchdog, error) {
	cmd := a.command("/", "/bin/sh", append([]string{"-c", watch, "scalecheck-watchdog"}, dirs...)...)
	// Neither stdout nor stderr: who reads ours to the end (go test does) would wait for the watchdog.
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start watchdog: %w", err)
	}
	return &watchdog{cmd, pipe}, nil
}

// guard says which process to stop; 0 is none.
func (w *watchdog) guard(pid int) error {
	line := "\n"
	if pid != 0 {
		line = fmt.Sprintf("%d\n", pid)
	}
	_, err := io.WriteString(w.pipe, line)
	return err
}

// dismiss ends the watchdog, which then does nothing.
func (w *watchdog) dismiss() {
	if w == nil {
		return
	}
	io.WriteString(w.pipe, "bye\n")
	w.pipe.Close()
	w.cmd.Wait()
}
