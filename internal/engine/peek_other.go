//go:build !unix

package engine

import "net"

// Without a way to see that the server has closed an idle connection, all
// requests are net/http's.
const canPeek = false

type peeker struct{}

func newPeeker(net.Conn) *peeker { return nil }

func (*peeker) silent() bool { return false }
