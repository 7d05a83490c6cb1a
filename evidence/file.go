package evidence

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// A record is one line of the file. The first holds the header, each further
// one what became known since: maps and slices grow, scalars replace.
type record struct {
	Header     *Run              `json:"run,omitempty"`
	Footprints []Footprint       `json:"footprints,omitempty"`
	Texts      map[string]Text   `json:"texts,omitempty"`
	Catalog    []Table           `json:"catalog,omitempty"`
	Window     *Window           `json:"window,omitempty"`
	Thresholds []Threshold       `json:"thresholds,omitempty"`
	Missing    map[Kind][]string `json:"missing,omitempty"`
	Overhead   *Overhead         `json:"overhead,omitempty"`
	End        *End              `json:"end,omitempty"`
}

// A Writer writes a run as it goes. Every method appends one compressed record
// and flushes it to the disk, so that a process that is killed leaves a file
// that Read can read. It is not safe for concurrent use.
type Writer struct {
	f   *os.File
	run *Run // what has been written, kept for the caller: see Run
}

// Create starts the file. The run's windows and later parts are ignored: they
// are written by the other methods. An existing file is replaced.
func Create(path string, r *Run) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create run file: %w", err)
	}
	header := *r
	header.Format = Format
	header.Footprints, header.Texts, header.Catalog, header.Windows = nil, nil, nil, nil
	header.Thresholds, header.End, header.Overhead = nil, nil, Overhead{}
	w := &Writer{f: f, run: &header}
	first := header
	if err := w.append(record{Header: &first}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// Run returns all that has been written so far. It is the caller's to read and
// changes with the next write.
func (w *Writer) Run() *Run { return w.run }

// Footprints writes the isolation probe's result.
func (w *Writer) Footprints(fs []Footprint) error { return w.write(record{Footprints: fs}) }

// Texts writes texts that were not known before.
func (w *Writer) Texts(texts map[string]Text) error { return w.write(record{Texts: texts}) }

// Catalog writes the tables.
func (w *Writer) Catalog(ts []Table) error { return w.write(record{Catalog: ts}) }

// Window writes a closed window.
func (w *Writer) Window(win Window) error { return w.write(record{Window: &win}) }

// Thresholds writes the outcome of a k6 script's own thresholds.
func (w *Writer) Thresholds(ts []Threshold) error { return w.write(record{Thresholds: ts}) }

// Missing notes that evidence of a kind could not be had, and why.
func (w *Writer) Missing(k Kind, reason string) error {
	for _, known := range w.run.Missing[k] {
		if known == reason {
			return nil
		}
	}
	return w.write(record{Missing: map[Kind][]string{k: {reason}}})
}

// End writes the last record and closes the file.
func (w *Writer) End(e End, o Overhead) error {
	return errors.Join(w.write(record{End: &e, Overhead: &o}), w.Close())
}

// Close closes the file without an end: the run stays marked as cut short.
// Closing twice is in order.
func (w *Writer) Close() error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	return err
}

func (w *Writer) write(rec record) error {
	w.run.apply(rec)
	return w.append(rec)
}

// append writes one gzip member: members may follow each other (RFC 1952,
// section 2.2), zcat reads them as one text.
func (w *Writer) append(rec record) error {
	if w.f == nil {
		return fmt.Errorf("write run file: already closed")
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(rec); err != nil {
		return fmt.Errorf("encode run file: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress run file: %w", err)
	}
	if _, err := w.f.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write run file: %w", err)
	}
	if err := w.f.Sync(); err != nil {
		return fmt.Errorf("write run file: %w", err)
	}
	return nil
}

func (r *Run) apply(rec record) {
	r.Footprints = append(r.Footprints, rec.Footprints...)
	for id, t := range rec.Texts {
		if r.Texts == nil {
			r.Texts = map[string]Text{}
		}
		r.Texts[id] = t
	}
	r.Catalog = append(r.Catalog, rec.Catalog...)
	if rec.Window != nil {
		r.Windows = append(r.Windows, *rec.Window)
	}
	r.Thresholds = append(r.Thresholds, rec.Thresholds...)
	for k, reasons := range rec.Missing {
		if r.Missing == nil {
			r.Missing = map[Kind][]string{}
		}
		r.Missing[k] = append(r.Missing[k], reasons...)
	}
	if rec.Overhead != nil {
		r.Overhead = *rec.Overhead
	}
	if rec.End != nil {
		r.End = rec.End
	}
}

// ErrNotRun is returned for a file that holds no run.
var ErrNotRun = errors.New("not a scalecheck run file")

// Read reads a run. Records that cannot be read, because the file was cut or a
// part of it is damaged, are counted in Unread; an empty or foreign file is
// ErrNotRun.
func Read(path string) (*Run, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err // the path is in the line already
		}
		return nil, fmt.Errorf("read run %s: %w", path, err)
	}
	r, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read run %s: %w", path, err)
	}
	return r, nil
}

// Decode is Read for what comes from elsewhere.
func Decode(in io.Reader) (*Run, error) {
	data, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	return decode(data)
}

// maxRecord bounds what one line may decompress to: a run file may come from a
// stranger. A window with 5,000 statements and 500 endpoints is about 4 MB.
const maxRecord = 256 << 20

// memberStart is what every member that append writes begins with: gzip,
// deflate, no name, no time, unknown system. Ten bytes that compressed data does
// not happen to hold.
var memberStart = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

func decode(data []byte) (*Run, error) {
	var r *Run
	for len(data) > 0 {
		records, size, err := member(data)
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("a record is longer than %d bytes", maxRecord)
		}
		for _, rec := range records {
			switch {
			case r != nil:
				r.apply(rec)
			case rec.Header == nil:
				return nil, ErrNotRun
			case rec.Header.Format > Format:
				return nil, fmt.Errorf("format %d is newer than this scalecheck reads (%d)", rec.Header.Format, Format)
			default:
				r = rec.Header
			}
		}
		if r == nil {
			return nil, ErrNotRun // without a header nobody knows what the rest means
		}
		if err != nil {
			r.Unread++
			size = len(data)
			if i := bytes.Index(data[1:], memberStart); i >= 0 {
				size = 1 + i
			}
		}
		data = data[size:]
	}
	if r == nil {
		return nil, ErrNotRun
	}
	return r, nil
}

// member reads the gzip member that data begins with: its records, and how many
// bytes it takes up. Of one that was cut the whole lines are good; in one that
// is damaged nobody knows where, so that none is.
func member(data []byte) (records []record, size int, err error) {
	in := bytes.NewReader(data)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, 0, err
	}
	z.Multistream(false)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxRecord)
	for lines.Scan() {
		var rec record
		if err = json.Unmarshal(lines.Bytes(), &rec); err != nil {
			break // half a line, or none of ours
		}
		if w := rec.Window; w != nil { // the decoder leaves room for a quarter more of the two longest lists
			w.Statements = slices.Clone(w.Statements)
			if w.Sessions != nil {
				w.Sessions.Activity = slices.Clone(w.Sessions.Activity)
			}
		}
		records = append(records, rec)
	}
	if lerr := lines.Err(); lerr != nil {
		err = lerr
		if !errors.Is(lerr, io.ErrUnexpectedEOF) {
			records = nil
		}
	}
	return records, len(data) - in.Len(), err
}
