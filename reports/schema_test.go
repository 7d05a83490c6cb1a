package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	reflector "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite schema.json and golden files")

// generated returns the schema of the document's types. A strict one allows no
// field beside them.
func generated(t *testing.T, strict bool) []byte {
	t.Helper()
	r := &reflector.Reflector{
		Anonymous:                 true,
		AllowAdditionalProperties: !strict,
		Mapper: func(t reflect.Type) *reflector.Schema {
			if t == reflect.TypeFor[number]() {
				return &reflector.Schema{Extras: map[string]any{"type": []string{"number", "null"}}}
			}
			return nil
		},
	}
	comments := comments(t)
	r.LookupComment = func(t reflect.Type, field string) string { return comments[t.Name()+"."+field] }
	s := r.Reflect(&document{})
	s.ID = "https://github.com/scalecheck/scalecheck/reports/schema.json"
	s.Title = "scalecheck report, format 1"
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// comments returns what document.go says of "type." and "type.Field".
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "document.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	text := func(groups ...*ast.CommentGroup) string {
		var s []string
		for _, g := range groups {
			s = append(s, strings.Fields(g.Text())...)
		}
		return strings.Join(s, " ")
	}
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			typ, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			about := text(gen.Doc)
			// "A findingPart is …" is Go's way, not a schema's.
			_, about, _ = strings.Cut(about, typ.Name.Name+" ")
			for _, verb := range []string{"is ", "says ", "holds "} {
				about = strings.TrimPrefix(about, verb)
			}
			if about != "" {
				out[typ.Name.Name+"."] = strings.ToUpper(about[:1]) + about[1:]
			}
			if fields, ok := typ.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						out[typ.Name.Name+"."+name.Name] = text(f.Doc, f.Comment)
					}
				}
			}
		}
	}
	return out
}

func compiled(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaIsThatOfTheTypes(t *testing.T) {
	want := generated(t, false)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		schema = want
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("schema.json is not what the document's types say: go test ./reports -update")
	}
}

func TestReportsAreValid(t *testing.T) {
	published, strict := compiled(t, generated(t, false)), compiled(t, generated(t, true))
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			text := write(t, JSON, sample())
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := published.Validate(v); err != nil {
				t.Error(err)
			}
			if err := strict.Validate(v); err != nil {
				t.Errorf("strictly: %v", err)
			}
		})
	}
}

func write(t *testing.T, f *Format, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b, r); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	return b.Bytes()
}
