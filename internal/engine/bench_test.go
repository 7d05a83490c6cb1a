package engine

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"
)

// answer serves the same answer to everything, at next to no cost, so that what
// a benchmark counts is ours.
func answer(b *testing.B, header, body string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	text := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", len(body), header, body)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in, length := bufio.NewReader(c), 0
				for {
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					if s, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
						for _, c := range bytes.TrimSpace(s) {
							length = 10*length + int(c-'0')
						}
					}
					if len(line) > 2 {
						continue
					}
					in.Discard(length)
					length = 0
					if _, err := c.Write(text); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

type deaf struct{}

func (deaf) Offered(int)    {}
func (deaf) Dropped(int)    {}
func (deaf) Started(Start)  {}
func (deaf) Result(Result)  {}
func (deaf) Passed(Passage) {}
func (deaf) Active(int)     {}

// BenchmarkSend is what a request costs the generator: bare, and with a cookie,
// templates, extraction and a check.
func BenchmarkSend(b *testing.B) {
	for _, bb := range []struct{ name, header, body, scenario string }{
		{"bare", "", `{"ok": true}`, "think: { default: { const: 0s } }\nendpoints:\n  x: { get: /things }\npersonas:\n  p: { share: 1, start: [x] }\n"},
		{"full", "Set-Cookie: s=0123456789; Path=/; HttpOnly\r\n", `{"ok": true, "items": [{"id": 1}, {"id": 2}, {"id": 3}]}`, `
client_ip: per_user
think: { default: { const: 0s } }
data: { n: { range: [1, 1000], per: request } }
endpoints:
  x: { post: "/things/${n}", json: { a: "${n}" }, extract: { item: "items[].id" }, expect: { status: 200, json: { ok: true } } }
personas:
  p: { share: 1, start: [x] }
`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := parse(b, bb.scenario)
			p := plan(answer(b, bb.header, bb.body))
			p.Limits.Rate = 0
			w, err := newWalker(Options{Scenario: s, Plan: p})
			if err != nil {
				b.Fatal(err)
			}
			defer w.transport.close()
			u := w.newUser(1)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if r := u.send(ctx, ctx, 0, time.Now(), deaf{}); r.Err != "" {
					b.Fatal(r)
				}
			}
		})
	}
}

// BenchmarkSession is what a session costs before it sends anything.
func BenchmarkSession(b *testing.B) {
	s := parse(b, forumScenario)
	w, err := newWalker(Options{Scenario: s, Plan: plan("http://127.0.0.1:1")})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 1; b.Loop(); i++ {
		u := w.newUser(i)
		u.model.Walk(0, u.rng)
		u.close()
	}
}
