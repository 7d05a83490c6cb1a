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
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// passwordFile is in the data directory.
const passwordFile = "scalecheck.password"

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
		return c.makeNew(ctx)
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
	if err := c.makeNew(ctx); err != nil {
		return errors.Join(err, os.RemoveAll(data), os.Rename(broken, data))
	}
	return os.RemoveAll(broken)
}

// makeNew makes a data directory and starts the server on it.
func (c *Cluster) makeNew(ctx context.Context) error {
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
			"--no-sync")
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
	if err := c.root.Rename(filepath.Base(password.Name()), "data.new/"+passwordFile); err != nil {
		return err
	}
	return c.root.Rename("data.new", "data")
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
	if err := c.root.Remove("data/postgresql.auto.conf"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const name = "data/postgresql.conf"
	if err := c.root.WriteFile(name, []byte(b.String()), 0o600); err != nil || !c.account.drop {
		return err
	}
	return c.root.Lchown(name, c.account.uid, c.account.gid)
}

// run starts the server, and waits until databases can be made.
func (c *Cluster) run(ctx context.Context) error {
	password, err := c.root.ReadFile("data/" + passwordFile)
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
	logFile, err := c.root.Create("log")
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
		text, _ := c.root.ReadFile("log")
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
