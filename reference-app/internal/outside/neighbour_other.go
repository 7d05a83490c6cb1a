//go:build !linux

package outside

import (
	"errors"
	"os"
)

// forget is not to be had: only Linux drops single files from its page cache.
func forget(*os.File) error {
	return errors.New("files can be dropped from the page cache on Linux only")
}
