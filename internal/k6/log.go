package k6

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// tailBytes: k6 logs a line for every request without an answer, so that a
// target that is gone fills any log; the end says how it ended.
const tailBytes = 32 << 10

// A tail keeps the end of what was written to it, and the first error.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := string(t.buf)
	if len(s) == tailBytes { // cut in the middle of a line
		_, s, _ = strings.Cut(s, "\n")
	}
	return s
}

var logLine = regexp.MustCompile(`(?m)^time=\S+ level=(error|fatal|panic) msg=("(?:[^"\\]|\\.)*"|\S+)(.*)$`)
var logHint = regexp.MustCompile(`\bhint=("(?:[^"\\]|\\.)*"|\S+)`)

// lastError returns k6's last error as one line, and what k6 adds to it: its
// hint or the place in the script.
func lastError(log string) (msg, detail string) {
	all := logLine.FindAllStringSubmatch(log, -1)
	if len(all) == 0 {
		return "", ""
	}
	m := all[len(all)-1]
	lines := strings.Split(strings.TrimSpace(unquote(m[2])), "\n")
	msg = strings.TrimSpace(lines[0])
	if h := logHint.FindStringSubmatch(m[3]); h != nil {
		detail = unquote(h[1])
	}
	// k6's hint for an exception is "script exception"; its place says more.
	if (detail == "" || detail == "script exception") && len(lines) > 1 {
		detail = "look " + strings.TrimSpace(lines[1])
	}
	return msg, detail
}

func unquote(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}
