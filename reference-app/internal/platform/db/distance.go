package db

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// dialFar returns a dial function whose connections lead far away: what is written
// arrives later. PostgreSQL answers what it is asked, so that each round trip takes
// that much longer.
func dialFar(dial pgconn.DialFunc, distance time.Duration) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return far{conn, distance}, nil
	}
}

type far struct {
	net.Conn
	distance time.Duration
}

func (f far) Write(b []byte) (int, error) {
	time.Sleep(f.distance)
	return f.Conn.Write(b)
}
