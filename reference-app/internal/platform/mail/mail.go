// Package mail sends messages by SMTP, one connection per message, as most
// applications do, and times each conversation.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Message is a plain-text mail to one recipient.
type Message struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

const from = "campus@example.test"

// Client talks to one SMTP server.
type Client struct {
	addr, host string
	server     attribute.KeyValue
	duration   metric.Float64Histogram
}

// NewClient returns a client for the server at addr (host:port).
func NewClient(addr string, meter metric.Meter) (*Client, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	duration, err := meter.Float64Histogram("messaging.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("Duration of a messaging operation initiated by a client."),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return &Client{addr: addr, host: host, server: attribute.String("server.address", addr), duration: duration}, nil
}

// timeout bounds one conversation where the caller's context does not.
const timeout = 30 * time.Second

// Send delivers one message and returns when the server has taken it.
func (c *Client) Send(ctx context.Context, m Message) error {
	start := time.Now()
	err := c.converse(ctx, m)
	attrs := []attribute.KeyValue{
		attribute.String("messaging.system", "smtp"),
		attribute.String("messaging.operation.name", "send"),
		c.server,
	}
	if err != nil {
		attrs = append(attrs, attribute.String("error.type", errorType(err)))
	}
	c.duration.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(attrs...))
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	return nil
}

func (c *Client) converse(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	// net/smtp knows no contexts: a cancelled one hangs up.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := deliver(conn, c.host, m); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return nil
}

func deliver(conn net.Conn, host string, m Message) error {
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := client.Mail(from); err != nil {
		return err
	}
	if err := client.Rcpt(m.To); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.format()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return client.Quit()
}

// oneLine keeps a recipient or a subject from starting headers of its own.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func (m Message) format() []byte {
	return fmt.Appendf(nil, "From: Campus <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n%s\r\n",
		from, oneLine.Replace(m.To), oneLine.Replace(m.Subject), m.Body)
}

// Throttled reports whether the server asked to be sent less: 421 and 451 are
// how mail providers say it.
func Throttled(err error) bool {
	var reply *textproto.Error
	return errors.As(err, &reply) && (reply.Code == 421 || reply.Code == 451)
}

func errorType(err error) string {
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		return strconv.Itoa(reply.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "_OTHER"
}
