package pg

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// repository is a Maven repository with one archive, whatever is asked for.
type repository struct {
	*httptest.Server
	jar      []byte
	sum      string // "": no such file
	requests int
}

func newRepository(t *testing.T, jar []byte) *repository {
	sum := sha256.Sum256(jar)
	r := &repository{jar: jar, sum: hex.EncodeToString(sum[:])}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.requests++
		switch {
		case !strings.HasPrefix(q.URL.Path, "/io/zonky/test/postgres/embedded-postgres-binaries-"), r.jar == nil:
			http.NotFound(w, q)
		case strings.HasSuffix(q.URL.Path, ".jar"):
			w.Write(r.jar)
		case strings.HasSuffix(q.URL.Path, ".jar.sha256") && r.sum != "":
			w.Write([]byte(r.sum))
		default:
			http.NotFound(w, q)
		}
	}))
	t.Cleanup(r.Close)
	t.Setenv("SCALECHECK_PG_REPOSITORY", r.URL)
	return r
}

// nothingInstalled hides this machine's PostgreSQL.
func nothingInstalled(t *testing.T) {
	t.Setenv("PATH", "/nonexistent")
	t.Setenv("SCALECHECK_PG_DIRS", "/nonexistent")
}

// realServer is the content of an archive whose programs run those of this machine.
func realServer(t *testing.T) map[string]string {
	bin := binDir(t)
	return map[string]string{
		"bin/initdb":     fmt.Sprintf("#!/bin/sh\nexec %s/initdb \"$@\"\n", bin),
		"bin/postgres":   fmt.Sprintf("#!/bin/sh\nexec %s/postgres \"$@\"\n", bin),
		"bin/pg_ctl":     "#!/bin/sh\nexit 1\n",
		"lib/README":     "libraries",
		"share/README":   "shared files",
		"lib/empty/file": "",
	}
}

func TestDownload(t *testing.T) {
	jar := makeJar(t, realServer(t))
	r := newRepository(t, jar)
	nothingInstalled(t)
	root := openDir(t)
	o := Options{Dir: root}

	bin, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(bin, root) || r.requests == 0 {
		t.Errorf("bin = %s after %d requests, want it in %s", bin, r.requests, root)
	}
	entries, err := os.ReadDir(filepath.Join(root, "binaries"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v (%v), want the binaries alone", entries, err)
	}

	before := r.requests
	r.jar = nil
	o.Settings = testOptions().Settings
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(context.Background())
	if c.BinDir() != bin || r.requests != before {
		t.Errorf("BinDir = %s, %d more requests, want %s, 0", c.BinDir(), r.requests-before, bin)
	}
	if got := query[int](t, c.DSN("postgres"), "SELECT 1"); got != 1 {
		t.Error("no answer")
	}
	if strings.HasPrefix(bin, filepath.Join(root, cachedName(c.Version()))) {
		t.Errorf("%s belongs to the server's account", bin)
	}
}

func TestDownloadFails(t *testing.T) {
	good := makeJar(t, realServer(t))
	for _, tt := range []struct {
		name  string
		setUp func(r *repository)
		want  string
	}{
		{"not found", func(r *repository) { r.jar = nil }, "no version found"},
		{"corrupted", func(r *repository) { r.jar = bytes.Replace(good, []byte("exec"), []byte("exit"), 1) }, "checksums do not match"},
		{"corrupted, no checksum", func(r *repository) {
			r.jar, r.sum = bytes.Replace(good, []byte("exec"), []byte("exit"), 1), ""
		}, "checksum error"},
		{"truncated, no checksum", func(r *repository) { r.jar, r.sum = good[:len(good)/2], "" }, "not a valid zip file"},
		{"a login page", func(r *repository) { r.jar, r.sum = []byte("<html>please log in</html>"), "" }, "not a valid zip file"},
		{"empty", func(r *repository) { r.jar, r.sum = makeJar(t, nil), "" }, "the archive is of no use: "},
		{"no server", func(r *repository) {
			r.jar, r.sum = makeJar(t, map[string]string{"bin/psql": "#!/bin/sh\n"}), ""
		}, "no initdb and postgres there"},
		{"another machine's", func(r *repository) {
			r.jar, r.sum = makeJar(t, map[string]string{"bin/initdb": "\x7fELF", "bin/postgres": "\x7fELF", "bin/pg_ctl": "\x7fELF"}), ""
		}, "exec format error"},
		{"no network", func(r *repository) { r.Close() }, "unable to connect"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRepository(t, good)
			tt.setUp(r)
			nothingInstalled(t)
			root := openDir(t)
			_, err := Ensure(t.Context(), Options{Dir: root})
			wantError(t, err, "no PostgreSQL found here, download it: ", tt.want)
			if hint.Status(err) != hint.NotStarted || !strings.Contains(hint.Of(err), "install") {
				t.Errorf("status %d, hint %q", hint.Status(err), hint.Of(err))
			}
			if left, err := os.ReadDir(filepath.Join(root, "binaries")); err != nil || len(left) > 0 {
				t.Errorf("left over: %v (%v)", left, err)
			}
		})
	}
}

func TestDownloaderIsInjectable(t *testing.T) {
	content := realServer(t)
	nothingInstalled(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Dir: openDir(t), Download: func(ctx context.Context, dir string) error {
		cancel()
		return ctx.Err()
	}}
	_, err := Ensure(ctx, o)
	wantError(t, err, "context canceled")

	o.Download = func(ctx context.Context, dir string) error {
		for _, name := range []string{"bin/initdb", "bin/postgres"} {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(file, []byte(content[name]), 0o700); err != nil {
				return err
			}
		}
		return nil
	}
	bin, err := Ensure(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// When root downloads, another user runs it.
	for _, name := range []string{"", "initdb"} {
		if info, err := os.Stat(filepath.Join(bin, name)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %v (%v), want 0755", name, info.Mode(), err)
		}
	}
}

func TestBinDirIsNotReplacedByDownload(t *testing.T) {
	r := newRepository(t, makeJar(t, realServer(t)))
	nothingInstalled(t)
	_, err := Ensure(t.Context(), Options{BinDir: "/nonexistent", Dir: openDir(t)})
	wantError(t, err, "--pg-bin: /nonexistent: no initdb and postgres there")
	if r.requests > 0 {
		t.Error("something was downloaded")
	}
}

// makeJar packs files as github.com/zonkyio/embedded-postgres-binaries does: a .txz in a zip.
func makeJar(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var tarball bytes.Buffer
	tw := tar.NewWriter(&tarball)
	for name, content := range files {
		mode := int64(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	zw := zip.NewWriter(&jar)
	// Stored, so that tests can find and damage a word in it.
	w, err := zw.CreateHeader(&zip.FileHeader{Name: "postgres-linux-x86_64.txz", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(xz(tarball.Bytes())); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// xz wraps data in the xz format without compressing it, for which the standard library has no writer
// (https://tukaani.org/xz/xz-file-format.txt).
func xz(data []byte) []byte {
	crc := func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }
	pad := func(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }
	flags := []byte{0, 1} // check: CRC32

	out := append([]byte("\xfd7zXZ\x00"), flags...)
	out = append(out, crc(flags)...)

	header := []byte{2, 0, 0x21, 1, 8, 0, 0, 0} // (2+1)*4 bytes with CRC; one filter: LZMA2, dictionary of 64 KiB
	block := append(header, crc(header)...)
	for i := 0; i < len(data); i += 1 << 16 {
		chunk := data[i:min(i+1<<16, len(data))]
		control := byte(1) // uncompressed, dictionary reset
		if i > 0 {
			control = 2
		}
		block = append(block, control, byte((len(chunk)-1)>>8), byte(len(chunk)-1))
		block = append(block, chunk...)
	}
	block = append(block, 0)
	size := len(block) + 4 // with check, without padding
	out = append(out, pad(block)...)
	out = append(out, crc(data)...)

	index := []byte{0, 1}
	index = binary.AppendUvarint(index, uint64(size))
	index = binary.AppendUvarint(index, uint64(len(data)))
	index = pad(index)
	index = append(index, crc(index)...)
	out = append(out, index...)

	footer := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	footer = append(footer, flags...)
	out = append(out, crc(footer)...)
	out = append(out, footer...)
	return append(out, "YZ"...)
}
