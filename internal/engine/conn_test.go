package engine

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A wire is a server that does with its connections what the test says, and
// counts them.
type wire struct {
	url         string
	connections atomic.Int64
}

func newWire(t *testing.T, h func(c *net.TCPConn, in *bufio.Reader)) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{url: "http://" + l.Addr().String() + "/x"}
	var served sync.WaitGroup
	t.Cleanup(func() { l.Close(); served.Wait() })
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.connections.Add(1)
			served.Go(func() {
				defer c.Close()
				h(c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	return w
}

// request reads a request; false: there is none.
func request(in *bufio.Reader) (*http.Request, bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return r, err == nil
}

// direct returns a transport to whatever there is.
func direct(t *testing.T) *transport {
	tr := newTransport(func(string) bool { return true }, (&net.Dialer{}).DialContext)
	t.Cleanup(tr.close)
	return tr
}

// fetch sends a request and reads the answer; it returns the kind of the error.
func fetch(ctx context.Context, tr *transport, method, url string, within time.Duration) (status int, text, failure string) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0, "", err.Error()
	}
	resp, err := tr.do(ctx, time.Now().Add(within), req)
	if err != nil {
		return 0, "", kind(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, string(b), kind(err)
	}
	return resp.StatusCode, string(b), ""
}

const long = 10 * time.Second

// Whatever a server answers, three requests in a row get the same of it, and
// share a connection where they may.
func TestAnswers(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, "ok")
	z.Close()
	for _, tt := range []struct {
		name, method, answer string
		hangup               bool // after the answer
		status               int
		text, failure        string
		connections          int64
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", "", 1},
		{"nothing", "POST", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", "", 1},
		{"chunks and a trailer", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nX-Sum: 1\r\n\r\n", false, 200, "ok", "", 1},
		{"compressed", "GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), &zipped), false, 200, "ok", "", 1},
		{"compressed nothing", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, 200, "", "", 1},
		{"compressed, they say", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n01234567890123456789", false, 200, "", "network", 1},
		{"length of no body", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", false, 200, "", "", 1},
		{"chunks of no body", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n", false, 200, "", "", 1},
		{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", "", 1},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", false, 304, "", "", 1},
		{"hints", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", "", 1},
		{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nok", true, 200, "ok", "", 3},
		{"the last one", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", "", 3},
		{"old", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", "", 3},
		{"old and kept", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, 200, "ok", "", 1},
		{"another protocol", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nyz", false, 101, "", "", 3},
		{"more than was asked for", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false, 200, "ok", "", 3},
		{"half a body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true, 200, "half", "connection closed", 3},
		{"half a chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", true, 200, "half", "connection closed", 3},
		{"half a header", "GET", "HTTP/1.1 200 OK\r\nContent-Len", true, 0, "", "connection closed", 3},
		{"nothing at all", "GET", "", true, 0, "", "connection closed", 3},
		{"no HTTP", "GET", "HELO\r\n\r\n", false, 0, "", "network", 3},
		{"no status", "GET", "HTTP/1.1 2x0 OK\r\n\r\n", false, 0, "", "network", 3},
		{"no number of bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", false, 0, "", "network", 3},
		{"no size of a chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", false, 200, "", "network", 3},
		{"a header without end", "GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHeader), false, 0, "", "header too large", 3},
		{"hints without end", "GET", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxHeader/25+1), false, 0, "", "header too large", 3},
	} {
		w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
			for {
				if _, ok := request(in); !ok {
					return
				}
				if io.WriteString(c, tt.answer); tt.hangup {
					return
				}
			}
		})
		tr := direct(t)
		for range 3 {
			status, text, failure := fetch(t.Context(), tr, tt.method, w.url, long)
			if status != tt.status || text != tt.text || failure != tt.failure {
				t.Errorf("%s: %d %q %q, want %d %q %q", tt.name, status, text, failure, tt.status, tt.text, tt.failure)
			}
		}
		if n := w.connections.Load(); n != tt.connections {
			t.Errorf("%s: %d connections, want %d", tt.name, n, tt.connections)
		}
		tr.close()
	}
}

// What the server has not answered in time is a timeout at its time, wherever in
// the answer it stopped.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	const within = 100 * time.Millisecond
	for _, answer := range []string{
		"",
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx",
		"HTTP/1.1 100 Continue\r\n\r\n",
	} {
		w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
			request(in)
			io.WriteString(c, answer)
			if strings.Contains(answer, "1000") { // drips on
				for {
					if _, err := io.WriteString(c, "."); err != nil {
						return
					}
					time.Sleep(within / 10)
				}
			}
			request(in)
		})
		begin := time.Now()
		_, _, failure := fetch(t.Context(), direct(t), "GET", w.url, within)
		if took := time.Since(begin); failure != "timeout" || took < within || took > time.Second {
			t.Errorf("%q: %q after %v", answer, failure, took)
		}
		if n := w.connections.Load(); n != 1 {
			t.Errorf("%q: %d connections", answer, n)
		}
	}
}

// A kept connection that the server has closed meanwhile, or on which it speaks
// up, is not used; even a request that changes something goes elsewhere.
func TestClosedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, last := range []string{"", "HTTP/1.1 408 Request Timeout\r\n\r\n"} {
		w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
			request(in)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"+last)
		})
		tr := direct(t)
		for range 3 {
			if status, _, failure := fetch(t.Context(), tr, "POST", w.url, long); status != 200 {
				t.Errorf("after %q: %d %q", last, status, failure)
			}
			for _, all := range tr.idle {
				for _, c := range all {
					for c.peeker.silent() { // until the end has come
						time.Sleep(time.Millisecond)
					}
				}
			}
		}
		if n := w.connections.Load(); n != 3 {
			t.Errorf("after %q: %d connections, want 3", last, n)
		}
	}
}

// A server that closes a kept connection while a request is on its way there gets
// it once more if that does no harm. On a new connection it is a failure.
func TestClosedUnderway(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, failure string
		requests        int64
	}{
		{"GET", "", 3}, {"HEAD", "", 3}, {"OPTIONS", "", 3},
		{"POST", "connection closed", 2}, {"PUT", "connection closed", 2}, {"DELETE", "connection closed", 2},
	} {
		var requests atomic.Int64
		w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
			request(in)
			requests.Add(1)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			if _, ok := request(in); ok {
				requests.Add(1)
			}
		})
		tr := direct(t)
		if status, _, failure := fetch(t.Context(), tr, tt.method, w.url, long); status != 200 {
			t.Errorf("%s: %d %q", tt.method, status, failure)
		}
		if _, _, failure := fetch(t.Context(), tr, tt.method, w.url, long); failure != tt.failure {
			t.Errorf("second %s: %q, want %q", tt.method, failure, tt.failure)
		}
		if n := requests.Load(); n != tt.requests {
			t.Errorf("the server got %d requests %s, want %d", n, tt.method, tt.requests)
		}
		tr.close()
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
		request(in)
		c.SetLinger(0)
	})
	if _, _, failure := fetch(t.Context(), direct(t), "GET", w.url, long); failure != "connection reset" {
		t.Errorf("%q", failure)
	}
}

// A server may have seen enough before the end of a request.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
		http.ReadRequest(in)
		io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
	})
	req, err := http.NewRequest("POST", w.url, bytes.NewReader(make([]byte, 8<<20)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := direct(t).do(t.Context(), time.Now().Add(long), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// The end of a context cuts off its request, in whatever state it is, and no
// other one.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"} {
		under := make(chan bool, 1)
		w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
			for {
				r, ok := request(in)
				switch {
				case !ok:
					return
				case r.Method == "PUT":
					io.WriteString(c, answer)
					under <- true
				default:
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			}
		})
		tr := direct(t)
		earlier, over := context.WithCancel(t.Context())
		for range 2 {
			if status, _, failure := fetch(earlier, tr, "GET", w.url, long); status != 200 {
				t.Errorf("%d %q", status, failure)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-under
			over()
			time.Sleep(20 * time.Millisecond)
			cancel()
		}()
		begin := time.Now()
		_, _, failure := fetch(ctx, tr, "PUT", w.url, long)
		if took := time.Since(begin); failure == "" || took < 20*time.Millisecond || took > long/2 {
			t.Errorf("%q: %q after %v", answer, failure, took)
		}
		if n := w.connections.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
		if _, _, failure := fetch(ctx, tr, "GET", w.url, long); failure == "" {
			t.Error("sent though its context is over")
		}
		if status, _, failure := fetch(t.Context(), tr, "GET", w.url, long); status != 200 {
			t.Errorf("%d %q afterwards", status, failure)
		}
		tr.close()
	}
}

// Idle connections are closed when nobody has needed them for a while.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	closed := make(chan bool, 1)
	w := newWire(t, func(c *net.TCPConn, in *bufio.Reader) {
		request(in)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		request(in)
		closed <- true
	})
	tr := direct(t)
	fetch(t.Context(), tr, "GET", w.url, long)
	tr.closeIdle(time.Now().Add(-idleFor))
	if tr.timer == nil {
		t.Error("nobody is going to close it")
	}
	select {
	case <-closed:
		t.Error("closed at once")
	default:
	}
	tr.closeIdle(time.Now())
	<-closed
	if tr.timer != nil {
		t.Error("the timer goes on")
	}
}

// Requests are what net/http would have sent.
func TestWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		method, url, body string
		header            http.Header
	}{
		{"GET", "http://a.test", "", nil},
		{"GET", "http://a.test:81/x%2Fy/z?q=%20&r", "", http.Header{"X-A": {"1", "two words"}, "User-Agent": {"me"}}},
		{"HEAD", "http://[::1]:80/", "", nil},
		{"POST", "http://a.test/", "some words", http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"7"}, "Host": {"b.test"}}},
		{"POST", "http://a.test/", "", nil},
		{"PUT", "http://a.test/", "", nil},
		{"DELETE", "http://a.test/", "", nil},
		{"DELETE", "http://a.test/", "x", nil},
		{"GET", "http://a.test/", "", http.Header{"Accept-Encoding": {"br"}}},
		{"GET", "http://a.test/", "", http.Header{"Range": {"bytes=0-1"}}},
		{"GET", "http://a.test/", "", http.Header{"X-A": {"1\r\nX-B: 2"}}},
	} {
		made := func() *http.Request {
			var body io.Reader
			if tt.body != "" {
				body = strings.NewReader(tt.body)
			}
			req, err := http.NewRequest(tt.method, tt.url, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"User-Agent": {userAgent}}
			for k, v := range tt.header {
				req.Header[k] = v
			}
			return req
		}
		read := func(text []byte) *http.Request {
			in := bufio.NewReader(bytes.NewReader(text))
			req, err := http.ReadRequest(in)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(req.Body)
			if err != nil || string(b) != tt.body || in.Buffered() > 0 {
				t.Errorf("%s: body %q, %v, %d bytes after it", text, b, err, in.Buffered())
			}
			return req
		}
		var b bytes.Buffer
		if err := write(&b, made()); err != nil {
			t.Fatal(err)
		}
		if tt.header["X-A"] != nil && strings.Contains(tt.header["X-A"][0], "\n") {
			if read(b.Bytes()).Header["X-B"] != nil { // net/http refuses to send it
				t.Errorf("a value became a field:\n%s", &b)
			}
			continue
		}
		want, err := httputil.DumpRequestOut(made(), true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read(want), read(b.Bytes()), cmpopts.IgnoreUnexported(http.Request{}), cmpopts.IgnoreFields(http.Request{}, "Body")); diff != "" {
			t.Errorf("%s %s (-net/http +ours):\n%s", tt.method, tt.url, diff)
		}
	}
}
