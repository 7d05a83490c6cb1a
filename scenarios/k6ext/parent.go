package k6ext

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/scalecheck/scalecheck/internal/k6"
)

// lastWill is how long k6 may take for teardown() and its outputs once its
// parent is gone.
const lastWill = 10 * time.Second

// watchParent ends the process when the pipe that its parent holds is closed:
// load must not go on with nobody watching it. On Linux the kernel has sent
// SIGTERM by then, and a second one would keep k6 from its teardown().
func watchParent() {
	fd, err := strconv.Atoi(os.Getenv(k6.ParentEnv))
	if err != nil {
		return
	}
	// Neither the script nor a browser that k6 starts has any business with it.
	os.Unsetenv(k6.ParentEnv)
	closeOnExec(fd)
	f := os.NewFile(uintptr(fd), "parent")
	if !isPipe(f) {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, f)
		if runtime.GOOS != "linux" {
			if p, err := os.FindProcess(os.Getpid()); err == nil {
				_ = p.Signal(os.Interrupt)
			}
		}
		time.Sleep(lastWill)
		os.Exit(143)
	}()
}

func isPipe(f *os.File) bool {
	if f == nil {
		return false
	}
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeNamedPipe != 0
}
