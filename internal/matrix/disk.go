package matrix

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// needsSlowDisk skips a case on a disk that is too fast to hold anything up: an
// operation of it must take that long.
func needsSlowDisk(operation string, measure func(*os.File) (time.Duration, error), least time.Duration) func() string {
	return func() string {
		took, err := onDisk(measure)
		switch {
		case err != nil:
			return fmt.Sprintf("how long the disk takes %s could not be measured: %v", operation, err)
		case took < least:
			return fmt.Sprintf("the disk takes %.2g ms %s, and what the fault does needs one that takes %.2g ms or longer to be felt",
				1e3*took.Seconds(), operation, 1e3*least.Seconds())
		}
		return ""
	}
}

// onDisk measures in a new file where the runs have theirs.
func onDisk(measure func(*os.File) (time.Duration, error)) (time.Duration, error) {
	f, err := os.CreateTemp("", "scalecheck-disk-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	return measure(f)
}

const megabyte = 1 << 20

// noise is a megabyte that no disk makes smaller.
func noise() []byte {
	data := make([]byte, megabyte)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

// writeMegabyte returns how long it takes to write a megabyte and flush it, median
// of twenty.
func writeMegabyte(f *os.File) (time.Duration, error) {
	data := noise()
	return middle(20, func(i int) error {
		if _, err := f.WriteAt(data, int64(i%4)*megabyte); err != nil {
			return err
		}
		return unix.Fdatasync(int(f.Fd()))
	})
}

// readPage returns how long it takes to read one of many pages that are not in
// memory, median of two hundred.
func readPage(f *os.File) (time.Duration, error) {
	const megabytes = 64
	data := noise()
	for i := range int64(megabytes) {
		if _, err := f.WriteAt(data, i*megabyte); err != nil {
			return 0, err
		}
	}
	fd := int(f.Fd())
	if err := unix.Fsync(fd); err != nil {
		return 0, err
	}
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_RANDOM); err != nil {
		return 0, err
	}
	if err := unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED); err != nil {
		return 0, err
	}
	page := make([]byte, 8192)
	return middle(200, func(int) error {
		_, err := f.ReadAt(page, rand.Int64N(megabytes*megabyte/8192)*8192)
		return err
	})
}

// middle returns the median of how long n calls take.
func middle(n int, do func(i int) error) (time.Duration, error) {
	took := make([]float64, n)
	for i := range took {
		begun := time.Now()
		if err := do(i); err != nil {
			return 0, err
		}
		took[i] = time.Since(begun).Seconds()
	}
	return time.Duration(median(took) * float64(time.Second)), nil
}
