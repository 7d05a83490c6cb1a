package pg

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestNewestOf(t *testing.T) {
	versions := []string{"17.2.0-beta.14", "17.10.0-beta.15", "17.9.0-beta.17", "17.10.0-beta.16", "18.4.0-beta.17", "9.6.24-beta.1", "14.3.0-alpha.14"}
	for _, tt := range []struct {
		major int
		want  string
	}{
		{17, "17.10.0-beta.16"}, // neither by letters nor by the order of the list
		{18, "18.4.0-beta.17"},
		{14, "14.3.0-alpha.14"},
		{15, ""},
	} {
		if got := newestOf(tt.major, versions); got != tt.want {
			t.Errorf("newestOf(%d) = %q, want %q", tt.major, got, tt.want)
		}
	}
}

func TestRestoreLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "lib", "libpq.so.5.17"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	list := func(links ...map[string]string) string {
		text, err := json.Marshal(links)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "pg-symlinks.json")
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	if err := restoreLinks(dir, list(map[string]string{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"})); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "lib", "libpq.so.5")); err != nil || string(text) != "x" {
		t.Errorf("link: %q, %v", text, err)
	}
	if err := restoreLinks(dir, list(map[string]string{"source": "native/lib/libpq.so.5.17", "target": "native/../../x"})); err == nil {
		t.Error("a link was made outside the directory")
	}
	if err := restoreLinks(dir, filepath.Join(dir, "none")); err != nil {
		t.Errorf("no list: %v", err)
	}
}
