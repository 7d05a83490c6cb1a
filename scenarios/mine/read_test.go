package mine_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

// read mines one input.
func read(t *testing.T, o mine.Options, name string, r io.Reader) (*mine.Log, error) {
	t.Helper()
	m, err := mine.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Read(name, r); err != nil {
		return nil, err
	}
	return m.Log()
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "logs", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // only read
	return f
}

func TestRead(t *testing.T) {
	own := map[string]string{"time": "when", "user": "who"}
	for _, tt := range []struct {
		file     string
		fields   map[string]string
		requests int
		sessions int
		timing   string  // begins with
		think    float64 // before the second request of the first session
		ops      string
	}{
		{"apache_combined.log", nil, 7, 2, "", 8, "GET /courses, GET /courses/${course.id}, POST /courses/${course.id}/enrol"},
		{"common.log", nil, 2, 1, "", 60, "GET /, GET /apache_pb.html"},
		{"nginx_request_time.log", nil, 2, 2, "request time in seconds", -1, "GET /courses, GET /courses/${course.id}"},
		{"apache_micros.log", nil, 2, 1, "request time in µs", 2.75, "GET /courses, GET /courses/${course.id}"},
		{"nginx.jsonl", nil, 2, 1, "request time in a field", 3.99, "GET /courses/${course.id}, GET /courses?page=${course.page}"},
		{"caddy.jsonl", nil, 2, 1, "request time in a field", 3.75, "GET /courses, GET /courses/${course.id}"},
		{"traefik.jsonl", nil, 2, 1, "request time in a field", 3.75, "GET /courses, GET /courses/${course.id}"},
		{"alb.jsonl", nil, 2, 1, "request time in a field", 3.75, "GET /courses, GET /courses/${course.id}"},
		{"own_fields.jsonl", own, 2, 1, "", 3.76, "GET /courses, GET /courses/${course.id}"},
		{"broken_few.log", nil, 240, 1, "", 1, "GET /courses/${course.id}"},
		{"recording.har", nil, 6, 1, "time of each entry", 1.96,
			"GET /api/v1/courses/${course.id}, GET /api/v1/items/${item.id}, GET /api/v1/me/dashboard, POST /api/v1/courses/${course.id}/notes, POST /api/v1/login"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			l, err := read(t, mine.Options{Fields: tt.fields}, tt.file, open(t, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if l.Report.Requests != tt.requests || len(l.Sessions) != tt.sessions {
				t.Errorf("%d requests in %d sessions, want %d in %d (%+v)", l.Report.Requests, len(l.Sessions), tt.requests, tt.sessions, l.Report)
			}
			if got := l.Report.Inputs[0].Timing; !strings.HasPrefix(got, tt.timing) || tt.timing == "" && got != "" {
				t.Errorf("timing %q, want %q", got, tt.timing)
			}
			if tt.think >= 0 {
				if got := l.Sessions[0].Calls[1].Think; got < tt.think-0.011 || got > tt.think+0.011 {
					t.Errorf("think %v, want %v", got, tt.think)
				}
			}
			var ops []string
			for _, op := range l.Ops {
				ops = append(ops, op.Method+" "+op.Path)
			}
			if diff := cmp.Diff(strings.Split(tt.ops, ", "), sorted(ops)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadBroken(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"broken_many.log", `broken_many.log:5: no [time] (2 of 62 lines can't be read)`},
		{"broken_html.log", `broken_html.log:1: no [time] (3 of 3 lines can't be read)`},
		{"broken_no_time.jsonl", `broken_no_time.jsonl:1: no time (looked for time, ts, `},
		{"broken_empty.log", `broken_empty.log: nothing in it`},
		{"broken_cut.har", `broken_cut.har: entry 4, byte `},
	} {
		t.Run(tt.file, func(t *testing.T) {
			_, err := read(t, mine.Options{}, tt.file, open(t, tt.file))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("%v, want %s…", err, tt.want)
			}
			if hint.Of(err) == "" || hint.Status(err) != hint.NotStarted {
				t.Errorf("hint %q, status %d", hint.Of(err), hint.Status(err))
			}
		})
	}
	l, err := read(t, mine.Options{}, "broken_few.log", open(t, "broken_few.log"))
	if err != nil {
		t.Fatal(err)
	}
	if in := l.Report.Inputs[0]; in.Broken != 2 || !cmp.Equal(in.BrokenAt, []int{99, 153}) {
		t.Errorf("broken lines %d at %v, want 2 at 99 and 153", in.Broken, in.BrokenAt)
	}
}

func TestReadGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, open(t, "broken_few.log")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	l, err := read(t, mine.Options{}, "access.log.gz", bytes.NewReader(whole))
	if err != nil || l.Report.Requests != 240 {
		t.Errorf("%v requests, %v", l, err)
	}
	if _, err := read(t, mine.Options{}, "access.log.gz", bytes.NewReader(whole[:len(whole)-20])); err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("a file that breaks off: %v", err)
	}
}

// TestSessions: an id is believed more than an address, a log-in belongs to the
// session that it begins, and half an hour without a request is the end.
func TestSessions(t *testing.T) {
	line := func(minute int, user, client string) string {
		return fmt.Sprintf(`{"ts":%d,"method":"GET","uri":"/a","status":200,"client_ip":%q,"user_agent":"x","user":%q}`+"\n", 1773043200+60*minute, client, user)
	}
	for _, tt := range []struct {
		name, log string
		want      []int // requests of the sessions
	}{
		{"same address and agent", line(0, "", "1.1.1.1") + line(5, "", "1.1.1.1") + line(6, "", "2.2.2.2"), []int{2, 1}},
		{"idle", line(0, "", "1.1.1.1") + line(30, "", "1.1.1.1") + line(61, "", "1.1.1.1"), []int{2, 1}},
		{"log-in first", line(0, "", "1.1.1.1") + line(1, "u", "1.1.1.1") + line(2, "u", "3.3.3.3"), []int{3}},
		{"two users behind one address", line(0, "u", "1.1.1.1") + line(1, "v", "1.1.1.1") + line(2, "u", "1.1.1.1"), []int{2, 1}},
		{"lines out of order", line(1, "u", "1.1.1.1") + line(0, "u", "1.1.1.1"), []int{2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := read(t, mine.Options{}, "x", strings.NewReader(tt.log))
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, s := range l.Sessions {
				got = append(got, len(s.Calls))
			}
			if !cmp.Equal(got, tt.want) {
				t.Errorf("sessions of %v requests, want %v", got, tt.want)
			}
		})
	}
}

func TestTemplates(t *testing.T) {
	log := func(paths ...string) string {
		var b strings.Builder
		for i, p := range paths {
			fmt.Fprintf(&b, "1.1.1.1 - - [09/Mar/2026:08:%02d:%02d +0000] %q 200 1\n", i/60, i%60, p+" HTTP/1.1")
		}
		return b.String()
	}
	var slugs, pages []string
	for i := range 30 {
		slugs = append(slugs, fmt.Sprintf("GET /articles/how-to-%c%d", 'a'+i%26, i))
		pages = append(pages, fmt.Sprintf("GET /api/%c%cword", 'a'+i%26, 'a'+i/26))
	}
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string // "name: METHOD path"
	}{
		{"numbers", []string{"GET /courses/1/items/2", "GET /courses/3/items/2"}, []string{"course_item: GET /courses/${course.id}/items/${item.id}"}},
		{"uuid, ulid, hash", []string{"GET /a/0f8fad5b-d9cb-469f-a165-70867728950e", "GET /b/01ARZ3NDEKTSV4RRFFQ69G5FAV", "GET /c/9b74c9897bac770ffc029102a200c5de"},
			[]string{"a: GET /a/${a.id}", "b: GET /b/${b.id}", "c: GET /c/${c.id}"}},
		{"names of things", slugs, []string{"article: GET /articles/${article.slug}"}},
		{"a page and a number", []string{"GET /users/me", "GET /users/7"}, []string{"user: GET /users/${user.id}", "users_me: GET /users/me"}},
		{"methods", []string{"GET /courses", "POST /courses"}, []string{"courses: GET /courses", "post_courses: POST /courses"}},
		{"query keys", []string{"GET /s?q=x&utm_source=y", "GET /s?page=2&q=x", "GET /s?q=z"}, []string{"s: GET /s?q=${s.q}", "s_by_page: GET /s?page=${s.page}&q=${s.q}"}},
		{"an id in the query is that in the path", []string{"GET /items?course_id=3"}, []string{"items: GET /items?course_id=${course.id}"}},
		{"root", []string{"GET /", "GET /end"}, []string{"end_2: GET /end", "home: GET /"}},
		{"a literal that looks like a variable", []string{"GET /a${b}"}, []string{"a_b: GET /a$${b}"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := read(t, mine.Options{}, "x", strings.NewReader(log(tt.lines...)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, op := range l.Ops {
				got = append(got, op.Name+": "+op.Method+" "+op.Path)
			}
			if diff := cmp.Diff(tt.want, sorted(got)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("thirty pages stay thirty", func(t *testing.T) {
		l, err := read(t, mine.Options{}, "x", strings.NewReader(log(pages...)))
		if err != nil || len(l.Ops) != 30 {
			t.Errorf("%v operations, %v", l, err)
		}
	})
	t.Run("routes rule", func(t *testing.T) {
		routes, err := mine.ReadRoutes("routes", strings.NewReader("# mine\nGET /users/{user_id}\n\nGET /x/{name}/y\n"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := read(t, mine.Options{Routes: routes}, "x", strings.NewReader(log("GET /users/me", "GET /users/7", "GET /x/z/y", "GET /other")))
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Ops) != 2 || l.Ops[0].Path != "/users/${user.id}" || l.Ops[1].Path != "/x/${x.name}/y" || l.Report.Dropped["in no route given"] != 1 {
			t.Errorf("%+v %v", l.Ops, l.Report.Dropped)
		}
		if _, err := mine.ReadRoutes("routes", strings.NewReader("GET /ok\nusers\n")); err == nil || !strings.HasPrefix(err.Error(), "routes:2: ") {
			t.Errorf("%v, want an error in line 2", err)
		}
	})
}

// stream is an endless access log, cut at size bytes.
type stream struct {
	size, n int
	left    []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.left) < len(p) && s.size > 0 {
		second := s.n / 200
		line := fmt.Sprintf("10.%d.%d.%d - - [09/Mar/2026:%02d:%02d:%02d +0000] \"GET /courses/%d/items/%d?q=a%d HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\" 0.%03d\n",
			s.n/20>>16&255, s.n/20>>8&255, s.n/20&255, second/3600%24, second/60%60, second%60, s.n%9973, s.n%99991, s.n, s.n%997)
		s.left = append(s.left, line...)
		s.size -= len(line)
		s.n++
	}
	n := copy(p, s.left)
	s.left = s.left[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestMemory: what is kept of a log does not grow with it.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 200 MB")
	}
	m, err := mine.New(mine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Read("stream", &stream{size: 200 << 20}); err != nil {
		t.Fatal(err)
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	l, err := m.Log()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests, %d sessions, %d sampled, %d MB in use", l.Report.Requests, l.Report.Sessions, l.Report.Sampled, after.HeapAlloc>>20)
	if l.Report.Sampled > mine.MaxSessions || l.Report.Sessions <= mine.MaxSessions {
		t.Errorf("%d of %d sessions kept, want a reservoir of %d", l.Report.Sampled, l.Report.Sessions, mine.MaxSessions)
	}
	if after.HeapAlloc > 500<<20 {
		t.Errorf("%d MB in use after 200 MB", after.HeapAlloc>>20)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

func fuzz(f *testing.F, files ...string) {
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join("testdata", "logs", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := mine.New(mine.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Read("x", bytes.NewReader(text)) != nil {
			return
		}
		l, err := m.Log()
		if err != nil {
			return
		}
		if _, err := mine.Fit(l, mine.FitOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzCombined(f *testing.F) {
	fuzz(f, "apache_combined.log", "common.log", "nginx_request_time.log", "apache_micros.log", "broken_many.log")
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "nginx.jsonl", "caddy.jsonl", "traefik.jsonl", "alb.jsonl")
}

func FuzzHAR(f *testing.F) { fuzz(f, "recording.har", "broken_cut.har") }
