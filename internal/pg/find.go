package pg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// minMajor: DROP DATABASE … WITH (FORCE) and the columns of pg_stat_statements that the collectors need came with 13.
const minMajor = 13

// usualDirs is where packages put server binaries that are not in PATH; * stands for the version.
var usualDirs = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // PGDG packages for RHEL, Fedora, SUSE
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
	"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
	"/Library/PostgreSQL/*/bin",                          // EDB installer
	"/usr/local/pgsql/bin",                               // make install
}

// searchDirs returns usualDirs, or the directories in SCALECHECK_PG_DIRS (separated as in PATH; * allowed): for
// machines with unusual places, and for tests of what happens where there is no PostgreSQL.
func searchDirs() []string {
	if s, ok := os.LookupEnv("SCALECHECK_PG_DIRS"); ok {
		return filepath.SplitList(s)
	}
	return usualDirs
}

// Find returns the directory that holds initdb and postgres, and the server's version ("15.14").
// It tries binDir alone if that is not empty (the directory itself or its bin), else PATH, then the places where the
// packages of Debian, RHEL, Alpine, Homebrew and Postgres.app put them, the newest version first.
// pg_ctl, psql and the rest are not needed. The error says where it looked, and its hint how to install.
func Find(binDir string) (bin, version string, err error) {
	return find(binDir, os.Getenv("PATH"), searchDirs())
}

func find(binDir, path string, dirs []string) (bin, version string, err error) {
	if binDir != "" {
		if bin, err = filepath.Abs(binDir); err != nil {
			return "", "", fmt.Errorf("--pg-bin: %w", err)
		}
		for _, dir := range []string{bin, filepath.Join(bin, "bin")} {
			v, e := inspect(dir)
			if e == nil {
				return dir, v, nil
			}
			if err == nil {
				err = e
			}
		}
		return "", "", hint.Wrap(fmt.Errorf("--pg-bin: %w", err),
			"name the directory that holds initdb and postgres, such as /usr/lib/postgresql/17/bin, or leave --pg-bin out")
	}

	var unfit []string // directories that have a server, and what is wrong with it
	seen := map[string]bool{}
	try := func(dir string) bool {
		if seen[dir] {
			return false
		}
		seen[dir] = true
		v, e := inspect(dir)
		if e == nil {
			bin, version = dir, v
			return true
		}
		if !errors.Is(e, errNoServer) {
			unfit = append(unfit, e.Error())
		}
		return false
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		// What PATH has is often a symbolic link (/usr/local/bin/pg_ctl) with initdb and postgres beside its target.
		for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
			target, err := filepath.EvalSymlinks(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			if try(filepath.Dir(target)) {
				return bin, version, nil
			}
		}
	}
	var newest, newestVersion string
	for _, pattern := range dirs {
		found, _ := filepath.Glob(pattern)
		for _, dir := range found {
			if try(dir) && (newest == "" || older(newestVersion, version)) {
				newest, newestVersion = bin, version
			}
		}
	}
	if newest != "" {
		return newest, newestVersion, nil
	}
	err = fmt.Errorf("no PostgreSQL server binaries (initdb, postgres) in PATH, %s", strings.Join(dirs, ", "))
	if len(unfit) > 0 {
		err = fmt.Errorf("%w; passed over: %s", err, strings.Join(unfit, "; "))
	}
	return "", "", hint.Wrap(err, installHint())
}

// Installed returns the directory of server binaries for each major version that is on this machine, of the newest
// release where it has several.
func Installed() map[int]string {
	dirs := filepath.SplitList(os.Getenv("PATH"))
	for _, pattern := range searchDirs() {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	out, versions := map[int]string{}, map[int]string{}
	for _, dir := range dirs {
		v, err := inspect(dir)
		if err == nil && filepath.IsAbs(dir) && (out[major(v)] == "" || older(versions[major(v)], v)) {
			out[major(v)], versions[major(v)] = dir, v
		}
	}
	return out
}

func installHint() string {
	switch runtime.GOOS {
	case "darwin":
		return "brew install postgresql@17, or name the directory of initdb and postgres with --pg-bin"
	default:
		return "apt-get install postgresql (Debian, Ubuntu) or dnf install postgresql-server postgresql-contrib (Fedora, RHEL), or name the directory of initdb and postgres with --pg-bin"
	}
}

var errNoServer = errors.New("no initdb and postgres there")

// inspect returns the version of the server whose binaries are in dir.
func inspect(dir string) (version string, err error) {
	for _, name := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return "", fmt.Errorf("%s: %w", dir, errNoServer)
		}
	}
	// 10 s: it answers in milliseconds; a binary on a dead network mount must not hang the search for ever.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version")
	cmd.Env = serverEnv()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if s := firstLine(stderr.String()); s != "" {
			return "", fmt.Errorf("%s/postgres --version: %w: %s", dir, err, s)
		}
		return "", fmt.Errorf("%s/postgres --version: %w", dir, err)
	}
	// postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
	_, rest, ok := strings.Cut(string(out), "(PostgreSQL) ")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 || major(fields[0]) == 0 {
		return "", fmt.Errorf("%s/postgres --version: %q is no version of PostgreSQL", dir, firstLine(string(out)))
	}
	version = fields[0]
	if major(version) < minMajor {
		return "", fmt.Errorf("%s has version %s, %d or later is needed", dir, version, minMajor)
	}
	return version, nil
}

// major returns 15 for "15.14" and 19 for "19beta1"; 0 if there is no number.
func major(version string) int { return numbers(version)[0] }

// numbers returns the first two numbers of a version.
func numbers(version string) (n [2]int) {
	for i := range n {
		end := 0
		for end < len(version) && version[end] >= '0' && version[end] <= '9' {
			end++
		}
		n[i], _ = strconv.Atoi(version[:end])
		rest, ok := strings.CutPrefix(version[end:], ".")
		if !ok {
			break
		}
		version = rest
	}
	return n
}

func older(a, b string) bool {
	x, y := numbers(a), numbers(b)
	return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
}

// serverEnv is the environment of the server and its tools: ours without what would change their behaviour behind
// our back (PGDATA, PGPORT, PGOPTIONS, the locale), and with messages that this package can read.
func serverEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "LC_") || name == "LANG" || name == "LANGUAGE" || name == "TZ" {
			continue
		}
		env = append(env, kv)
	}
	return env
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
