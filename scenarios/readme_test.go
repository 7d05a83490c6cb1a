package scenarios

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// sections splits a scenario at its top-level keys.
func sections(text string) map[string]string {
	all := map[string]string{}
	key := ""
	for line := range strings.Lines(text) {
		if line[0] != ' ' && line[0] != '\n' && line[0] != '#' {
			key, _, _ = strings.Cut(line, ":")
		}
		all[key] += line
	}
	return all
}

// Every example of the manual is read, in place of the same sections of a
// scenario around the first one.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(examples) < 12 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, x := range examples {
		all := sections(`version: 1
name: readme
think: { default: { const: 1s }, read: { const: 3s } }
data:
  user.email: { choice: [ann@example.test] }
  answer: { words: [5, 9], per: request }
personas:
  student: { share: 1, start: [login], journey: { dashboard: { to: { course: 1 } }, course: { to: { quiz: .5, item: .5 } }, quiz: { to: { answer: 1 } }, answer: { to: { submit: 1 } }, submit: {}, item: {} } }
` + examples[0][1])
		maps.Copy(all, sections(x[1]))
		text := ""
		for _, key := range slices.Sorted(maps.Keys(all)) {
			text += all[key]
		}
		dir := t.TempDir()
		write(t, dir, map[string]string{
			"s.yaml":       text,
			"users.csv":    "email,password,town\nann@example.test,secret,Ulm\n",
			"think.txt":    "3\n5.5\n12\n",
			"sessions.txt": "# recorded\n12x dashboard course(course.id=1) item(item.id=1)\ndashboard\n",
		})
		_, err := Read(filepath.Join(dir, "s.yaml"))
		if p, ok := errors.AsType[*Problems](err); ok {
			// An example need not go everywhere.
			p.List = slices.DeleteFunc(p.List, func(p Problem) bool { return strings.HasSuffix(p.Text, "no persona requests it") })
			if len(p.List) == 0 {
				err = nil
			}
		}
		if err != nil {
			t.Errorf("%s\n%v", x[1], err)
		}
	}
	for _, name := range Builtins() {
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("built-in scenario %s is not in the README", name)
		}
	}
}
