package k6

import "syscall"

// childAttr gives the child a process group of its own: a Ctrl-C in the
// terminal must reach us first, who stop it in order. When we are killed, the
// kernel stops it.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
