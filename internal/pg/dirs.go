package pg

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// layout is raised when a cached cluster made by an older scalecheck is of no use any more.
const layout = 1

// tag marks a directory as a cache that may be deleted at any time (https://bford.info/cachedir/), which backup tools
// respect. Here it also says that the directory is ours: one without it is not touched.
const tag = "CACHEDIR.TAG"

// maxSocketDir: struct sockaddr_un has 104 bytes for the path on BSD and macOS; "/.s.PGSQL.65535.lock" and a NUL come
// on top.
const maxSocketDir = 80

// openCached takes the cached directory in root.
func (c *Cluster) openCached(root string) (err error) {
	if root == "" {
		if root, err = cacheDir(); err != nil {
			return err
		}
	}
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	writable := func(err error) error {
		return hint.Wrapf(err, "make %s writable, or choose another directory", root)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return writable(err)
	}
	if err := c.account.reaches(root); err != nil {
		return err
	}
	dir := filepath.Join(root, cachedName(c.version))
	if c.unlock, err = tryLock(dir + ".lock"); errors.Is(err, errLocked) {
		return err
	} else if err != nil {
		return writable(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writable(err)
	}
	ours := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == tag })
	if len(entries) > 0 && !ours {
		return hint.Wrapf(fmt.Errorf("%s is in the way: it was not made by scalecheck", dir), "move it away")
	}
	c.dir, c.cached = dir, true
	if len(entries) > 0 && !c.account.owns(dir) {
		// Made when the server ran as another user.
		if err := c.stopStale(); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return writable(err)
		}
		ours = false
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return writable(err)
	}
	text := "Signature: 8a477f597d28d172789f06886806bc55\n# A PostgreSQL cluster of scalecheck, which makes a new one when this is deleted.\n"
	if !ours {
		// While the directory is still ours alone.
		if err := os.WriteFile(filepath.Join(dir, tag), []byte(text), 0o644); err != nil {
			return writable(err)
		}
	}
	if err := c.account.own(dir); err != nil {
		return writable(err)
	}
	return nil
}

// cachedName names the directory of the cached cluster: data of another major version is of no use.
func cachedName(version string) string { return fmt.Sprintf("pg%d-%d", major(version), layout) }

// openThrowaway makes a temporary directory, in parent if that is not empty.
func (c *Cluster) openThrowaway(parent string) (err error) {
	if c.unlock != nil {
		c.unlock()
		c.unlock = nil
	}
	c.cached = false
	parents := []string{parent}
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return hint.Wrapf(err, "make %s writable, or choose another directory", parent)
		}
	} else {
		// TMPDIR of root may be a place that the server's account cannot enter.
		parents = []string{os.TempDir(), "/tmp", "/var/tmp"}
	}
	var errs []error
	for _, parent := range parents {
		if err := c.account.reaches(parent); err != nil {
			errs = append(errs, err)
			continue
		}
		dir, err := os.MkdirTemp(parent, "scalecheck-pg-")
		if err != nil {
			errs = append(errs, hint.Wrapf(err, "make %s writable, or choose another directory (TMPDIR)", parent))
			continue
		}
		c.dir = dir
		return c.account.own(dir)
	}
	return errs[0]
}

// prepare does what is the same for every directory.
func (c *Cluster) prepare() (err error) {
	if c.root, err = os.OpenRoot(c.dir); err != nil {
		return err
	}
	c.sockets = c.dir
	if len(c.dir) > maxSocketDir {
		if c.sockets, err = os.MkdirTemp("/tmp", "scalecheck-"); err != nil {
			return err
		}
		if err := c.account.own(c.sockets); err != nil {
			return err
		}
	}
	c.watchdog, err = startWatchdog(c.account, c.temporary()...)
	return err
}

// temporary returns the directories that go when the server does.
func (c *Cluster) temporary() (dirs []string) {
	if c.dir != "" && !c.cached {
		dirs = append(dirs, c.dir)
	}
	if c.sockets != c.dir {
		dirs = append(dirs, c.sockets)
	}
	return dirs
}

// stopStale stops a server that a killed scalecheck left on our data directory. We hold the directory's lock, so
// that there is nobody whom it could still serve.
func (c *Cluster) stopStale() error {
	data := filepath.Join(c.dir, "data")
	lock := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(lock)
	if err != nil {
		return nil
	}
	pid, err := strconv.Atoi(firstLine(string(text)))
	if err != nil || pid <= 1 {
		return os.Remove(lock)
	}
	for i, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} {
		if !serves(pid, data) {
			break
		}
		c.logger.Info("stopping the server that an earlier scalecheck left", slog.Int("pid", pid), slog.Int("attempt", i+1))
		syscall.Kill(pid, s)
		for deadline := time.Now().Add(10 * time.Second); serves(pid, data) && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
	}
	if serves(pid, data) {
		return hint.Wrapf(fmt.Errorf("a server (process %d) that an earlier scalecheck left on %s does not stop", pid, data), "kill -9 %d", pid)
	}
	// The process id may have gone to somebody else, whom the server would take for a living postmaster.
	if err := os.Remove(lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// serves reports whether the process is a postmaster on the data directory.
func serves(pid int, data string) bool {
	if _, err := os.Stat("/proc/self/cwd"); err == nil {
		cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)) // the server changes to its data directory
		real, realErr := filepath.EvalSymlinks(data)
		return err == nil && realErr == nil && cwd == real
	}
	out, _ := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return strings.Contains(string(out), data)
}
