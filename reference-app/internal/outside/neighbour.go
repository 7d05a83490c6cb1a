package outside

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const selectDirectory = `
select current_setting('data_directory'), oid::text
from pg_database
where datname = current_database()`

// Neighbour is somebody else on the machine who needs all the memory that there is,
// as far as the database can tell: its files do not stay in the page cache.
type Neighbour struct {
	stop context.CancelFunc
	done sync.WaitGroup
	err  error
}

// forgetEvery: in a shorter time not much can be read again.
const forgetEvery = 50 * time.Millisecond

// StartNeighbour moves in beside the server of the database at dsn, which must be on
// this machine. The caller closes it.
func StartNeighbour(ctx context.Context, dsn string) (*Neighbour, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("neighbour: %w", err)
	}
	var data, oid string
	err = conn.QueryRow(ctx, selectDirectory).Scan(&data, &oid)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return nil, fmt.Errorf("neighbour: %w", err)
	}
	// What is in the directory belongs to the server's account; links in it lead
	// nowhere else.
	dir, err := os.OpenRoot(filepath.Join(data, "base", oid))
	if err != nil {
		return nil, fmt.Errorf("neighbour: the server's files: %w", err)
	}
	n := &Neighbour{}
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.done.Go(func() {
		defer dir.Close()
		for ctx.Err() == nil && n.err == nil {
			if err := forgetAll(dir); err != nil {
				n.err = fmt.Errorf("neighbour: %w", err)
			}
			_ = pause(ctx, forgetEvery) // the loop sees that it is over
		}
	})
	return n, nil
}

// forgetAll has the kernel drop what it has cached of the files.
func forgetAll(dir *os.Root) error {
	files, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range files {
		f, err := dir.Open(entry.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // a table was dropped
		}
		if err != nil {
			return err
		}
		if err := errors.Join(forget(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Close moves out and returns what went wrong meanwhile.
func (n *Neighbour) Close() error {
	n.stop()
	n.done.Wait()
	return n.err
}
