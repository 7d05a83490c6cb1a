package outside

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectActivity = `
select kind, sum(events)
from daily_activity
group by kind`

// Reporting is a session of a reporting tool in which somebody has begun a
// transaction, read something and gone away. It is another program as far as the
// database can tell.
type Reporting struct {
	conn *pgx.Conn
}

// StartReporting begins the transaction in the database at dsn. The caller closes it.
func StartReporting(ctx context.Context, dsn string) (*Reporting, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("reporting: %w", err)
	}
	config.RuntimeParams["application_name"] = "reporting-tool"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("reporting: %w", err)
	}
	r := &Reporting{conn}
	for _, sql := range []string{"begin isolation level repeatable read", selectActivity} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("reporting: %w", errors.Join(err, r.Close(ctx)))
		}
	}
	return r, nil
}

// Close ends the session, and with it the transaction.
func (r *Reporting) Close(ctx context.Context) error { return r.conn.Close(ctx) }
