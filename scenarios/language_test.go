package scenarios

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// campus has one of everything that needs no other file.
const campus = `version: 1
name: campus
objectives: ["p95<300ms", "open course: p95<2s"]
arrivals:
  bursts: { factor: 6, on: 20s, off: 3m }
  events:
    - { name: lecture, at: 25%, persona: reader, together: { sessions: 20, spread: 4s } }
    - { name: due, at: .8, deadline: { peak: 9, window: 2m, after: 20% } }
think:
  default: { const: 1s }
  measured: { empirical: [3, 1s, 500ms] }
  table: { quantiles: [0, 1.5, 20] }
between: { "home > course": table, "quiz > answer": { exponential: 2s } }
data:
  page: { range: [1, 500], per: request, popularity: { newest: .9 }, locality: .5 }
  word: { choice: [a, b, c], popularity: { weights: [5, 3, 1] } }
  tag: { choice: [x, y], per: request, popularity: { zipf: 1.1 } }
endpoints:
  home: { get: "/home?word=${word}", extract: { course.id: "courses[].id" } }
  course: { get: "/courses/${course.id}?page=${page}", extract: { item.id: "items[].id", quiz.id: "quizzes[].id" } }
  item: { get: "/items/${item.id}?tag=${tag}", think: measured }
  quiz: { get: "/quizzes/${quiz.id}", extract: { question.id: "questions[].id" } }
  answer: { post: "/questions/${question.id}" }
  submit: { post: "/quizzes/${quiz.id}/submit" }
personas:
  reader:
    share: .7
    start: [home]
    journey:
      course: { to: { items: .6, pages: .2, quiz: .2 } }
      items: { endpoint: item, repeat: { geometric: .7, max: 15 }, to: { course: .5, end: .5 } }
      pages: { endpoint: item, repeat: { choice: { 1: .5, 2: .3, 4: .2 } }, to: { end: 1 } }
      quiz: { to: { answers: 1 } }
      answers: { endpoint: answer, repeat: { each: question.id, about: 10, max: 30 }, to: { hand-in: 1 } }
      hand-in: { sequence: [submit, home], repeat: { times: 1 }, think: table, to: { end: 1 } }
  recorded:
    share: .3
    skeletons:
      - 3x home course(course.id=1) item(item.id=1,tag=1) item(item.id=2)
      - home course(course.id=1,page=1) quiz answer submit
invariants:
  - count(submit) <= count(quiz)
  - count(answer) <= 30 * count(quiz)
  - submit requires quiz
paths:
  open course: [home, course]
`

func TestLanguage(t *testing.T) {
	s, err := Parse("campus.yaml", []byte(campus))
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
	journey := s.Personas[0].Journey
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"bursts", *s.Arrivals.Bursts, Bursts{6, 20, 180}},
		{"events", s.Arrivals.Events, []Event{
			{Name: "lecture", At: .25, Persona: "reader", Together: &Together{20, 4}},
			{Name: "due", At: .8, Deadline: &Deadline{9, 120, .2}},
		}},
		{"measured", s.Endpoints[2].Think.Quantiles, []Seconds{.5, 1, 3}},
		{"between", s.Between, []Between{{"home", "course", Think{Quantiles: []Seconds{0, 1.5, 20}}}, {"quiz", "answer", Think{Mean: 2}}}},
		{"page", s.Data[0], Source{Name: "page", Range: &[2]int64{1, 500}, PerRequest: true, Popularity: Popularity{Newest: .9}, Locality: .5}},
		{"word", s.Data[1].Popularity, Popularity{Weights: []float64{5, 3, 1}}},
		{"items", *journey[1].Repeat, Repeat{Geometric: .7, Max: 15}},
		{"pages", journey[2].Repeat.Choice, []Rounds{{1, .5}, {2, .3}, {4, .2}}},
		{"answers", *journey[4].Repeat, Repeat{Each: "question.id", About: 10, Max: 30}},
		{"hand-in", []any{*journey[5].Repeat, journey[5].Sequence, journey[5].Endpoint}, []any{Repeat{Times: &[2]int{1, 1}}, []string{"submit", "home"}, ""}},
		{"skeleton", s.Personas[1].Skeletons[0], Skeleton{3, []Step{
			{"home", nil}, {"course", []Bind{{"course.id", 1}}}, {"item", []Bind{{"item.id", 1}, {"tag", 1}}}, {"item", []Bind{{"item.id", 2}}},
		}}},
		{"invariant", s.Invariants[1], Invariant{Text: "count(answer) <= 30 * count(quiz)", Left: "answer", Op: "<=", Factor: 30, Right: "quiz"}},
		{"paths", s.Paths, []Path{{"open course", []string{"home", "course"}}}},
		{"objective", s.Objectives[1], Objective{Endpoint: "open course", Quantile: .95, Limit: 2}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

// Each case replaces one piece of the campus and says what is wrong then.
func TestLanguageErrors(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"open course: p95", "open curse: p95", `x.yaml:3: objective open curse: p95<2s: there is no endpoint or path "open curse" (did you mean "open course"?)`},
		{"factor: 6, ", "", `x.yaml:5: bursts: want factor, on and off`},
		{"factor: 6, ", "factor: 1, ", `x.yaml:5: bursts: factor is how many times as often sessions come, more than 1`},
		{"  events:", "  curve: { 0s: 1, 10m: 3 }\n  events:", `x.yaml:5: arrivals: want bursts or a curve, not both`},
		{"bursts: { factor: 6, on: 20s, off: 3m }", "curve: { 10m: 1, 5m: 3 }", `x.yaml:5: curve: 5m is not after the point before`},
		{"bursts: { factor: 6, on: 20s, off: 3m }", "curve: { 10m: 1 }", `x.yaml:5: curve: want two points or more, not all of them 0`},
		{"persona: reader", "persona: raeder", `x.yaml:7: event lecture: there is no persona "raeder" (did you mean "reader"?)`},
		{"at: 25%, ", "", `x.yaml:7: event: at is missing: the part of a step's measured time, such as 50%`},
		{"name: due", "name: lecture", `x.yaml:8: events: lecture is there twice`},
		{"sessions: 20, ", "", `x.yaml:7: together: how many sessions? (sessions: 20 is twenty for each session/s of the load)`},
		{"peak: 9", "peak: .9", `x.yaml:8: deadline: peak is how many times the load's rate, at least 1`},
		{"deadline: { peak: 9, window: 2m, after: 20% }", "persona: reader", `x.yaml:8: event: want one of together and deadline`},
		{"[3, 1s, 500ms]", "[3, soon]", `x.yaml:11: empirical: want seconds or a duration such as 2.5 or 250ms, have "soon"`},
		{"[0, 1.5, 20]", "[0, 20, 1.5]", `x.yaml:12: quantiles: want two or more, from the lowest to the highest`},
		{"home > course", "home course", `x.yaml:13: between: want "FROM > TO": two endpoints, have "home course"`},
		{"home > course", "home > coarse", `x.yaml:13: between: there is no endpoint "coarse" (did you mean "course"?)`},
		{"newest: .9", "newest: .9, zipf: 1", `x.yaml:15: data page popularity: want one of zipf, newest and weights`},
		{"locality: .5", "locality: 2", `x.yaml:15: data page locality: want a share such as 0.25 or 25%, have "2"`},
		{"per: request, popularity: { newest: .9 }", "popularity: { newest: .9 }", `x.yaml:15: data page: locality is of range, choice and feed with per: request`},
		{"per: request, popularity: { newest: .9 }, locality: .5", "draw: exclusive, popularity: { zipf: 1 }", `x.yaml:15: data page: what each user holds alone has no popularity`},
		{"weights: [5, 3, 1]", "weights: [5, 3]", `x.yaml:16: data word: 2 weights for 3 values of choice`},
		{"weights: [5, 3, 1]", "weights: [0, 0, 0]", `x.yaml:16: data word popularity: the weights sum to 0`},
		{"zipf: 1.1", "zipf: -1", `x.yaml:17: data tag popularity: want a positive number, have "-1"`},
		{"geometric: .7, max: 15", "geometric: 1", `x.yaml:31: persona reader: items repeat geometric: the probability of another round lies between 0 and 1`},
		{"geometric: .7, max: 15", "times: [4, 2]", `x.yaml:31: persona reader: items repeat times: [4, 2] holds nothing, or too much`},
		{"geometric: .7, max: 15", "times: 0", `x.yaml:31: persona reader: items repeat times: want 1 to 10000 rounds`},
		{"geometric: .7, max: 15", "max: 15", `x.yaml:31: persona reader: items repeat: want one of times, geometric, choice and each`},
		{"geometric: .7, max: 15", "times: 3, max: 15", `x.yaml:31: persona reader: items repeat: max is of geometric and each`},
		{"4: .2", "4: .3", `x.yaml:32: persona reader: pages repeat: the shares of choice sum to 1.1, want 1`},
		{"each: question.id", "each: questoin.id", `x.yaml:34: persona reader: answers: nothing extracts questoin.id, to repeat for each (did you mean "question.id"?)`},
		{"quiz: .2 } }", "hand-in: .2 } }", `x.yaml:33: persona reader: nothing leads to quiz`},
		{"sequence: [submit, home]", "sequence: [submit, hoem]", `x.yaml:35: persona reader: there is no endpoint "hoem" (did you mean "home"?)`},
		{"sequence: [submit, home]", "endpoint: home, sequence: [submit, home]", `x.yaml:35: persona reader: hand-in: want endpoint or sequence, not both`},
		{"sequence: [submit, home]", "sequence: []", `x.yaml:35: persona reader: hand-in sequence: want at least one endpoint`},
		{"- 3x home", "- 0x home", `x.yaml:39: persona recorded skeletons: weight 0x: want a positive number`},
		{"item(item.id=2)", "itme(item.id=2)", `x.yaml:39: persona recorded: skeletons: there is no endpoint "itme" (did you mean "item"?)`},
		{"item(item.id=2)", "item(item.ids=2)", `x.yaml:39: persona recorded: skeletons: item has no variable item.ids (did you mean "item.id"?)`},
		{"item(item.id=2)", "item(item.id)", `x.yaml:39: persona recorded skeletons: step "item(item.id)": want an endpoint, or one with its values' numbers such as item(course.id=1,item.id=2)`},
		{"- home course", "- course", `x.yaml:40: persona recorded: skeletons: course needs ${course.id}, which nothing before it extracts`},
		{"    skeletons:", "    journey: { home: {} }\n    skeletons:", `x.yaml:36: persona recorded: want a journey or skeletons, not both`},
		{"count(submit) <= count(quiz)", "submits < quizzes", `x.yaml:42: invariant "submits < quizzes": want count(A) <= count(B), with <=, >= or == and perhaps 10 * before the second, or A requires B`},
		{"submit requires quiz", "submit requires quizz", `x.yaml:44: invariant submit requires quizz: there is no endpoint "quizz" (did you mean "quiz"?)`},
		{"[home, course]", "[home, curse]", `x.yaml:46: path open course: there is no endpoint "curse" (did you mean "course"?)`},
		{"word: { choice: [a, b, c]", "word: { feed: words.csv", `x.yaml:16: data word: words.csv can't be read: this scenario is a text without a directory`},
		{"choice: [a, b, c]", "choice: [a, b, c], column: a", `x.yaml:16: data word: column is one of a feed`},
	} {
		text := strings.Replace(campus, tt.old, tt.new, 1)
		if text == campus {
			t.Errorf("%q is not in the campus", tt.old)
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
	}
}

// beside is a scenario that leaves its lists to other files.
const beside = `version: 1
name: beside
arrivals: { curve: week.csv }
think: { default: { empirical: data/think.txt } }
data:
  user: { feed: data/users.csv, draw: exclusive }
  city: { feed: data/users.csv, column: town, per: request, popularity: { zipf: 1 } }
  hello: { text: "hello ${user.name}" }
endpoints:
  login: { post: /login, form: { name: "${user.name}", password: "${user.password}", say: "${hello}" } }
  list: { get: "/list?city=${city}", extract: { item.id: "items[].id" } }
  item: { get: "/items/${item.id}" }
personas:
  p: { share: 1, start: [login], skeletons: sessions.txt }
`

var besideFiles = map[string]string{
	"week.csv":       "at,factor\n0s,1\n3600,2.5\n",
	"data/think.txt": "# seconds\n3\n1.5\n\n700ms\n",
	"data/users.csv": "\xef\xbb\xbfname,password,town\nann,\"s,1\",Ulm\nbob,s2,Bonn\n",
	"sessions.txt":   "# two sessions\n\nlist item(item.id=1) item(item.id=2)\n12x list\n",
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesBeside(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, besideFiles)
	write(t, dir, map[string]string{"s.yaml": beside})
	s, err := Read(filepath.Join(dir, "s.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what      string
		got, want any
	}{
		{"curve", s.Arrivals.Curve, []Level{{0, 1}, {3600, 2.5}}},
		{"think", s.Endpoints[0].Think.Quantiles, []Seconds{.7, 1.5, 3}},
		{"rows", s.Data[0], Source{Name: "user", Range: &[2]int64{1, 2}, Exclusive: true}},
		{"a column of a row", s.Data[2], Source{Name: "user.password", Choice: []string{"s,1", "s2"}, Row: "user"}},
		{"a column by itself", s.Data[4], Source{Name: "city", Choice: []string{"Ulm", "Bonn"}, PerRequest: true, Popularity: Popularity{Zipf: 1}}},
		{"skeletons", s.Personas[0].Skeletons, []Skeleton{
			{1, []Step{{"list", nil}, {"item", []Bind{{"item.id", 1}}}, {"item", []Bind{{"item.id", 2}}}}},
			{12, []Step{{"list", nil}}},
		}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
	if _, err := NewModel(s); err != nil {
		t.Error(err)
	}
	if _, err := NewPlan(s, "http://x", Load{Users: 3}, 1, Limits{}); err == nil || !strings.Contains(err.Error(), "3 users need a value of user each, and there are 2") {
		t.Errorf("three users of two rows: %v", err)
	}
	write(t, dir, map[string]string{"sessions.txt": "list item\n"})
	again, err := Read(filepath.Join(dir, "s.yaml"))
	if err != nil || again.SHA256 == s.SHA256 {
		t.Errorf("%v; another file beside, the same SHA-256", err)
	}
}

func TestFilesBesideErrors(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, map[string]string{"users.csv": besideFiles["data/users.csv"]})
	for _, tt := range []struct{ file, text, want string }{
		{"sessions.txt", "list\nlist itme\n", `sessions.txt:2: persona p: skeletons: there is no endpoint "itme" (did you mean "item"?)`},
		{"sessions.txt", "list\n# x\n\nlist item(\n", `sessions.txt:4: persona p skeletons: step "item(": want an endpoint, or one with its values' numbers such as item(course.id=1,item.id=2)`},
		{"sessions.txt", "item\n", `sessions.txt:1: persona p: skeletons: item needs ${item.id}, which nothing before it extracts`},
		{"sessions.txt", "# none\n", `s.yaml:14: persona p skeletons: there is no session`},
		{"data/think.txt", "1\n2\nsoon\n", `data/think.txt:3: empirical: want seconds or a duration such as 2.5 or 250ms, have "soon"`},
		{"data/think.txt", "1\n", `s.yaml:4: empirical: want two measured times or more`},
		{"data/users.csv", "name,password,town\nann,s1\n", `data/users.csv:2: data user: wrong number of fields`},
		{"data/users.csv", "", `data/users.csv:1: data user: the file is empty; want a line with the names of the columns, then the rows`},
		{"data/users.csv", "name,password,town\n", `data/users.csv:1: data user: there are no rows below the names of the columns`},
		{"data/users.csv", "name,pass word,town\nann,s1,Ulm\n", `data/users.csv:1: data user: column "pass word": want a name with letters, digits, _, - and dots between them, once each`},
		{"data/users.csv", "name,password,towns\nann,s1,Ulm\n", `s.yaml:7: data city: data/users.csv has no column "town" (did you mean "towns"?)`},
		{"week.csv", "0s,1\n0s,2\n", `week.csv:2: curve: 0s is not after the point before`},
		{"s.yaml", strings.Replace(beside, "data/users.csv", "../users.csv", 1), `s.yaml:6: data user: "../users.csv" is no file in the scenario's directory or below it (written with /, without . and ..)`},
		{"s.yaml", strings.Replace(beside, "data/users.csv", "/etc/passwd", 1), `s.yaml:6: data user: "/etc/passwd" is no file in the scenario's directory or below it (written with /, without . and ..)`},
		{"s.yaml", strings.Replace(beside, "data/users.csv", "nothing.csv", 1), `s.yaml:6: data user: read nothing.csv: no such file or directory`},
		{"s.yaml", strings.Replace(beside, "data/users.csv", "link/users.csv", 1), `s.yaml:6: data user: read link/users.csv: path escapes from parent`},
	} {
		dir := t.TempDir()
		write(t, dir, besideFiles)
		write(t, dir, map[string]string{"s.yaml": beside})
		write(t, dir, map[string]string{tt.file: tt.text})
		if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		_, err := Read(filepath.Join(dir, "s.yaml"))
		if err == nil {
			t.Errorf("no error, want %s", tt.want)
			continue
		}
		got := strings.Split(err.Error(), "\n")
		if !slices.Contains(got, filepath.Join(dir, tt.want)) {
			t.Errorf("got %s\nwant %s", err, tt.want)
		}
	}
}

func TestInvariant(t *testing.T) {
	for _, tt := range []struct {
		text, session string
		want          bool
	}{
		{"count(a) <= count(b)", "b a", true},
		{"count(a) <= count(b)", "b a a", false},
		{"count(a) == 2 * count(b)", "b a a", true},
		{"count(a) == 2*count(b)", "b a", false},
		{"count(a) >= count(b)", "b", false},
		{"a requires b", "c", true},
		{"a requires b", "b a a", true},
		{"a requires b", "a b", false},
	} {
		i, err := ParseInvariant(tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := i.Holds(strings.Fields(tt.session)); got != tt.want {
			t.Errorf("%s holds in %q: %v, want %v", tt.text, tt.session, got, tt.want)
		}
	}
}

func TestSkeletonReadsBack(t *testing.T) {
	for _, line := range []string{"a", "3x a b(v.id=1) a", "0.5x a(v=1,w-x=12)"} {
		k, err := ParseSkeleton(line)
		if err != nil || k.String() != line {
			t.Errorf("%q reads back as %q, %v", line, k.String(), err)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var all []Seconds
	for i := range 10_001 {
		all = append(all, Seconds((i*7919)%10_001)/100)
	}
	q := Quantiles(all)
	if len(q) != maxQuantiles || q[0] != 0 || q[len(q)-1] != 100 || math.Abs(float64(q[50]-50)) > 1e-9 {
		t.Errorf("%d quantiles from %v by %v to %v", len(q), q[0], q[50], q[len(q)-1])
	}
}

// Whatever the line, a skeleton that is read is written so that it reads back.
func FuzzSkeleton(f *testing.F) {
	for _, line := range []string{"a", "3x a b(v.id=1) a", "x x", "1x 2x a", "0.5x a(v=1,w-x=12)", "1e5x a", "a(", "a()", "a(v=0)", "3x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		k, err := ParseSkeleton(line)
		if err != nil {
			return
		}
		again, err := ParseSkeleton(k.String())
		if diff := cmp.Diff(k, again); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", line, err, diff)
		}
	})
}
