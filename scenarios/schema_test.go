package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// plainJSON returns what a YAML document is in JSON: keys are texts.
func plainJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plainJSON(x)
		}
	case map[any]any:
		out := map[string]any{}
		for k, x := range v {
			out[fmt.Sprint(k)] = plainJSON(x)
		}
		return out
	case []any:
		for i, x := range v {
			v[i] = plainJSON(x)
		}
	}
	return v
}

// validator returns a function that holds a text against the schema.
func validator(t *testing.T) func(text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return s.Validate(plainJSON(v))
	}
}

// What is to be filled in has its place in the schema, so that an editor shows
// what else is wrong; the reader refuses it for that reason alone. Where the form
// is wrong, both refuse it.
func TestSchemaOfFillIn(t *testing.T) {
	valid := validator(t)
	for _, tt := range []struct {
		old, new string
		form     bool // is in order
	}{
		{"post: /login", "post: /login\n    fill_in: credentials", true},
		{"form: { count: \"1\" }", "fill_in: no log has the body", true},
		{"{ range: [1, 50], draw: exclusive }", "{ fill_in: accounts }", true},
		{"{ range: [1, 50], draw: exclusive }", "{ fill_in: accounts, per: request }", true},
		{"{ range: [1, 50], draw: exclusive }", "{ fill_in: accounts, range: [1, 50] }", false},
		{"{ range: [1, 50], draw: exclusive }", "{ fill_in: [accounts] }", false},
		{"post: /login", "fill_in: credentials", false},
		{"post: /login", "post: /login\n    fill_in: { json: credentials }", false},
		{"share: 30%", "share: 30%\n    fill_in: skeletons", false},
		{"default: { const: 2s }", "default: { fill_in: seconds }", false},
	} {
		text := strings.Replace(shop, tt.old, tt.new, 1)
		if text == shop {
			t.Fatalf("%q is not there", tt.old)
		}
		_, err := Parse("x", []byte(text))
		p, ok := errors.AsType[*Problems](err)
		if !ok {
			t.Fatalf("%q: %v", tt.new, err)
		}
		other := slices.ContainsFunc(p.List, func(p Problem) bool { return !strings.Contains(p.Text, ": to be filled in: ") })
		if other == tt.form {
			t.Errorf("%q: the reader says %v", tt.new, err)
		}
		if err := valid(text); (err == nil) != tt.form {
			t.Errorf("%q: the schema says %v", tt.new, err)
		}
	}
}

// The schema accepts what the reader accepts, and refuses what is wrong in form.
func TestSchema(t *testing.T) {
	valid := validator(t)
	accepted := map[string]string{"shop": shop, "campus": campus, "beside": beside}
	for _, name := range Builtins() {
		text, err := BuiltinText(name)
		if err != nil {
			t.Fatal(err)
		}
		accepted[name] = string(text)
	}
	for name, text := range accepted {
		if err := valid(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range []struct{ text, old, new string }{
		{shop, "version: 1", "version: 2"},
		{shop, "name: shop", "nmae: shop"},
		{shop, "rate: 5/s", "rate: fast"},
		{shop, "rate: 5/s", "rate: 5/s, users: 3"},
		{shop, "duration: 30s", "duration: 30"},
		{shop, "p95<300ms", "p95"},
		{shop, "body: 64kB", "body: lots"},
		{shop, "body: 64kB", "hosts: [example.com]"},
		{shop, "const: 2s", "const: 2s, exponential: 3s"},
		{shop, "sigma: 0.8", "sigma: 8"},
		{shop, "[1, 50]", "[1]"},
		{shop, "draw: exclusive", "draw: exclusiv"},
		{shop, `text: "u${n}@x.test"`, `unique: "u@x.test"`},
		{shop, "post: /login", "pots: /login"},
		{shop, "post: /login", "post: http://elsewhere/login"},
		{shop, "post: /login", "post: //elsewhere/login"},
		{shop, "[200, 204]", "[200, 2040]"},
		{shop, "share: 30%", "share: 1.3"},
		{shop, "    start: [login]\n", "    start: login\n"},
		{campus, "factor: 6, ", ""},
		{campus, "factor: 6, ", "factor: 1, "},
		{campus, "  events:", "  curve: { 0s: 1, 10m: 3 }\n  events:"},
		{campus, "at: 25%, ", ""},
		{campus, "peak: 9", "peak: .9"},
		{campus, "[3, 1s, 500ms]", "[3, soon]"},
		{campus, "home > course", "home course"},
		{campus, "newest: .9", "newest: .9, zipf: 1"},
		{campus, "zipf: 1.1", "zipf: -1"},
		{campus, "choice: [a, b, c]", "choice: [a, b, c], column: a"},
		{campus, "choice: [a, b, c]", "choice: [a, b, c], range: [1, 3]"},
		{campus, "geometric: .7, max: 15", "geometric: 1"},
		{campus, "geometric: .7, max: 15", "times: 0"},
		{campus, "geometric: .7, max: 15", "max: 15"},
		{campus, "geometric: .7, max: 15", "times: 3, max: 15"},
		{campus, "geometric: .7, max: 15", "times: 3, about: 15"},
		{campus, "sequence: [submit, home]", "endpoint: home, sequence: [submit, home]"},
		{campus, "    skeletons:", "    journey: { home: {} }\n    skeletons:"},
		{campus, "count(submit) <= count(quiz)", "submits < quizzes"},
	} {
		text := strings.Replace(tt.text, tt.old, tt.new, 1)
		if text == tt.text {
			t.Errorf("%q is not there", tt.old)
		}
		if _, err := Parse("x", []byte(text)); err == nil {
			t.Errorf("%q instead of %q: the reader accepts it", tt.new, tt.old)
		}
		if valid(text) == nil {
			t.Errorf("%q instead of %q: the schema accepts it", tt.new, tt.old)
		}
	}
}
