package matrix

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestNeedsSlowDisk(t *testing.T) {
	takes := func(d time.Duration, err error) func(*os.File) (time.Duration, error) {
		return func(*os.File) (time.Duration, error) { return d, err }
	}
	for _, tt := range []struct {
		name  string
		took  time.Duration
		err   error
		reads string
	}{
		{"slow", 2 * time.Millisecond, nil, ""},
		{"fast", 100 * time.Microsecond, nil, "takes 0.1 ms to read a page, and what the fault does needs one that takes 1.2 ms"},
		{"full", 0, errors.New("no space left"), "could not be measured: no space left"},
	} {
		got := needsSlowDisk("to read a page", takes(tt.took, tt.err), 1200*time.Microsecond)()
		if tt.reads == "" && got != "" || !strings.Contains(got, tt.reads) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.reads)
		}
	}
}

func TestDiskIsMeasured(t *testing.T) {
	for name, measure := range map[string]func(*os.File) (time.Duration, error){"writeMegabyte": writeMegabyte, "readPage": readPage} {
		if took, err := onDisk(measure); err != nil || took <= 0 {
			t.Errorf("%s: %v, %v", name, took, err)
		}
	}
}
