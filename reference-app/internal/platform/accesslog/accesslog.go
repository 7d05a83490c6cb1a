// Package accesslog writes a line for each request, as a reverse proxy in front
// of the app would.
package accesslog

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// buffer and flushEvery are what servers under load are told to use (nginx:
	// buffer=64k flush=1s): a request costs no system call, and who follows the
	// log sees it a second late.
	buffer     = 64 << 10
	flushEvery = time.Second
)

// A Format writes an entry as one line.
type Format func(io.Writer, *Entry) error

// An Entry is one request and what became of it.
type Entry struct {
	At      time.Time // when it had been answered
	Took    time.Duration
	Client  string // address
	User    string // empty: nobody is logged in
	Session string // likewise; of one log-in
	Method  string
	URI     string // path and query
	Proto   string
	Status  int
	Bytes   int64 // of the body
	Referer string
	Agent   string
}

// A Log writes entries. It is closed by who made it.
type Log struct {
	format Format
	who    func(*http.Request, http.Header) (user, session string)

	mu   sync.Mutex
	w    *bufio.Writer
	err  error // the first one
	quit chan struct{}
	done chan struct{}
}

// New returns a log that writes to w. who says whose request it was, from the
// request and the header of its answer: a log-in has no session before it.
func New(w io.Writer, f Format, who func(r *http.Request, answer http.Header) (user, session string)) *Log {
	l := &Log{format: f, who: who, w: bufio.NewWriterSize(w, buffer), quit: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *Log) run() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-l.quit:
			l.flush()
			return
		}
	}
}

func (l *Log) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(l.w.Flush())
}

func (l *Log) keep(err error) {
	if l.err == nil {
		l.err = err
	}
}

// Close writes what is left. The error is the first that writing has met with:
// a log that is not complete must not pass for one that is.
func (l *Log) Close() error {
	close(l.quit)
	<-l.done
	if l.err != nil {
		return fmt.Errorf("access log: %w", l.err)
	}
	return nil
}

// Handler logs what next answers.
func (l *Log) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		c := &counter{ResponseWriter: w}
		next.ServeHTTP(c, r)
		e := Entry{
			At: time.Now(), Client: client(r), Method: r.Method, URI: r.RequestURI, Proto: r.Proto,
			Status: c.status, Bytes: c.bytes, Referer: r.Referer(), Agent: r.UserAgent(),
		}
		if e.Status == 0 {
			e.Status = http.StatusOK
		}
		e.Took = e.At.Sub(start)
		e.User, e.Session = l.who(r, w.Header())
		l.mu.Lock()
		defer l.mu.Unlock()
		l.keep(l.format(l.w, &e))
	})
}

// client returns the address that a proxy in front of the app has seen, if there
// is one and says so.
func client(r *http.Request) string {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	if addr, err := netip.ParseAddr(strings.TrimSpace(first)); err == nil {
		return addr.String()
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr) // the server has set it
	return host
}

// A counter sees what is answered.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap is for [http.ResponseController].
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Combined is the combined log format of Apache and nginx with nginx's
// $request_time behind it. The field for the user holds the session: a user may
// have several at once, and whoever reads the log wants them apart.
func Combined(w io.Writer, e *Entry) error {
	_, err := fmt.Fprintf(w, "%s - %s [%s] \"%s %s %s\" %d %d \"%s\" \"%s\" %.3f\n",
		e.Client, dash(e.Session), e.At.Format("02/Jan/2006:15:04:05 -0700"),
		escape(e.Method), escape(e.URI), e.Proto, e.Status, e.Bytes, escape(dash(e.Referer)), escape(dash(e.Agent)), e.Took.Seconds())
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// escape is nginx's: what would end a field or a line becomes \xXX.
func escape(s string) string {
	special := func(c rune) bool { return c < ' ' || c == '"' || c == '\\' || c == 0x7f }
	if !strings.ContainsFunc(s, special) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if special(rune(s[i])) {
			fmt.Fprintf(&b, `\x%02X`, s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// JSON writes an object a line, under nginx's names.
func JSON(w io.Writer, e *Entry) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Time    string  `json:"time"`
		Client  string  `json:"remote_addr"`
		User    string  `json:"remote_user,omitempty"`
		Session string  `json:"session_id,omitempty"`
		Method  string  `json:"request_method"`
		URI     string  `json:"request_uri"`
		Status  int     `json:"status"`
		Bytes   int64   `json:"body_bytes_sent"`
		Took    float64 `json:"request_time"`
		Referer string  `json:"http_referer,omitempty"`
		Agent   string  `json:"http_user_agent"`
	}{
		e.At.Format("2006-01-02T15:04:05.000Z07:00"), e.Client, e.User, e.Session, e.Method, e.URI,
		e.Status, e.Bytes, math.Round(e.Took.Seconds()*1e3) / 1e3, e.Referer, e.Agent,
	})
}
