// Package bundled sets the reference app up as a stranger's application would
// be: a database of its own, and a process of its own that is seen only through
// HTTP, PostgreSQL and /proc.
package bundled

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	referenceapp "github.com/scalecheck/scalecheck/reference-app"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/internal/pg"
	"github.com/scalecheck/scalecheck/reference-app/faults"
)

// DatabaseEnv names the variable in which the app's process finds its
// connection string: arguments are for everybody to read in ps.
const DatabaseEnv = "SCALECHECK_APP_DATABASE"

// Ready is the line of JSON that the app's process prints when it serves.
type Ready struct {
	URL string `json:"url"`
}

// Options say which app to set up.
type Options struct {
	Server *pg.Server // where its database is made
	Size   referenceapp.Size
	Seed   int64    // of the data
	Faults []string // names; see Faults
	// AccessLog is the file that the app logs requests to, as scalecheck app
	// --access-log takes it; empty: none.
	AccessLog string
	Exe       string // the scalecheck binary; empty: this one
	Tell      func(string)
	Log       io.Writer // the app's stderr; may be nil
}

// App is the reference app in a process of its own.
type App struct {
	URL string
	DSN string // of its database; may hold a password, not to be printed

	db     *pg.Database
	cmd    *exec.Cmd
	stdin  io.Closer // closed, it tells the process to end
	exited chan struct{}
	tail   *tail
	once   sync.Once
	err    error
}

// Faults returns the names of the faults that the user's words mean: "naive"
// is what a first version has all at once, "none" none.
func Faults(words []string) ([]string, error) {
	var names []string
	for _, w := range words {
		switch w {
		case "none":
			if len(words) > 1 {
				return nil, hint.Exit(hint.Wrap(errors.New("--fault none stands beside others"), "leave it out, or the others"), hint.NotStarted)
			}
		case "naive":
			names = append(names, faults.Naive...)
		default:
			names = append(names, w)
		}
	}
	if _, err := faults.Lookup(names); err != nil {
		return nil, hint.Exit(hint.Wrap(err, "--fault naive switches the five of a first version on, --fault none all off"), hint.NotStarted)
	}
	return names, nil
}

// NewDatabase makes and fills the app's database, faults included.
func NewDatabase(ctx context.Context, o Options) (*pg.Database, error) {
	tell := o.Tell
	if tell == nil {
		tell = func(string) {}
	}
	key := fmt.Sprintf("app-%s-%s-%d", referenceapp.SeedVersion(), o.Size, o.Seed)
	db, err := o.Server.NewDatabase(ctx, key, func(ctx context.Context, dsn string) error {
		return referenceapp.Seed(ctx, dsn, o.Size, o.Seed, tell)
	})
	if err != nil {
		return nil, fmt.Errorf("make the app's database: %w", err)
	}
	fs, err := faults.Lookup(o.Faults)
	if err == nil {
		err = faults.Apply(ctx, db.DSN, fs)
	}
	if err != nil {
		return nil, errors.Join(err, drop(ctx, db))
	}
	return db, nil
}

// Start makes the database and starts the app.
func Start(ctx context.Context, o Options) (_ *App, err error) {
	db, err := NewDatabase(ctx, o)
	if err != nil {
		return nil, err
	}
	a := &App{DSN: db.DSN, db: db, exited: make(chan struct{}), tail: &tail{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close(ctx))
		}
	}()
	exe := o.Exe
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this binary: %w", err)
		}
	}
	args := []string{"app", "--child"}
	for _, f := range o.Faults {
		args = append(args, "--fault", f)
	}
	if o.AccessLog != "" {
		args = append(args, "--access-log", o.AccessLog)
	}
	cmd := exec.Command(exe, args...)
	cmd.Args[0] = "scalecheck" // not k6, if that is what this process is called
	cmd.Env = append(os.Environ(), DatabaseEnv+"="+db.DSN)
	cmd.Stderr = a.tail
	if o.Log != nil {
		cmd.Stderr = io.MultiWriter(a.tail, o.Log)
	}
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the app: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the app: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the app: %w", err)
	}
	a.cmd, a.stdin = cmd, stdin
	ready := make(chan Ready, 1)
	go func() {
		defer close(a.exited)
		var r Ready
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		if json.Unmarshal([]byte(line), &r) == nil && r.URL != "" {
			ready <- r
		}
		_, _ = io.Copy(io.Discard, stdout)
		a.err = cmd.Wait()
	}()
	select {
	case r := <-ready:
		a.URL = r.URL
		return a, nil
	case <-a.exited:
		return nil, fmt.Errorf("the app ended at once: %s", a.tail.last())
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(time.Minute):
		return nil, fmt.Errorf("the app did not start within a minute: %s", a.tail.last())
	}
}

// PID returns the process of the app.
func (a *App) PID() int { return a.cmd.Process.Pid }

// closeTimeout bounds the end of the app: it finishes requests and jobs under way.
const closeTimeout = 15 * time.Second

// Close ends the app and drops its database, also when ctx is over.
func (a *App) Close(ctx context.Context) error {
	var err error
	a.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*closeTimeout)
		defer cancel()
		if a.cmd != nil {
			_ = a.stdin.Close() // the process may be gone already
			select {
			case <-a.exited:
			case <-time.After(closeTimeout):
				_ = a.cmd.Process.Kill()
				<-a.exited
			}
		}
		err = drop(ctx, a.db)
	})
	return err
}

func drop(ctx context.Context, db *pg.Database) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return db.Drop(ctx)
}

// tail keeps the end of what was written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailBytes = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf) - tailBytes; n > 0 {
		t.buf = t.buf[n:]
	}
	return len(p), nil
}

// last returns the last line.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.buf)), "\n")
	return lines[len(lines)-1]
}
