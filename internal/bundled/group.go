//go:build unix

package bundled

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps Ctrl-C in a terminal, which goes to the whole foreground
// group, from the app: it ends when we say so.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
