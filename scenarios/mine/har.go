package mine

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// An exchange is what a recording knows beyond a log: bodies. It stays in
// memory only until the model is made.
type exchange struct {
	shape   int
	op      int      // -1: none
	texts   []string // values of the shape's variables
	at      float64
	body    body
	answer  string   // JSON text, or empty
	dropped []string // names of headers that were left out and may matter
}

// A body is what a request sent.
type body struct {
	kind string // "json", "form", "text", "multipart", or "" for none
	text string
	form [][2]string
}

type harEntry struct {
	StartedDateTime string  `json:"startedDateTime"`
	Time            float64 `json:"time"` // ms
	Request         struct {
		Method  string `json:"method"`
		URL     string `json:"url"`
		Headers []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
		PostData *struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Params   []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  int `json:"status"`
		Content struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
	} `json:"response"`
}

const (
	// maxEntries of recordings are kept with their bodies: hours of clicking.
	maxEntries = 5_000
	// maxAnswer is the longest answer that is looked through for values.
	maxAnswer = 1 << 20
)

// readHAR reads a recording, one entry after the other. All requests are those
// of one person.
func (m *Miner) readHAR(name string, b *bufio.Reader) error {
	in := Input{Name: name, Format: "HAR recording", Timing: "time of each entry"}
	dec := json.NewDecoder(b)
	where := func(err error) error {
		return fmt.Errorf("%s: entry %d, byte %d: %w", name, in.Lines+1, dec.InputOffset(), err)
	}
	if err := seek(dec, "log"); err != nil {
		return where(err)
	}
	if err := seek(dec, "entries"); err != nil {
		return where(err)
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return where(errors.New("log.entries is no list"))
	}
	for dec.More() {
		var e harEntry
		if err := dec.Decode(&e); err != nil {
			if strings.Contains(err.Error(), "unexpected EOF") {
				err = errors.New("the recording breaks off")
			}
			return where(err)
		}
		q, err := e.request(name)
		in.Lines++
		switch {
		case errors.Is(err, errNoRequest):
			m.drop("no HTTP request")
		case err != nil:
			if in.Broken++; len(in.BrokenAt) < 5 {
				in.BrokenAt = append(in.BrokenAt, in.Lines)
			}
			if in.Broken == in.Lines && in.Broken >= 5 {
				return where(err)
			}
		default:
			if len(m.entries) >= maxEntries {
				q.exchange = nil
			}
			kept := m.report.Kept
			m.request(&q)
			if m.report.Kept > kept && q.exchange != nil {
				m.entries = append(m.entries, q.exchange)
			}
		}
	}
	if _, err := dec.Token(); err != nil {
		return where(errors.New("the recording breaks off"))
	}
	if in.Lines == 0 {
		return fmt.Errorf("%s: log.entries is empty", name)
	}
	if in.tooBroken() {
		return fmt.Errorf("%s: %d of %d entries have no time or no URL, the first is %d", name, in.Broken, in.Lines, in.BrokenAt[0])
	}
	m.report.Inputs = append(m.report.Inputs, in)
	return nil
}

// seek moves behind the key of that name in the object that begins.
func seek(dec *json.Decoder, key string) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("want an object")
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		if t == key {
			return nil
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
	}
	return fmt.Errorf("there is no %q in it", key)
}

func (e *harEntry) request(name string) (request, error) {
	q := request{session: "recording " + name, took: unknown, method: e.Request.Method, status: e.Response.Status}
	at, err := time.Parse(time.RFC3339Nano, e.StartedDateTime)
	if err != nil {
		return q, errors.New("startedDateTime is no time")
	}
	q.stamp = seconds(at)
	if q.at = q.stamp; e.Time >= 0 && e.Time < 1e9 {
		q.took = e.Time / 1e3
	}
	if !strings.HasPrefix(e.Request.URL, "http") || !isMethod(q.method) {
		return q, errNoRequest // data:, chrome-extension:, ws:
	}
	if !q.setURI(e.Request.URL) {
		return q, errors.New("url is none")
	}
	q.exchange = &exchange{at: q.at, body: e.body()}
	for _, h := range e.Request.Headers {
		if n := strings.ToLower(h.Name); strings.HasPrefix(n, "x-") && !strings.HasPrefix(n, "x-forwarded") || n == "authorization" {
			q.exchange.dropped = append(q.exchange.dropped, n)
		}
	}
	c := e.Response.Content
	if len(c.Text) <= maxAnswer && strings.Contains(c.MimeType, "json") {
		q.exchange.answer = c.Text
		if c.Encoding == "base64" {
			text, err := base64.StdEncoding.DecodeString(c.Text)
			if err == nil {
				q.exchange.answer = string(text)
			}
		}
	}
	return q, nil
}

func (e *harEntry) body() body {
	d := e.Request.PostData
	if d == nil {
		return body{}
	}
	switch {
	case strings.Contains(d.MimeType, "json"):
		return body{kind: "json", text: d.Text}
	case strings.Contains(d.MimeType, "x-www-form-urlencoded"):
		b := body{kind: "form"}
		for _, p := range d.Params {
			b.form = append(b.form, [2]string{unescape(p.Name), unescape(p.Value)})
		}
		if len(b.form) == 0 {
			for pair := range strings.SplitSeq(d.Text, "&") {
				if k, v, _ := strings.Cut(pair, "="); k != "" {
					b.form = append(b.form, [2]string{unescape(k), unescape(v)})
				}
			}
		}
		return b
	case strings.Contains(d.MimeType, "multipart"):
		return body{kind: "multipart"}
	case d.Text == "":
		return body{}
	}
	return body{kind: "text", text: d.Text}
}

func unescape(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return s
}
