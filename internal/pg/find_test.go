package pg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// fakeServer makes a directory with programs that only know their version.
func fakeServer(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		script := fmt.Sprintf("#!/bin/sh\necho '%s (PostgreSQL) %s'\n", name, version)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	if real, err := filepath.EvalSymlinks(root); err == nil { // macOS: /var is a link
		root = real
	}
	at := func(elem ...string) string { return filepath.Join(append([]string{root}, elem...)...) }
	for _, version := range []string{"9.6", "12", "13", "17"} {
		fakeServer(t, at("lib", version, "bin"), version+".3")
	}
	fakeServer(t, at("lib", "18", "bin"), "18beta1 (Debian 18~beta1)")
	broken := fakeServer(t, at("broken"), "x")
	if err := os.MkdirAll(at("path"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("lib", "13", "bin", "postgres"), at("path", "postgres")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	globs := []string{at("nothing", "*"), at("lib", "*", "bin")}

	for _, tt := range []struct {
		name, binDir, path string
		dirs               []string
		bin, version       string
	}{
		{"the directory", at("lib", "13", "bin"), "", nil, at("lib", "13", "bin"), "13.3"},
		{"the directory above", at("lib", "13"), at("path"), globs, at("lib", "13", "bin"), "13.3"},
		{"link in PATH", "", at("empty") + ":relative:" + at("path"), globs, at("lib", "13", "bin"), "13.3"},
		{"newest", "", at("empty"), globs, at("lib", "18", "bin"), "18beta1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bin, version, err := find(tt.binDir, tt.path, tt.dirs)
			if err != nil || bin != tt.bin || version != tt.version {
				t.Errorf("find = %s, %s, %v, want %s, %s", bin, version, err, tt.bin, tt.version)
			}
		})
	}

	for _, tt := range []struct {
		name, binDir string
		dirs         []string
		want, hint   string
	}{
		{"no directory", at("none"), nil, "--pg-bin: " + at("none") + ": no initdb and postgres there", "name the directory"},
		{"empty directory", at("empty"), nil, "--pg-bin: " + at("empty") + ": no initdb and postgres there", "name the directory"},
		{"too old", at("lib", "12", "bin"), nil, "--pg-bin: " + at("lib", "12", "bin") + " has version 12.3, 13 or later is needed", "name the directory"},
		{"no version", broken, nil, "is no version of PostgreSQL", "name the directory"},
		{"nowhere", "", []string{at("nothing", "*"), at("empty")}, "no PostgreSQL server binaries (initdb, postgres) in PATH, " + at("nothing", "*") + ", " + at("empty"), "install"},
		{"old ones only", "", []string{at("lib", "[19][2.]*", "bin")}, "passed over: " + at("lib", "12", "bin") + " has version 12.3", "install"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := find(tt.binDir, "", tt.dirs)
			wantError(t, err, tt.want)
			if !strings.Contains(hint.Of(err), tt.hint) {
				t.Errorf("hint %q, want %q in it", hint.Of(err), tt.hint)
			}
		})
	}
}

func TestOlder(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"9.6", "10.1", true},
		{"15.9", "15.10", true},
		{"15.10", "15.9", false},
		{"17.2", "18beta1", true},
		{"18.1", "18beta1", false},
		{"15.3", "15.3", false},
	} {
		if got := older(tt.a, tt.b); got != tt.want {
			t.Errorf("older(%s, %s) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
