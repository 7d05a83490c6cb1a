package accesslog

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

var entry = Entry{
	At: time.Date(2026, 3, 9, 8, 0, 1, 250e6, time.UTC), Took: 12345 * time.Microsecond, Client: "198.18.0.1",
	User: "7", Session: "ABC", Method: "GET", URI: "/courses?page=5&q=a", Proto: "HTTP/1.1",
	Status: 200, Bytes: 512, Agent: "Mozilla/5.0 (X11)",
}

func TestFormats(t *testing.T) {
	nobody := entry
	nobody.User, nobody.Session, nobody.Agent = "", "", "say \"hi\"\\\n"
	for _, tt := range []struct {
		name   string
		format Format
		entry  Entry
		want   string
	}{
		{"combined", Combined, entry, `198.18.0.1 - ABC [09/Mar/2026:08:00:01 +0000] "GET /courses?page=5&q=a HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11)" 0.012`},
		{"combined, nobody", Combined, nobody, `198.18.0.1 - - [09/Mar/2026:08:00:01 +0000] "GET /courses?page=5&q=a HTTP/1.1" 200 512 "-" "say \x22hi\x22\x5C\x0A" 0.012`},
		{"JSON", JSON, entry, `{"time":"2026-03-09T08:00:01.250Z","remote_addr":"198.18.0.1","remote_user":"7","session_id":"ABC","request_method":"GET","request_uri":"/courses?page=5&q=a","status":200,"body_bytes_sent":512,"request_time":0.012,"http_user_agent":"Mozilla/5.0 (X11)"}`},
		{"JSON, nobody", JSON, nobody, `{"time":"2026-03-09T08:00:01.250Z","remote_addr":"198.18.0.1","request_method":"GET","request_uri":"/courses?page=5&q=a","status":200,"body_bytes_sent":512,"request_time":0.012,"http_user_agent":"say \"hi\"\\\n"}`},
	} {
		var b bytes.Buffer
		if err := tt.format(&b, &tt.entry); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); got != tt.want+"\n" {
			t.Errorf("%s:\n got %swant %s", tt.name, got, tt.want)
		}
	}
}

func nobody(*http.Request, http.Header) (user, session string) { return "", "" }

// One line for each request, whatever answers at the same time.
func TestHandler(t *testing.T) {
	var b bytes.Buffer
	l := New(&b, Combined, nobody)
	h := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
		case "/gone":
			http.Error(w, "gone", http.StatusGone)
		default:
			_, _ = io.WriteString(w, "hello")
		}
	}))
	const each = 50
	var wg sync.WaitGroup
	for _, path := range []string{"/", "/silent", "/gone"} {
		for range each {
			wg.Go(func() {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("X-Forwarded-For", "198.18.0.1, 10.0.0.1")
				h.ServeHTTP(httptest.NewRecorder(), r)
			})
		}
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"GET / HTTP/1.1" 200 5 `, `"GET /silent HTTP/1.1" 200 0 `, `"GET /gone HTTP/1.1" 410 5 `} {
		if n := strings.Count(b.String(), want); n != each {
			t.Errorf("%d lines with %s, want %d", n, want, each)
		}
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "198.18.0.1 - - [") {
			t.Errorf("%s", line)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// Who asks for a log is told when there is none; requests are answered all the same.
func TestFullDisk(t *testing.T) {
	l := New(full{}, JSON, nobody)
	w := httptest.NewRecorder()
	l.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if err := l.Close(); w.Code != http.StatusNotFound || err == nil || err.Error() != "access log: no space left" {
		t.Errorf("status %d, error %v", w.Code, err)
	}
}

func BenchmarkHandler(b *testing.B) {
	l := New(io.Discard, JSON, nobody)
	defer l.Close()
	h := l.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", "/api/v1/courses/17?page=2", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
