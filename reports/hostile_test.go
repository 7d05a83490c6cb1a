package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"

	"github.com/scalecheck/scalecheck/analyzers/capacity"
	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Whoever names a table, writes a comment into a query or answers a request
// with an error text must not get anything but text into a report.
var payloads = []string{
	`</script><script>alert(1)</script>`,
	`<img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`' onmouseover='alert(1)`,
	`javascript:alert(1)`,
	`</title></style></textarea><iframe src=//evil.example>`,
	`]]><x/>&lt;&#0;`,
	`{{.Run}} {{template "x"}} #ZgotmplZ`,
	"\x1b]52;c;ZXZpbA==\x07",
	"\x1b[2J\x1b[1;1H",
	"\u009b31m\u0085",
	"user\u202egpj.exe\u2066\u2069",
	"a\u200bb\u200d\ufeff\u00ad",
	"nul\x00nul",
	"bytes \xff\xfe\xc3",
	"line\nbreak\r\nand\rreturn\u2028sep",
	"::error file=app.go,line=1::boom",
	"x\n::set-output name=a::b",
	"##vso[task.complete result=Succeeded] ##[error]x",
	"a | b || `code` ``more`` ```fence``` ~~~",
	"@team/all @octocat #1 GH-1 octo/repo#2",
	"![pixel](http://evil.example/p.png) [link](javascript:alert(1)) <http://evil.example>",
	"http://evil.example www.evil.example mail@evil.example",
	"# heading\n- list\n1. one\n> quote\n***\n| a | b |\n|---|---|",
	"**bold** _it_ ~~gone~~ $x^2$ \\",
	"=cmd|'/c calc'!A1",
	`%s %d %n %!s`,
	strings.Repeat("A", 9000),
	strings.Repeat("`", 50),
	"\U000e0041\u3164\u115f",
}

// fields calls set for every string in v that comes from outside: fields,
// list entries, map keys and values. Kinds and statuses, which the code sets
// and compares, are left alone.
func fields(v reflect.Value, path string, each func(path string, set func(string))) {
	switch v.Type() {
	case reflect.TypeFor[evidence.Phase](), reflect.TypeFor[capacity.Status](), reflect.TypeFor[Status](), reflect.TypeFor[scenarios.Kind](), reflect.TypeFor[capacity.Class]():
		return
	}
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			each(path, v.SetString)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fields(v.Elem(), path, each)
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields(v.Index(i), path+"[]", each)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fields(v.Field(i), path+"."+f.Name, each)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			val := reflect.New(v.Type().Elem()).Elem()
			val.Set(v.MapIndex(key))
			fields(val, path+"{}", func(p string, set func(string)) {
				each(p, func(s string) { set(s); v.SetMapIndex(key, val) })
			})
			if key.Kind() == reflect.String {
				each(path+" key", func(s string) {
					k := reflect.New(key.Type()).Elem()
					k.SetString(s)
					v.SetMapIndex(k, val)
				})
			}
		}
	}
}

func TestHostileTextEverywhere(t *testing.T) {
	for i, p := range payloads {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := hostileSample()
			fields(reflect.ValueOf(r).Elem(), "", func(_ string, set func(string)) { set(p) })
			harmless(t, r, p)
		})
	}
}

func TestHostileTextInEachField(t *testing.T) {
	all := strings.Join(payloads[:len(payloads)-3], " ") + "\n" + strings.Join(payloads, "\n")
	var paths []string
	fields(reflect.ValueOf(hostileSample()).Elem(), "", func(path string, _ func(string)) {
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	})
	if len(paths) < 60 {
		t.Fatalf("only %d fields: %v", len(paths), paths)
	}
	for _, want := range paths {
		t.Run(want, func(t *testing.T) {
			r := hostileSample()
			fields(reflect.ValueOf(r).Elem(), "", func(path string, set func(string)) {
				if path == want {
					set(all)
				}
			})
			harmless(t, r, "")
		})
	}
}

// hostileSample has something in every field.
func hostileSample() *Report {
	r := failing()
	r.Run.Thresholds = []evidence.Threshold{{Metric: "m", Source: "s"}}
	r.Run.End.Reason, r.Run.End.Detail = evidence.TargetLost, "refused"
	r.Model.Gates = append(r.Model.Gates, capacity.Gate{Name: "g", Reason: "why"})
	// Fewer windows and steps: the rest says nothing new.
	r.Run.Windows, r.Model.Steps, r.Model.Judged = r.Run.Windows[2:4], r.Model.Steps[2:4], 1
	return r
}

// harmless checks every format of r, and that payload is there to be read.
func harmless(t *testing.T, r *Report, payload string) {
	t.Helper()
	seen := clean(payload, 60)
	seen = strings.TrimSuffix(seen, "…")

	text := string(write(t, Text, r))
	if problem := unsafeText(text, true); problem != "" {
		t.Errorf("text: %s", problem)
	}

	js := write(t, JSON, r)
	if problem := unsafeText(strings.NewReplacer("::", "", "##", "").Replace(string(js)), true); problem != "" {
		t.Errorf("json: %s", problem)
	}
	if strings.Contains(string(js), "</") {
		t.Error("json: could end a script element")
	}
	var d document
	if err := json.Unmarshal(js, &d); err != nil {
		t.Errorf("json: %v", err)
	}
	if payload != "" && d.Verdict.Headline != strings.ToValidUTF8(payload, "\ufffd") && !strings.Contains(payload, "\xff") {
		t.Errorf("json: headline is %q, want %q", d.Verdict.Headline, payload)
	}

	harmlessXML(t, write(t, JUnit, r))
	harmlessPage(t, write(t, HTML, r), seen)
	harmlessMarkdown(t, write(t, Markdown, r), seen)
}

func harmlessXML(t *testing.T, b []byte) {
	t.Helper()
	if problem := unsafeText(strings.ReplaceAll(string(b), "::", ""), true); problem != "" {
		t.Errorf("junit: %s", problem)
	}
	known := []string{"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"}
	for dec := xml.NewDecoder(bytes.NewReader(b)); ; {
		tok, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("junit: %v", err)
			return
		}
		if s, ok := tok.(xml.StartElement); ok && !slices.Contains(known, s.Name.Local) {
			t.Errorf("junit: element %s", s.Name.Local)
		}
	}
}

// ours are the elements and attributes that the page's template and charts use.
var ours = map[string][]string{
	"elements": strings.Fields("html head meta title style body a header p span b nav main section svg circle path h1 h2 h3 h4 ul li dl div dt dd data code i wbr " +
		"figure figcaption small details summary table caption thead tbody tr th td footer script article pre rect line text desc defs pattern br"),
	"attributes": strings.Fields("lang charset http-equiv content name class href id aria-labelledby aria-label aria-hidden viewbox d cx cy r value data-at data-as " +
		"role x y x1 x2 y1 y2 width height text-anchor fill patternunits patterntransform scope title preserveaspectratio"),
}

func harmlessPage(t *testing.T, b []byte, seen string) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Errorf("html: %v", err)
		return
	}
	var text strings.Builder
	scripts := 0
	for n := range doc.Descendants() {
		switch n.Type {
		case html.TextNode:
			if n.Parent.Data != "script" && n.Parent.Data != "style" {
				text.WriteString(n.Data)
			} else if n.Data != pageCSS && n.Data != pageJS {
				t.Errorf("html: the %s is not ours", n.Parent.Data)
			}
		case html.CommentNode:
			t.Errorf("html: comment %q", n.Data)
		case html.ElementNode:
			if n.Data == "script" {
				scripts++
			}
			if !slices.Contains(ours["elements"], n.Data) {
				t.Errorf("html: element %s", n.Data)
			}
			for _, a := range n.Attr {
				if !slices.Contains(ours["attributes"], strings.ToLower(a.Key)) {
					t.Errorf("html: attribute %s of %s", a.Key, n.Data)
				}
				if a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("html: link to %s", a.Val)
				}
			}
		}
	}
	if scripts != 1 {
		t.Errorf("html: %d scripts", scripts)
	}
	if problem := unsafeText(text.String(), true); problem != "" {
		t.Errorf("html: %s", problem)
	}
	if !strings.Contains(text.String(), seen) {
		t.Errorf("html: %q is not to be read", seen)
	}
}

// harmlessMarkdown renders it as GitHub does, raw HTML allowed.
func harmlessMarkdown(t *testing.T, b []byte, seen string) {
	t.Helper()
	if len(b) > maxMarkdown {
		t.Errorf("markdown: %d bytes", len(b))
	}
	if problem := unsafeText(string(b), true); problem != "" {
		t.Errorf("markdown: %s", problem)
	}
	var out bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	if err := md.Convert(b, &out); err != nil {
		t.Errorf("markdown: %v", err)
		return
	}
	doc, err := html.Parse(&out)
	if err != nil {
		t.Errorf("markdown: %v", err)
		return
	}
	var text strings.Builder
	known := strings.Fields("html head body h2 h3 ul li p strong code pre table thead tbody tr th td em hr")
	for n := range doc.Descendants() {
		switch n.Type {
		case html.TextNode:
			text.WriteString(n.Data)
			if n.Parent.Data != "code" {
				for _, bad := range []string{"@team", "@octocat", "#1", "repo#2"} {
					if strings.Contains(n.Data, bad) {
						t.Errorf("markdown: %s would be linked", bad)
					}
				}
			}
		case html.CommentNode:
			t.Errorf("markdown: comment %q", n.Data)
		case html.ElementNode:
			if !slices.Contains(known, n.Data) {
				t.Errorf("markdown: element %s", n.Data)
			}
		}
	}
	// The zero-width spaces that break mentions are ours.
	if got := strings.ReplaceAll(text.String(), "\u200b", ""); !strings.Contains(got, strings.Join(strings.Fields(seen), " ")) {
		t.Errorf("markdown: %q is not to be read", seen)
	}
}
