package outside

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	lockNotifications = `lock table notifications in access exclusive mode`

	selectOldest = `
select id, user_id, title, body
from notifications
order by id
limit 200`
)

// Archive is a script of the operations team that copies old notifications to
// somewhere else, with the table locked so that nothing changes meanwhile. It is
// another program as far as the database can tell.
type Archive struct {
	stop context.CancelFunc
	done sync.WaitGroup
	err  error
}

const (
	// archiveEvery batch of archiveUpload: the upload is what takes time.
	archiveEvery  = time.Second
	archiveUpload = 600 * time.Millisecond
)

// StartArchive starts the script on the database at dsn. The caller closes it.
func StartArchive(ctx context.Context, dsn string) (*Archive, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	config.RuntimeParams["application_name"] = "archive-script"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	a := &Archive{stop: stop}
	a.done.Go(func() {
		defer conn.Close(context.WithoutCancel(ctx))
		for ctx.Err() == nil && a.err == nil {
			if err := archiveBatch(ctx, conn); err != nil && ctx.Err() == nil {
				a.err = fmt.Errorf("archive: %w", err)
			}
			_ = pause(ctx, archiveEvery-archiveUpload) // the loop sees that it is over
		}
	})
	return a, nil
}

func archiveBatch(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockNotifications); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, selectOldest); err != nil {
			return err
		}
		return pause(ctx, archiveUpload)
	})
}

// Close ends the script and returns what went wrong meanwhile.
func (a *Archive) Close() error {
	a.stop()
	a.done.Wait()
	return a.err
}
