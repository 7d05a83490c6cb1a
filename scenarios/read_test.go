package scenarios

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// shop is a small scenario that is in order. Tests break it line by line.
const shop = `version: 1
name: shop
load: { rate: 5/s, duration: 30s, steps: 3 }
objectives: ["p95<300ms", "GET /items/{id} p99<1s"]
limits: { rate: 100, body: 64kB }
think:
  default: { const: 2s }
  read: { lognormal: { median: 3s, sigma: 0.8, max: 1m } }
data:
  n: { range: [1, 50], draw: exclusive }
  who: { text: "u${n}@x.test" }
endpoints:
  login:
    post: /login
    json: { email: "${who}", remember: true, n: 3 }
    expect: { status: [200, 204] }
  list:
    get: /items?sort=new
    extract: { item.id: "items[].id" }
  item:
    get: /items/${item.id}
    think: read
  buy:
    post: /items/${item.id}/buy
    form: { count: "1" }
    think: { exponential: 4s }
personas:
  buyer:
    share: 30%
    start: [login]
    journey:
      list: { to: { item: 1 } }
      item: { to: { buy: .5, list: .25, end: .25 } }
      buy: {}
  looker:
    share: 0.7
    journey:
      list: { to: { item: 1 } }
      item: { think: { const: 1s }, to: { item: .5, end: .5 } }
`

func TestParse(t *testing.T) {
	s, err := Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again Scenario
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, &again); diff != "" {
		t.Errorf("JSON loses something (-read +carried):\n%s", diff)
	}
	item := s.Endpoints[2]
	for _, tt := range []struct{ what, got, want string }{
		{"route", item.Route(), "GET /items/{id}"},
		{"route without query", s.Endpoints[1].Route(), "GET /items"},
		{"body", s.Endpoints[0].JSON, `{"email":"${who}","remember":true,"n":3}`},
		{"order of personas", s.Personas[0].Name, "buyer"},
		{"first node", s.Personas[0].Journey[0].Endpoint, "list"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %q, want %q", tt.what, tt.got, tt.want)
		}
	}
	if got := s.Personas[0].Share; got != 0.3 {
		t.Errorf("share of buyers is %v, want 0.3", got)
	}
	if got := item.Think.Median; got != 3 {
		t.Errorf("median think time at an item is %v s, want 3", got)
	}
	if s.Endpoints[1].Think.Const != 2 {
		t.Errorf("think time of the list is %+v, want the default's", s.Endpoints[1].Think)
	}
}

// Each case replaces one piece of the shop and says what is wrong then.
func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"version: 1", "version: 2", `x.yaml:1: version: this scalecheck reads version 1`},
		{"name: shop\n", "", `x.yaml:1: scenario: name is missing`},
		{"name: shop", "nmae: shop", `x.yaml:2: scenario: unknown key "nmae" (did you mean "name"?)`},
		{"name: shop", "name: shop\nname: bar", `x.yaml:3: scenario: key "name" is there twice, first in line 2`},
		{"rate: 5/s", "rate: fast", `x.yaml:3: rate: want a positive number, have "fast"`},
		{"rate: 5/s", "rate: 5/s, users: 3", `x.yaml:3: load: give users (at once) or rate (sessions started per second), not both`},
		{"duration: 30s", "duration: 30", `x.yaml:3: duration: want a duration such as 3s or 250ms, have "30"`},
		{"p95<300ms", "p95<300", `x.yaml:4: objective "p95<300": "300" is no duration such as 300ms`},
		{"GET /items/{id} p99", "GET /item/{id} p99", `x.yaml:4: objective GET /item/{id} p99<1s: there is no endpoint or path "GET /item/{id}" (did you mean "GET /items/{id}"?)`},
		{"body: 64kB", "body: lots", `x.yaml:5: body: want a size such as 64kB or 8MB, have "lots"`},
		{"body: 64kB", "hosts: [example.com]", `x.yaml:5: limits: a scenario can't allow hosts; --allow-host does`},
		{"const: 2s", "const: 2s, exponential: 3s", `x.yaml:7: think: want one of const, exponential, lognormal, empirical and quantiles`},
		{"sigma: 0.8", "sigma: 8", `x.yaml:8: lognormal: sigma is that of the logarithm, usually 0.5 to 1.5`},
		{"[1, 50]", "[50, 1]", `x.yaml:10: data n range: [50, 1] holds nothing, or too much`},
		{"draw: exclusive", "draw: exclusiv", `x.yaml:10: data n draw: want random or exclusive, have "exclusiv"`},
		{`text: "u${n}@x.test"`, `text: "u${nn}@x.test"`, `x.yaml:11: data who: ${nn} is not in data (did you mean "n"?)`},
		{`text: "u${n}@x.test"`, `text: "u${who}@x.test"`, `x.yaml:11: data who: goes round in a circle by ${who}`},
		{`text: "u${n}@x.test"`, `unique: "u@x.test"`, `x.yaml:11: data who: a unique text has ${unique} in it`},
		{`text: "u${n}@x.test"`, `text: "u${n", words: [1, 2]`, `x.yaml:11: data who: "${n": ${ without }`},
		{"post: /login", "pots: /login", `x.yaml:14: endpoint login: unknown key "pots" (did you mean "post"?)`},
		{"post: /login", "get: /login", `x.yaml:13: endpoint login: GET carries no body`},
		{"post: /login", "post: http://elsewhere/login", `x.yaml:14: endpoint login: want a path on the target such as /courses, have "http://elsewhere/login"`},
		{"post: /login", "post: //elsewhere/login", `x.yaml:14: endpoint login: want a path on the target such as /courses, have "//elsewhere/login"`},
		{"post: /login", "post: /login\n    headers: {Host: elsewhere}", `x.yaml:15: endpoint login headers: "Host" can't be set`},
		{"${who}\", remember", "${whom}\", remember", `x.yaml:13: endpoint login: nothing gives ${whom} a value (did you mean "who"?)`},
		{"[200, 204]", "[200, 2040]", `x.yaml:16: endpoint login expect: there is no HTTP status 2040`},
		{"items[].id", "items[*].id", `x.yaml:19: endpoint list extract item.id: path "items[*].id": want names joined by dots, with [] behind arrays, such as courses[].id`},
		{"think: read\n", "think: raed\n", `x.yaml:22: think: there is no "raed" (did you mean "read"?)`},
		{"share: 30%", "share: 40%", `x.yaml:28: personas: shares sum to 1.1, want 1`},
		{"share: 30%", "share: 130%", `x.yaml:29: persona buyer share: want a share such as 0.25 or 25%, have "130%"`},
		{"start: [login]", "start: [logni]", `x.yaml:30: persona buyer: start: there is no endpoint "logni" (did you mean "login"?)`},
		{"list: { to: { item: 1 } }", "list: { to: { itme: 1 } }", `x.yaml:32: persona buyer: list leads to "itme", which is not in the journey (did you mean "item"?)`},
		{"list: .25, end: .25", "list: .5, end: .25", `x.yaml:33: persona buyer: item: the shares of to sum to 1.25, want 1`},
		{"{ buy: .5, list: .25, end: .25 }", "{ list: 1 }", `x.yaml:34: persona buyer: nothing leads to buy`},
		{"buy: .5, list: .25, end: .25", "buy: 0, list: 1", `x.yaml:33: persona buyer: from item no way leads to end`},
		{"start: [login]", "start: [login, item]", `x.yaml:30: persona buyer: start: item needs ${item.id}, which nothing before it extracts`},
		{"    journey:\n      list: { to: { item: 1 } }\n      item: { think", "    journey:\n      item: { think", `x.yaml:38: persona looker: item needs ${item.id}, which nothing before it extracts`},
		{"default: { const: 2s }\n", "other: { const: 2s }\n", `x.yaml:32: persona buyer: list has no think time (think here or on the endpoint, or think: {default: …})`},
		{"endpoints:\n", "endpoints:\n  idle: { get: /idle }\n", `x.yaml:13: endpoint idle: no persona requests it`},
		{"name: shop", "name: [shop", `x.yaml:2: did not find expected ',' or ']'`},
		{"name: shop", "name: &a shop", `x.yaml:2: anchors and aliases are not supported`},
	} {
		text := strings.Replace(shop, tt.old, tt.new, 1)
		if text == shop {
			t.Errorf("%q is not in the shop", tt.old)
			continue
		}
		_, err := Parse("x.yaml", []byte(text))
		if err == nil {
			t.Errorf("%q instead of %q: no error, want %s", tt.new, tt.old, tt.want)
			continue
		}
		if got := err.Error(); !strings.Contains("\n"+got+"\n", "\n"+tt.want+"\n") {
			t.Errorf("%q instead of %q:\n got %s\nwant %s", tt.new, tt.old, got, tt.want)
		}
		if hint.Status(err) != hint.NotStarted {
			t.Errorf("%q: status %d, want %d", tt.new, hint.Status(err), hint.NotStarted)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	text := shop
	for _, r := range [][2]string{{"name: shop", "nmae: shop"}, {"const: 2s", "const: 2"}, {"post: /login", "post: login"}, {"share: 30%", "share: a third"}} {
		text = strings.Replace(text, r[0], r[1], 1)
	}
	_, err := Parse("x.yaml", []byte(text))
	p, ok := errors.AsType[*Problems](err)
	if !ok {
		t.Fatalf("error is %v, want *Problems", err)
	}
	lines := map[int]bool{}
	last := 0
	for _, q := range p.List {
		if q.Line < last {
			t.Errorf("line %d comes after line %d", q.Line, last)
		}
		last = q.Line
		lines[q.Line] = true
	}
	for _, line := range []int{1, 2, 7, 14, 29} {
		if !lines[line] {
			t.Errorf("nothing is said about line %d:\n%v", line, err)
		}
	}
}

// Whatever the text, there is an error and no panic.
func FuzzParse(f *testing.F) {
	f.Add(shop)
	f.Add(campus)
	f.Add("")
	f.Add("---\n---\n")
	f.Add("[1, 2]")
	f.Add("version: 1\nname: x\nendpoints: {}\npersonas: {}\n")
	f.Add("endpoints: {a: 3, b: [], c: {get: {}}}\npersonas: {p: {share: 1, journey: {a: {to: {b: 1}}, b: null}}}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("x", []byte(text))
		if (s == nil) == (err == nil) {
			t.Errorf("scenario %v, error %v", s, err)
		}
		if s == nil {
			return
		}
		m, err := NewModel(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Mix()
		m.Presence(1)
	})
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Source != "shop.yaml" || len(s.SHA256) != 64 {
		t.Errorf("source %q, SHA256 %q", s.Source, s.SHA256)
	}
	_, err = Read("missing.yaml")
	if err == nil || err.Error() != "read scenario missing.yaml: no such file or directory" || !strings.Contains(hint.Of(err), "lms") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
}
