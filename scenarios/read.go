package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// maxText is far above what a person writes and far below what harms.
const maxText = 4 << 20

// Read reads the scenario file at path.
func Read(path string) (*Scenario, error) {
	f, err := os.Open(path)
	if err != nil {
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err // the path is in the line already
		}
		err = fmt.Errorf("read scenario %s: %w", path, err)
		return nil, hint.Exit(hint.Wrapf(err, "give a scenario file, a k6 script or a built-in scenario (%s)", strings.Join(Builtins(), ", ")), hint.NotStarted)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("longer than %d MiB", maxText>>20)
	}
	if err != nil {
		return nil, hint.Exit(fmt.Errorf("read scenario %s: %w", path, err), hint.NotStarted)
	}
	// A root, since a scenario comes from anywhere: what it names must not lead
	// out of its directory, by no link either.
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, hint.Exit(fmt.Errorf("read scenario %s: %w", path, err), hint.NotStarted)
	}
	defer root.Close()
	s, err := parse(path, text, root.FS())
	if err != nil {
		return nil, err
	}
	s.Source = filepath.Base(path)
	return s, nil
}

// Parse reads the text of a scenario file that names no other files. name is
// what errors call it. An error about the text is a *Problems with everything
// that is wrong.
func Parse(name string, text []byte) (*Scenario, error) { return parse(name, text, nil) }

// parse reads the text; other files are read from beside, if that is not nil.
func parse(name string, text []byte, beside fs.FS) (*Scenario, error) {
	r := &reader{beside: beside, sums: map[string]string{}}
	s := r.parse(text)
	if len(r.problems) > 0 {
		return nil, hint.Exit(&Problems{name, r.sorted()}, hint.NotStarted)
	}
	s.Source, s.SHA256 = name, r.sum(text)
	return s, nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (r *reader) parse(text []byte) *Scenario {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&doc); err == io.EOF {
		r.bad(nil, "the file is empty")
		return nil
	} else if err != nil {
		p := Problem{Text: err.Error()}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Text = m[2]
			// The library counts lines from 0 in its parser's errors and from 1
			// in its scanner's (yaml.v3, decode.go, parser.fail).
			if p.Line > 0 && strings.HasPrefix(p.Text, "did not find expected") {
				p.Line++
			}
		}
		r.problems = append(r.problems, p)
		return nil
	}
	if dec.Decode(&more) != io.EOF {
		r.bad(&more, "one file holds one scenario: a second document begins")
	}
	r.plain(&doc)
	if len(r.problems) > 0 {
		return nil
	}
	s := r.scenario(doc.Content[0])
	for _, check := range r.later {
		check()
	}
	return s
}

// plain refuses anchors and aliases: with them a short text stands for a huge
// tree, and nothing in a scenario needs them.
func (r *reader) plain(n *yaml.Node) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		r.bad(n, "anchors and aliases are not supported")
		return
	}
	for _, c := range n.Content {
		r.plain(c)
	}
}
