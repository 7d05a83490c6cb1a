package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
)

//go:embed *.yaml
var builtin embed.FS

// Default is the built-in scenario of a run that names none.
const Default = "lms"

// Builtins returns the names of the built-in scenarios, sorted.
func Builtins() []string {
	files, _ := fs.Glob(builtin, "*.yaml") // the pattern is a constant
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

// Builtin returns the built-in scenario of that name.
func Builtin(name string) (*Scenario, error) {
	text, err := BuiltinText(name)
	if err != nil {
		return nil, err
	}
	s, err := Parse(name+".yaml", text)
	if err != nil {
		return nil, err
	}
	s.Source = "builtin:" + name
	return s, nil
}

// BuiltinText returns the file of a built-in scenario: a start for one's own.
func BuiltinText(name string) ([]byte, error) {
	text, err := builtin.ReadFile(name + ".yaml")
	if err != nil {
		err = fmt.Errorf("there is no built-in scenario %q%s", name, didYouMean(name, Builtins()))
		return nil, hint.Exit(hint.Wrapf(err, "built-in scenarios: %s", strings.Join(Builtins(), ", ")), hint.NotStarted)
	}
	return text, nil
}
