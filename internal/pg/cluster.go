package pg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// layout is raised when a cached cluster made by an older scalecheck is of no use any more.
const layout = 1

// tag marks a directory as a cache that may be deleted at any time (https://bford.info/cachedir/), which backup tools
// respect. Here it also says that the directory is ours: one without it is not touched.
const tag = "CACHEDIR.TAG"

// passwordFile is in the data directory.
const passwordFile = "scalecheck.password"

const (
	// startTimeout: seconds as a rule, but recovery after a crash replays up to max_wal_size of WAL.
	startTimeout = 2 * time.Minute
	// stopTimeout: a fast shutdown writes a checkpoint. Who loses patience gets an immediate one: the next start of
	// a cached cluster then replays the WAL.
	stopTimeout = time.Minute
	// maxSocketDir: struct sockaddr_un has 104 bytes for the path on BSD and macOS; "/.s.PGSQL.65535.lock" and a
	// NUL come on top.
	maxSocketDir = 80
)

// Options say which server to start, and where. The zero value is good.
type Options struct {
	// BinDir is the directory of initdb and postgres (--pg-bin); empty: it is looked for, see Ensure.
	BinDir string
	// Dir is where directories for the data and for downloaded binaries are made; empty: the user's cache directory
	// (root's is /var/cache/scalecheck). What is there is kept for the next run.
	Dir string
	// Throwaway makes a new cluster in a temporary directory (in Dir, if that is set), removed by Stop.
	Throwaway bool
	// Settings are added to postgresql.conf, over those of this package.
	Settings map[string]string
	// Logger is told what takes long and what was unusual; nil: nobody.
	Logger *slog.Logger
	// Download gets the binaries when none are found; nil: Maven.
	Download Downloader
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}

// settings of a modest but not naive server. What is not here is at the server's default, since that is what most
// users have: autovacuum, JIT, work_mem, random_page_cost.
var settings = map[string]string{
	"listen_addresses": "127.0.0.1",
	"max_connections":  "200", // pools of several processes, and ours
	// shared_buffers: small enough for a laptop, large enough that size M fits and L does not.
	"shared_buffers": "256MB",
	// No checkpoint in the middle of a run because of the WAL's size: its IO would be taken for the application's.
	"max_wal_size":       "2GB",
	"checkpoint_timeout": "15min",
	// What the collectors read.
	"track_io_timing":           "on",
	"track_wal_io_timing":       "on",
	"compute_query_id":          "on",
	"track_activity_query_size": "4096",
	"pg_stat_statements.max":    "5000",
	"pg_stat_statements.save":   "off", // a run starts with nothing, also on a cached cluster
	// Same everywhere, and readable by this package.
	"lc_messages":         "C",
	"TimeZone":            "UTC",
	"log_timezone":        "UTC",
	"log_destination":     "stderr",
	"logging_collector":   "off",
	"log_line_prefix":     "%m [%p] %d ",
	"cluster_name":        "scalecheck",
	"password_encryption": "scram-sha-256",
}

// preload is what is put into shared_preload_libraries; the server starts without what it does not have.
var preload = []string{"pg_stat_statements", "auto_explain"}

// Cluster is a private PostgreSQL server that runs as a child of this process.
type Cluster struct {
	*Server
	// Caveats say, one sentence each, what this server lacks for measuring.
	Caveats []string

	bin     string
	account *account
	logger  *slog.Logger
	options map[string]string
	cached  bool   // the directory is kept
	dir     string // holds data and log
	sockets string // directory of the Unix socket: dir, or a short one
	port    int
	known   map[string]bool // names of the server's settings
	libs    []string        // to preload

	unlock   func()
	watchdog *watchdog
	cmd      *exec.Cmd
	done     chan struct{} // closed when the postmaster has ended
	stop     sync.Mutex
	stopped  bool
	password string
}

// Start finds (or downloads) PostgreSQL and starts a private server. Databases of the server have the extension
// pg_stat_statements.
//
// Without Throwaway, the data directory is kept for the next Start with the same major version, with its template
// databases. One process at a time can use it: while another does, and when no cache directory can be had, the
// cluster is a throwaway one (but an unusable o.Dir is an error). A cached data directory that does not start any
// more is removed and made anew.
//
// ctx bounds the start only. The caller calls Stop.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{logger: o.logger(), options: o.Settings, libs: preload}
	defer func() {
		if err != nil {
			err = hint.Exit(fmt.Errorf("start PostgreSQL: %w", c.explain(err)), hint.NotStarted)
		}
	}()
	bin, version, err := ensure(ctx, o)
	if err != nil {
		return nil, err
	}
	c.bin = bin
	c.Server = &Server{dsn: c.socketDSN, version: version, private: true, keep: defaultKeep}
	if c.account, err = serverAccount(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.cleanUp()
		}
	}()
	if !o.Throwaway {
		err = c.openCached(o.Dir)
		if err != nil && (errors.Is(err, errLocked) || o.Dir == "") {
			c.logger.Info("no cached PostgreSQL, starting a throwaway one", slog.String("reason", err.Error()))
			o.Dir, o.Throwaway = "", true
		} else if err != nil {
			return nil, err
		}
	}
	if o.Throwaway {
		if err := c.openThrowaway(o.Dir); err != nil {
			return nil, err
		}
	}
	if err := c.prepareSockets(); err != nil {
		return nil, err
	}
	c.admin = c.DSN("postgres")
	if err := c.boot(ctx); err != nil {
		return nil, err
	}
	c.logger.Debug("PostgreSQL is running", slog.String("version", version), slog.String("dir", c.dir), slog.Int("port", c.port), slog.Int("pid", c.PID()))
	return c, nil
}

// Cached reports whether the cluster's directory, with its templates, is kept for the next run.
func (c *Cluster) Cached() bool { return c.cached }

// Dir returns the cluster's directory: data is the data directory, log the server's log.
func (c *Cluster) Dir() string { return c.dir }

// BinDir returns the directory of the server's programs.
func (c *Cluster) BinDir() string { return c.bin }

// Port returns the server's TCP port on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

// PID returns the process id of the postmaster, the parent of all backends.
func (c *Cluster) PID() int { return c.cmd.Process.Pid }

// Done is closed when the server has ended, by Stop or by itself.
func (c *Cluster) Done() <-chan struct{} { return c.done }

// socketDSN is Server.DSN.
func (c *Cluster) socketDSN(db string) string {
	query := url.Values{"host": {c.sockets}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + db, RawQuery: query.Encode()}).String()
}

// TCP returns the connection string through 127.0.0.1, for programs that know no Unix sockets or for who wants the
// cost of TCP in the picture. It contains the password.
func (c *Cluster) TCP(db string) string {
	return (&url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + db,
		RawQuery: "sslmode=disable",
	}).String()
}

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
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return writable(err)
	}
	text := "Signature: 8a477f597d28d172789f06886806bc55\n# A PostgreSQL cluster of scalecheck, which makes a new one when this is deleted.\n"
	if err := os.WriteFile(filepath.Join(dir, tag), []byte(text), 0o644); err != nil {
		return writable(err)
	}
	if err := c.account.own(dir); err != nil {
		return writable(err)
	}
	c.watchdog, err = startWatchdog(c.account)
	return err
}

// cachedName names the directory of the cached cluster: data of another major version is of no use.
func cachedName(version string) string { return fmt.Sprintf("pg%d-%d", major(version), layout) }

// openThrowaway makes a temporary directory, in parent if that is not empty.
func (c *Cluster) openThrowaway(parent string) (err error) {
	if c.unlock != nil {
		c.unlock()
		c.unlock = nil
	}
	c.watchdog.dismiss()
	c.watchdog, c.cached = nil, false
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
		if err := c.account.own(dir); err != nil {
			return err
		}
		c.watchdog, err = startWatchdog(c.account, dir)
		return err
	}
	return errs[0]
}

// prepareSockets chooses the directory of the Unix socket.
func (c *Cluster) prepareSockets() (err error) {
	c.sockets = c.dir
	if len(c.dir) <= maxSocketDir {
		return nil
	}
	if c.sockets, err = os.MkdirTemp("/tmp", "scalecheck-"); err != nil {
		return err
	}
	return c.account.own(c.sockets)
}

// boot brings the server up on the data directory, making the latter if need be.
func (c *Cluster) boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.stopStale(); err != nil {
		return err
	}
	if err := c.describeSettings(ctx); err != nil {
		return err
	}
	data, broken := filepath.Join(c.dir, "data"), filepath.Join(c.dir, "data.broken")
	if err := os.RemoveAll(broken); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err != nil { // there is none, or not much of one
		if err := os.RemoveAll(data); err != nil {
			return err
		}
		return c.make(ctx)
	}
	cached := c.run(ctx)
	if cached == nil || ctx.Err() != nil || diskFull(cached) {
		return cached
	}
	// Is it the data, which is only a cache, or would any server fail here (settings, memory)? A new one will tell.
	c.logger.Warn("the cached PostgreSQL does not start, making a new one", slog.String("dir", c.dir), slog.String("reason", cached.Error()))
	if err := os.Rename(data, broken); err != nil {
		return err
	}
	if err := c.make(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(data), os.Rename(broken, data))
	}
	return os.RemoveAll(broken)
}

// make makes a data directory and starts the server on it.
func (c *Cluster) make(ctx context.Context) error {
	if err := c.initdb(ctx); err != nil {
		return err
	}
	return c.run(ctx)
}

// initdb makes the data directory. It appears under its name when it is complete.
func (c *Cluster) initdb(ctx context.Context) error {
	unfinished := filepath.Join(c.dir, "data.new")
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	password, err := os.CreateTemp(c.dir, "password-")
	if err != nil {
		return err
	}
	defer os.Remove(password.Name())
	_, err = io.WriteString(password, rand.Text()+"\n")
	if err := first(err, password.Close(), c.account.own(password.Name())); err != nil {
		return err
	}
	run := func(lcCtype string) ([]byte, error) {
		cmd := c.account.command(c.dir, filepath.Join(c.bin, "initdb"),
			"--pgdata", unfinished,
			"--username", "postgres",
			"--pwfile", password.Name(),
			"--auth-local", "trust", "--auth-host", "scram-sha-256",
			// Collation C, whatever the machine has: same plans and same order everywhere. Note that LIKE 'x%'
			// can use a plain index under it.
			"--encoding", "UTF8", "--locale", "C", "--lc-ctype", lcCtype,
			"--no-sync", "--no-instructions")
		return output(ctx, cmd)
	}
	// Character classes beyond ASCII (lower, trigrams) want a UTF-8 locale, which not every machine has.
	out, err := run("C.UTF-8")
	if err != nil && bytes.Contains(out, []byte("invalid locale name")) {
		if err := os.RemoveAll(unfinished); err != nil {
			return err
		}
		out, err = run("C")
	}
	if err != nil {
		return toolError("initdb", err, out)
	}
	// The password stays with the data that it belongs to; the server does not mind the file.
	if err := os.Rename(password.Name(), filepath.Join(unfinished, passwordFile)); err != nil {
		return err
	}
	return os.Rename(unfinished, filepath.Join(c.dir, "data"))
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func toolError(name string, err error, out []byte) error {
	if s := telling(string(out)); s != "" {
		return fmt.Errorf("%s: %w: %s", name, err, s)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// output runs cmd to its end, or kills its process group when ctx ends.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err := cmd.Wait()
	if !stop() && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.Bytes(), err
}

// describeSettings asks the server which settings it has.
func (c *Cluster) describeSettings(ctx context.Context) error {
	out, err := output(ctx, c.account.command(c.dir, filepath.Join(c.bin, "postgres"), "--describe-config"))
	if err != nil {
		return toolError("postgres --describe-config", err, out)
	}
	c.known = map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, "\t")
		c.known[strings.ToLower(name)] = true
	}
	return nil
}

// configure writes postgresql.conf. What an earlier run has set with ALTER SYSTEM is forgotten.
func (c *Cluster) configure() error {
	conf := maps.Clone(settings)
	for name := range conf { // each version has its own
		if !strings.Contains(name, ".") && !c.known[strings.ToLower(name)] {
			delete(conf, name)
		}
	}
	conf["shared_preload_libraries"] = strings.Join(c.libs, ",")
	maps.Copy(conf, c.options)
	conf["port"] = strconv.Itoa(c.port)
	conf["unix_socket_directories"] = c.sockets
	var b strings.Builder
	b.WriteString("# Written by scalecheck at every start.\n")
	for _, name := range slices.Sorted(maps.Keys(conf)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.NewReplacer(`\`, `\\`, `'`, `''`, "\n", `\n`).Replace(conf[name]))
	}
	data := filepath.Join(c.dir, "data")
	if err := os.Remove(filepath.Join(data, "postgresql.auto.conf")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := filepath.Join(data, "postgresql.conf")
	return first(os.WriteFile(name, []byte(b.String()), 0o600), c.account.own(name))
}

// run starts the server, and waits until databases can be made.
func (c *Cluster) run(ctx context.Context) error {
	password, err := os.ReadFile(filepath.Join(c.dir, "data", passwordFile))
	if err != nil {
		return err
	}
	c.password = strings.TrimSpace(string(password))
	// Attempts are repeated for reasons that can go away: the port was taken between choosing and using it, a library
	// is missing, backends of a killed postmaster still hold the shared memory.
	for attempt := 1; ; attempt++ {
		var log string
		if log, err = c.launch(ctx); err == nil {
			break
		}
		if lib, ok := missingLibrary(log, c.libs); ok {
			c.libs = slices.DeleteFunc(slices.Clone(c.libs), func(s string) bool { return s == lib })
			c.Caveats = append(c.Caveats, fmt.Sprintf("PostgreSQL %s in %s comes without %s: install its contrib package", c.version, c.bin, lib))
			continue
		}
		again := strings.Contains(log, "could not bind") || strings.Contains(log, "Address already in use") ||
			strings.Contains(log, "pre-existing shared memory block")
		if !again || attempt == 10 || ctx.Err() != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
	if err := c.setUp(ctx); err != nil {
		c.end(context.WithoutCancel(ctx), false)
		return err
	}
	return nil
}

// setUp brings a running server into the state that callers expect.
func (c *Cluster) setUp(ctx context.Context) error {
	if slices.Contains(c.libs, "pg_stat_statements") {
		for _, db := range []string{"template1", "postgres"} { // template1 is what new databases are copied from
			err := c.with(ctx, c.DSN(db), func(conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, "/* scalecheck */ CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
				return err
			})
			if code(err) == "58P01" || code(err) == "0A000" { // undefined_file, feature_not_supported: no control file
				c.Caveats = append(c.Caveats, fmt.Sprintf("PostgreSQL %s in %s has the library but not the extension pg_stat_statements: install its contrib package", c.version, c.bin))
				break
			}
			if err != nil {
				return fmt.Errorf("extension pg_stat_statements: %w", err)
			}
		}
	}
	if c.cached {
		return c.dropLeftovers(ctx)
	}
	return nil
}

// launch makes one attempt to start the server. With an error it returns what the server logged.
func (c *Cluster) launch(ctx context.Context) (log string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	c.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	c.admin = c.DSN("postgres")
	if err := c.configure(); err != nil {
		return "", err
	}
	logName := filepath.Join(c.dir, "log")
	logFile, err := os.Create(logName)
	if err != nil {
		return "", err
	}
	defer logFile.Close()
	cmd := c.account.command(c.dir, filepath.Join(c.bin, "postgres"), "-D", filepath.Join(c.dir, "data"))
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return "", err
	}
	c.cmd, c.done = cmd, make(chan struct{})
	guardErr := c.watchdog.guard(cmd.Process.Pid)
	go func() {
		cmd.Wait() // how it ended is in ProcessState
		c.watchdog.guard(0)
		close(c.done)
	}()
	if err := first(guardErr, c.ready(ctx)); err != nil {
		c.end(ctx, false)
		text, _ := os.ReadFile(logName)
		c.logger.Debug("PostgreSQL did not start", slog.String("log", string(text)))
		if s := telling(string(text)); s != "" {
			err = fmt.Errorf("%w: %s", err, s)
		}
		return string(text), err
	}
	return "", nil
}

// ready waits until the server accepts connections.
func (c *Cluster) ready(ctx context.Context) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := c.with(attempt, c.admin, func(conn *pgx.Conn) error { return conn.Ping(attempt) })
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("the server ended (%s)", c.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%w: the last attempt to connect: %w", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server and, when it is a throwaway, removes its directory. Sessions are broken off. When ctx ends (it
// may have ended before), the server is stopped the hard way. Stopping twice is no error. Stop says when the server
// had ended by itself.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stop.Lock()
	defer c.stop.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	err := c.end(ctx, c.cached)
	c.cleanUp()
	return err
}

// end ends the postmaster: after a checkpoint if orderly, else at once.
func (c *Cluster) end(ctx context.Context, orderly bool) error {
	if c.cmd == nil {
		return nil
	}
	select {
	case <-c.done:
		return fmt.Errorf("PostgreSQL had ended by itself (%s)", c.cmd.ProcessState)
	default:
	}
	wait := func(ctx context.Context, s syscall.Signal, limit time.Duration) bool {
		c.cmd.Process.Signal(s)
		select {
		case <-c.done:
			return true
		case <-ctx.Done():
		case <-time.After(limit):
		}
		return false
	}
	// SIGINT is a fast shutdown, SIGQUIT an immediate one, in which the postmaster gives its children 5 s.
	if orderly && wait(ctx, syscall.SIGINT, stopTimeout) {
		return nil
	}
	if wait(context.WithoutCancel(ctx), syscall.SIGQUIT, 15*time.Second) {
		return nil
	}
	c.cmd.Process.Signal(syscall.SIGKILL)
	<-c.done
	return errors.New("stop PostgreSQL: it did not react and was killed")
}

// cleanUp gives back what a stopped or half-started cluster holds.
func (c *Cluster) cleanUp() {
	if c.dir != "" && !c.cached {
		os.RemoveAll(c.dir)
	}
	if c.sockets != c.dir {
		os.RemoveAll(c.sockets)
	}
	c.watchdog.dismiss()
	if c.unlock != nil {
		c.unlock()
	}
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

// missingLibrary returns the library that the server could not load, if the log says so.
func missingLibrary(log string, libs []string) (string, bool) {
	for _, lib := range libs {
		if strings.Contains(log, `could not access file "`+lib+`"`) || strings.Contains(log, `could not load library "`+lib) {
			return lib, true
		}
	}
	return "", false
}

// telling returns the lines of a log that say why a server did not start; the last line if none does.
func telling(log string) string {
	var lines []string
	last := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if line != "" {
			last = line
		}
		for _, level := range []string{"FATAL:", "PANIC:", "error:", "ERROR:"} {
			if _, text, ok := strings.Cut(line, level); ok && len(lines) < 3 {
				lines = append(lines, strings.TrimSpace(text))
				break
			}
		}
		// What is wrong in a configuration file has the level LOG.
		if _, text, ok := strings.Cut(line, "LOG:"); ok && strings.Contains(text, " parameter ") && len(lines) < 3 {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	if len(lines) == 0 {
		return last
	}
	return strings.Join(slices.Compact(lines), "; ")
}

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "No space left on device") ||
		strings.Contains(err.Error(), "could not extend file") // "wrote only 4096 of 8192 bytes"
}

// explain adds a hint for what goes wrong on other people's machines.
func (c *Cluster) explain(err error) error {
	switch {
	case hint.Of(err) != "" || c.account == nil:
		return err
	case diskFull(err):
		return hint.Wrapf(err, "free space on the disk that holds %s", c.dir)
	case errors.Is(err, syscall.EPERM) && c.account.drop:
		return hint.Wrapf(err, "scalecheck is root but may not become %s here: run it as an ordinary user", c.account.name)
	case errors.Is(err, fs.ErrPermission), strings.Contains(err.Error(), "Permission denied"):
		return hint.Wrapf(err, "the user that the server runs as needs to execute %s and to write %s", c.bin, c.dir)
	case c.cached:
		return hint.Wrapf(err, "the server's log is %s", filepath.Join(c.dir, "log"))
	}
	return err
}
