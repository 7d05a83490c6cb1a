package k6ext

import (
	"context"
	"errors"
	"net"
	"syscall"

	"go.k6.io/k6/lib"
	"go.k6.io/k6/lib/netext"
)

// dial connects as d does, with k6's guards, its resolver and its count of bytes.
// k6 hides the connection of the system behind the count, but the engine has to
// look at it: is it still there?
func dial(d lib.DialContexter) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if k, ok := c.(*netext.Conn); ok {
			return visible{k}, err
		}
		return c, err
	}
}

type visible struct{ *netext.Conn }

// SyscallConn implements syscall.Conn.
func (v visible) SyscallConn() (syscall.RawConn, error) {
	if s, ok := v.Conn.Conn.(syscall.Conn); ok {
		return s.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
