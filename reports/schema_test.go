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

// A published is a schema that we hand out.
type published struct {
	file   string // that holds it
	schema *[]byte
	of     any
	source string // file of the types, whose comments are its descriptions
	title  string
}

var (
	reportSchema  = published{"schema.json", &schema, &document{}, "document.go", "scalecheck report, format 1"}
	growingSchema = published{"growth.schema.json", &growthSchema, &growthDocument{}, "growth_document.go", "scalecheck growth, format 1"}
)

// generated returns the schema of the types. A strict one allows no field beside
// them.
func (p published) generated(t *testing.T, strict bool) []byte {
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
	comments := comments(t, p.source)
	r.LookupComment = func(t reflect.Type, field string) string { return comments[t.Name()+"."+field] }
	s := r.Reflect(p.of)
	s.ID = reflector.ID("https://github.com/scalecheck/scalecheck/reports/" + p.file)
	s.Title = p.title
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// comments returns what a file says of "type." and "type.Field".
func comments(t *testing.T, source string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
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
	for _, p := range []published{reportSchema, growingSchema} {
		want := p.generated(t, false)
		if *update {
			if err := os.WriteFile(p.file, want, 0o644); err != nil {
				t.Fatal(err)
			}
			*p.schema = want
		}
		if !bytes.Equal(*p.schema, want) {
			t.Errorf("%s is not what the types of %s say: go test ./reports -update", p.file, p.source)
		}
	}
}

// valid holds a document against a schema, and against a strict one.
func (p published) valid(t *testing.T, text []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled(t, p.generated(t, false)).Validate(v); err != nil {
		t.Error(err)
	}
	if err := compiled(t, p.generated(t, true)).Validate(v); err != nil {
		t.Errorf("strictly: %v", err)
	}
}

func TestReportsAreValid(t *testing.T) {
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) { reportSchema.valid(t, write(t, JSON, sample())) })
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
