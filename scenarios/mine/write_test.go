package mine_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/scalecheck/scalecheck/scenarios"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

// write writes the files of m into a directory and returns the scenario's path.
func write(t *testing.T, m *mine.Model) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range m.Files("mined.yaml") {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "mined.yaml")
}

// TestFiles: nothing is run of a fresh file, since bodies and credentials are
// missing; with those filled in, what is read is what was mined.
func TestFiles(t *testing.T) {
	l := recorded(t, builtin(t, "lms"), mine.RecordOptions{Sessions: 400, Rate: 1, Seed: 1})
	for _, mode := range []mine.Mode{mine.Skeletons, mine.Graph, mine.Markov} {
		t.Run(string(mode), func(t *testing.T) {
			m := fit(t, l, mode)
			path := write(t, m)
			_, err := scenarios.Read(path)
			if err == nil {
				t.Fatal("a scenario without bodies was taken")
			}
			for line := range strings.Lines(err.Error()) {
				if !regexp.MustCompile(`mined\.yaml:\d+: endpoint \w+: to be filled in: `).MatchString(line) {
					t.Errorf("%s", line)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			unfilled := text
			text = regexp.MustCompile(`(?m)^    fill_in: .*\n`).ReplaceAll(text, nil)
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
			s, err := scenarios.Read(path)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if len(s.Personas) != len(m.Scenario.Personas) || s.Load.Rate != m.Scenario.Load.Rate {
				t.Errorf("%d personas, %v; want %d, %v", len(s.Personas), s.Load, len(m.Scenario.Personas), m.Scenario.Load)
			}
			if mode == mine.Skeletons {
				known(t, unfilled)
				if diff := cmp.Diff(m.Scenario.Personas[0].Skeletons, s.Personas[0].Skeletons); diff != "" {
					t.Errorf("skeletons (-mined +read):\n%.2000s", diff)
				}
			}
		})
	}
}

// known holds a file against the schema: an editor has nothing to complain of but
// what is to be filled in, and that is not its business.
func known(t *testing.T, text []byte) {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(scenarios.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", schema); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestSecrets: nothing of what is planted in logs and recordings is in what is
// written.
func TestSecrets(t *testing.T) {
	planted := []string{"alice@planted.test", "hunter2-planted", "tok-planted", "csrf-planted", "own planted business", "planted",
		"5550100", "eyJhbGciOiJIUzI1NiJ9", "sessplanted", "198.51.100", "reset-planted", "QmFzZTY0U2VjcmV0VmFsdWU", "4111111111111111", "dave"}
	log := ""
	for i := range 40 {
		for k, uri := range []string{
			"/courses/%d", "/search?q=planted+words+%d", "/reset/QmFzZTY0U2VjcmV0VmFsdWUxMjM0%d", "/users/alice%%40planted.test/x%d",
			"/cb?code=planted%d&state=eyJhbGciOiJIUzI1NiJ9", "/pay?card=4111111111111111&n=%d", "/p?api_key=planted%d", "/q?email=alice@planted.test&k=%d", "/who?name=dave&x=%d",
		} {
			log += fmt.Sprintf("198.51.100.7 - planted [09/Mar/2026:08:%02d:%02d +0000] \"GET %s HTTP/1.1\" 200 1 \"https://x/?reset-planted\" \"Mozilla sessplanted\"\n", i, k, fmt.Sprintf(uri, i))
		}
	}
	m, err := mine.New(mine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Read("access.log", strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	if err := m.Read("recording.har", open(t, "recording.har")); err != nil {
		t.Fatal(err)
	}
	l, err := m.Log()
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []mine.Mode{mine.Skeletons, mine.Graph} {
		for name, text := range fit(t, l, mode).Files("mined.yaml") {
			for _, s := range planted {
				if i := bytes.Index(bytes.ToLower(text), []byte(strings.ToLower(s))); i >= 0 {
					t.Errorf("%s holds %q: …%s…", name, s, text[max(0, i-60):min(len(text), i+60)])
				}
			}
		}
	}
}

// TestRecording: a recording has what a log has not: bodies, and where values
// come from.
func TestRecording(t *testing.T) {
	l, err := read(t, mine.Options{}, "recording.har", open(t, "recording.har"))
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, fit(t, l, mine.Skeletons))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known(t, text)
	for _, want := range []string{
		`json: {"email":"${login.email}","password":"${login.password}"}`,
		`course.id: "courses[].id"`,
		`item.id: "items[].id"`,
		`\"kind\":\"note\"`, `\"text\":\"${course_notes.text}\"`, `\"item_id\":${item.id}`, `headers: { Content-Type: application/json }`,
		`login: { fill_in: "credentials`, `columns email, password`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the file lacks %s", want)
		}
	}
	fixed := regexp.MustCompile(`\{ fill_in: .* \}`).ReplaceAllString(string(text), "{ feed: accounts.csv }")
	if err := os.WriteFile(path, []byte(fixed), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "accounts.csv"), []byte("email,password,phone\na@example.test,x,1\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := scenarios.Read(path); err != nil {
		t.Errorf("%v\n%s", err, fixed)
	}
}
