package outside

import (
	"os"

	"golang.org/x/sys/unix"
)

// forget has the kernel drop what it has cached of the file. Pages that are yet to
// be written stay.
func forget(f *os.File) error {
	return os.NewSyscallError("fadvise", unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}
