package evidence

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scalecheck/scalecheck/scenarios"
)

func sample(t *testing.T, path string) *Run {
	t.Helper()
	w, err := Create(path, &Run{Tool: "scalecheck test", Started: time.Unix(1, 0).UTC(), Plan: scenarios.Plan{Name: "lms"}})
	if err != nil {
		t.Fatal(err)
	}
	h := NewHistogram()
	h.RecordN(20*time.Millisecond, 95)
	h.RecordN(400*time.Millisecond, 5)
	steps := []func() error{
		func() error { return w.Footprints([]Footprint{{Endpoint: "GET /", Requests: 3}}) },
		func() error { return w.Texts(map[string]Text{"1": {SQL: "SELECT $1", Kind: "SELECT"}}) },
		func() error { return w.Missing(Pool, "no /metrics") },
		func() error { return w.Missing(Pool, "no /metrics") },
		func() error {
			return w.Window(Window{Phase: Measure, Endpoints: []Endpoint{{Name: "GET /", Requests: 100, Latency: h}}})
		},
		func() error { return w.Window(Window{Phase: Drain, Step: -1}) },
		func() error { return w.End(End{Reason: Completed}, Overhead{Share: 0.01}) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return w.Run()
}

func TestFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.run")
	want := sample(t, path)
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := cmp.Comparer(func(a, b *Histogram) bool {
		return a.Count() == b.Count() && a.Quantile(0.95) == b.Quantile(0.95)
	})
	if d := cmp.Diff(want, got, opt, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read back differs (-written +read):\n%s", d)
	}
	if !got.Complete() || got.Unread != 0 {
		t.Errorf("Complete = %v, Unread = %d, want true, 0", got.Complete(), got.Unread)
	}
	if n := len(got.Missing[Pool]); n != 1 {
		t.Errorf("the same reason was noted %d times", n)
	}
	if p := got.Windows[0].Endpoints[0].Latency.Quantile(0.99); p < 0.396 || p > 0.404 {
		t.Errorf("p99 = %v, want 0.4", p)
	}
}

// A file may be cut anywhere: what was closed before the cut is there.
func TestFileCutAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.run")
	sample(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for n := range whole {
		cut := filepath.Join(dir, "cut.run")
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Read(cut)
		if err != nil {
			if most > 0 {
				t.Fatalf("cut at byte %d of %d: %v", n, len(whole), err)
			}
			continue
		}
		if r.Complete() {
			t.Fatalf("cut at byte %d of %d counts as complete", n, len(whole))
		}
		if len(r.Windows) < most {
			t.Fatalf("cut at byte %d: %d windows, %d with fewer bytes", n, len(r.Windows), most)
		}
		most = len(r.Windows)
	}
	if most != 2 {
		t.Errorf("%d windows before the end record, want 2", most)
	}
}

// Damage in the middle costs the records that it hits and no others.
func TestFileDamagedAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.run")
	sample(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := 1 + bytes.Index(whole[1:], memberStart)
	for at := header; at < len(whole); at++ {
		damaged := slices.Clone(whole)
		for i := at; i < min(at+4, len(damaged)); i++ {
			damaged[i] ^= 0x5a
		}
		r, err := Decode(bytes.NewReader(damaged))
		if err != nil {
			t.Fatalf("damaged at byte %d of %d: %v", at, len(whole), err)
		}
		left := min(1, len(r.Footprints)) + len(r.Texts) + len(r.Missing) + len(r.Windows)
		if r.End != nil {
			left++
		}
		// Four bytes hit two of the records at most. The time in a member's head
		// is nobody's, and may be anything.
		if r.Unread > 2 || left < 4 || left < 6 && (r.Unread == 0 || r.Complete()) {
			t.Fatalf("damaged at byte %d of %d: %d records unread, %d of 6 left, complete %v", at, len(whole), r.Unread, left, r.Complete())
		}
	}
}

// What standard tools write is a run, too: one member with many lines.
func TestFileRecompressed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.run")
	want := sample(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	one := gzip.NewWriter(&b)
	if _, err := io.Copy(one, z); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(bytes.NewReader(b.Bytes()))
	if err != nil || !got.Complete() || len(got.Windows) != len(want.Windows) {
		t.Errorf("%+v, %v", got, err)
	}
	if cut, err := Decode(bytes.NewReader(b.Bytes()[:b.Len()-20])); err != nil || cut.Unread != 1 || cut.Complete() {
		t.Errorf("cut: %+v, %v", cut, err)
	}
}

func TestFileForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.run")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("a text file was read as a run")
	}
}
