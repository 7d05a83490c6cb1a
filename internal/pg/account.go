package pg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// An account is whom the server runs as.
type account struct {
	name     string
	uid, gid int
	drop     bool // we are root, the account is another
}

// serverAccount returns the current user; for root "postgres" if there is such a user, else "nobody".
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return &account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 != nil || err2 != nil || uid == 0 {
			continue
		}
		return &account{name: name, uid: uid, gid: gid, drop: true}, nil
	}
	return nil, hint.Wrap(errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody"),
		"run scalecheck as an ordinary user")
}

// command prepares a program that runs as the account, in a process group of its own, in dir.
func (a *account) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir // the account need not be able to enter our working directory, and initdb wants to know its own
	cmd.Env = serverEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if a.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return cmd
}

// own gives path to the account.
func (a *account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// owns reports whether path is the account's.
func (a *account) owns(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == a.uid
}

// reaches reports whether the account can get into dir, which we may make and hand over to it: another user needs
// the x bit on every directory above.
func (a *account) reaches(dir string) error {
	if !a.drop {
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
		case int(st.Uid) == a.uid && info.Mode()&0o100 != 0:
		case int(st.Uid) != a.uid && int(st.Gid) == a.gid && info.Mode()&0o010 != 0:
		case int(st.Uid) != a.uid && int(st.Gid) != a.gid && info.Mode()&0o001 != 0:
		default:
			return hint.Wrapf(fmt.Errorf("the server runs as user %s, who cannot enter %s", a.name, dir),
				"choose another directory, or chmod o+x %s", dir)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// cacheDir returns the directory for what scalecheck keeps between runs. Root's is not in root's home, which the
// account that the server runs as cannot enter.
func cacheDir() (string, error) {
	if os.Geteuid() == 0 {
		if runtime.GOOS == "darwin" {
			return "/Library/Caches/scalecheck", nil
		}
		return "/var/cache/scalecheck", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil { // HOME is not set
		u, userErr := user.Current()
		if userErr != nil || !filepath.IsAbs(u.HomeDir) {
			return "", err
		}
		dir = filepath.Join(u.HomeDir, ".cache")
	}
	return filepath.Join(dir, "scalecheck"), nil
}
