package pg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

const (
	// startTimeout: seconds as a rule, but recovery after a crash replays up to max_wal_size of WAL.
	startTimeout = 2 * time.Minute
	// stopTimeout: a fast shutdown writes a checkpoint. Who loses patience gets an immediate one: the next start of
	// a cached cluster then replays the WAL.
	stopTimeout = time.Minute
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
	// root is dir. Root writes to a directory that belongs to another account: through this, whoever that is cannot
	// lead it elsewhere with a symbolic link.
	root    *os.Root
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
	if err := c.prepare(); err != nil {
		return nil, err
	}
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
	for _, dir := range c.temporary() {
		os.RemoveAll(dir)
	}
	c.watchdog.dismiss()
	if c.root != nil {
		c.root.Close()
	}
	if c.unlock != nil {
		c.unlock()
	}
}
