//go:build unix && !linux

package k6

import "syscall"

// childAttr gives the child a process group of its own: a Ctrl-C in the
// terminal must reach us first, who stop it in order. When we are killed, the
// child notices by the pipe that it holds; see scenarios/k6ext/parent.go.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
