//go:build unix

package engine

import (
	"net"
	"syscall"
)

const canPeek = true

// A peeker looks at a connection that is idle. (Who reads would wait.)
type peeker struct {
	raw  syscall.RawConn
	look func(fd uintptr)
	err  error
}

// newPeeker returns nil for what is no connection of the system's.
func newPeeker(c net.Conn) *peeker {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	p := &peeker{raw: raw}
	p.look = func(fd uintptr) {
		var b [1]byte
		_, _, p.err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
	}
	return p
}

// silent reports whether there is nothing to be read: neither bytes, which nobody has
// asked for, nor the end of the connection.
func (p *peeker) silent() bool {
	return p.raw.Control(p.look) == nil && p.err == syscall.EAGAIN
}
