package scenarios

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxBeside bounds a file beside the scenario: a million recorded sessions.
const maxBeside = 256 << 20

// open reads the file that n names, relative to the scenario. It is read as it
// comes and in full, since its content counts into the scenario's SHA-256.
func (r *reader) open(n *yaml.Node, what string, read func(name string, text io.Reader)) {
	name := r.text(n, what)
	switch {
	case name == "":
		return
	case !fs.ValidPath(name):
		r.bad(n, "%s: %q is no file in the scenario's directory or below it (written with /, without . and ..)", what, name)
		return
	case r.beside == nil:
		r.bad(n, "%s: %s can't be read: this scenario is a text without a directory", what, name)
		return
	}
	f, err := r.beside.Open(name)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err // the name is in the line already
		}
		r.bad(n, "%s: read %s: %v", what, name, err)
		return
	}
	defer f.Close()
	sum, length := sha256.New(), &counter{}
	all := io.TeeReader(io.LimitReader(f, maxBeside+1), io.MultiWriter(sum, length))
	read(name, all)
	if _, err := io.Copy(io.Discard, all); err != nil {
		r.bad(n, "%s: read %s: %v", what, name, err)
	}
	if length.n > maxBeside {
		r.bad(n, "%s: %s is longer than %d MiB", what, name, maxBeside>>20)
	}
	r.sums[name] = hex.EncodeToString(sum.Sum(nil))
}

type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// sum returns the SHA-256 of the scenario: of its text, and of the other files'
// names and sums if there are any.
func (r *reader) sum(text []byte) string {
	h := sha256.New()
	h.Write(text)
	for _, name := range slices.Sorted(maps.Keys(r.sums)) {
		h.Write([]byte("\x00" + name + "\x00" + r.sums[name]))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// enough problems of one file are shown: they may be a million.
const enough = 20

// lines calls f with each line of the file, those that are blank or begin with #
// left out, until f says false.
func (r *reader) lines(n *yaml.Node, what string, f func(at place, line string) bool) {
	r.open(n, what, func(name string, text io.Reader) {
		sc := bufio.NewScanner(text)
		sc.Buffer(nil, 1<<20)
		for at := (place{name, 1}); sc.Scan(); at.line++ {
			if s := strings.TrimSpace(sc.Text()); s != "" && s[0] != '#' && !f(at, s) {
				return
			}
		}
		if err := sc.Err(); errors.Is(err, bufio.ErrTooLong) {
			r.bad(n, "%s: %s has a line longer than 1 MiB", what, name)
		}
	})
}

// table reads a CSV file with a line of names on top.
func (r *reader) table(n *yaml.Node, what string) (names []string, rows [][]string) {
	r.open(n, what, func(name string, text io.Reader) {
		c := csv.NewReader(skipMark(text))
		c.TrimLeadingSpace = true
		var err error
		if names, err = c.Read(); err == nil {
			rows, err = c.ReadAll()
		}
		pe, syntax := errors.AsType[*csv.ParseError](err)
		switch {
		case err == io.EOF:
			r.badAt(place{name, 1}, "%s: the file is empty; want a line with the names of the columns, then the rows", what)
		case syntax:
			r.badAt(place{name, pe.Line}, "%s: %v", what, pe.Err)
		case err != nil:
			r.badAt(place{file: name}, "%s: %v", what, err)
		case len(rows) == 0:
			r.badAt(place{name, 1}, "%s: there are no rows below the names of the columns", what)
		}
		if err != nil {
			names, rows = nil, nil
		}
	})
	return names, rows
}

// skipMark leaves out the byte order mark that spreadsheets write.
func skipMark(text io.Reader) io.Reader {
	b := bufio.NewReader(text)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // was there
	}
	return b
}
