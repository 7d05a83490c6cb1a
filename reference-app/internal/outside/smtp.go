package outside

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/time/rate"
)

// Mail is a message that the sink has taken.
type Mail struct {
	To   string
	Data string
}

// kept bounds what the sink remembers: the newest mails, for whoever wants to look.
const kept = 200

// SMTPSink takes mail as a provider would, and keeps the newest instead of
// delivering them.
type SMTPSink struct {
	server   *smtp.Server
	listener net.Listener
	done     chan error
	stop     context.CancelFunc

	mu    sync.Mutex
	count int
	mails []Mail
}

// StartSMTP starts a sink on a free loopback port. The caller closes it.
func StartSMTP(b Behaviour) (*SMTPSink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &SMTPSink{listener: listener, done: make(chan error, 1), stop: stop}
	limiter := b.limiter()
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &smtpSession{sink: s, ctx: ctx, latency: b.Latency, limiter: limiter}, nil
	}))
	s.server.Domain = "localhost"
	s.server.MaxMessageBytes = 1 << 20
	s.server.ReadTimeout = time.Minute
	s.server.WriteTimeout = time.Minute
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

// Addr is host:port of the sink.
func (s *SMTPSink) Addr() string { return s.listener.Addr().String() }

// Count is how many mails the sink has taken.
func (s *SMTPSink) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Newest returns the mails that are still remembered, oldest first.
func (s *SMTPSink) Newest() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Close hangs up on everybody.
func (s *SMTPSink) Close() error {
	s.stop()
	err := s.server.Close()
	if serve := <-s.done; !errors.Is(serve, smtp.ErrServerClosed) {
		err = errors.Join(err, serve)
	}
	return err
}

func (s *SMTPSink) take(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if len(s.mails) == kept {
		s.mails = s.mails[1:]
	}
	s.mails = append(s.mails, m)
}

type smtpSession struct {
	sink    *SMTPSink
	ctx     context.Context // ends when the sink closes
	latency time.Duration
	limiter *rate.Limiter
	to      string
}

// errSlowDown is what large providers answer to those who send too much.
var errSlowDown = &smtp.SMTPError{
	Code:         421,
	EnhancedCode: smtp.EnhancedCode{4, 7, 0},
	Message:      "Try again later, too many messages",
}

func (s *smtpSession) Mail(string, *smtp.MailOptions) error {
	if !s.limiter.Allow() {
		return errSlowDown
	}
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	// Providers scan content before they take responsibility for it: this is
	// where a sender waits.
	if err := pause(s.ctx, s.latency); err != nil {
		return err
	}
	s.sink.take(Mail{To: s.to, Data: string(b)})
	return nil
}

func (s *smtpSession) Reset() { s.to = "" }

func (s *smtpSession) Logout() error { return nil }
