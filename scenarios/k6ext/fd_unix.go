//go:build unix

package k6ext

import "syscall"

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }
