package hint_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/scalecheck/scalecheck/internal/hint"
)

func TestHint(t *testing.T) {
	plain := errors.New("extension is not loaded")
	for _, tt := range []struct {
		name   string
		err    error
		text   string
		hint   string
		status int
	}{
		{"nil", nil, "", "", hint.Pass},
		{"plain", plain, "extension is not loaded", "", hint.BrokenOff},
		{"hinted", hint.Wrap(plain, "restart"), "extension is not loaded", "restart", hint.BrokenOff},
		{"formatted", hint.Wrapf(plain, "use %s", "-x"), "extension is not loaded", "use -x", hint.BrokenOff},
		{"wrapped above", fmt.Errorf("read statements: %w", hint.Wrap(plain, "restart")), "read statements: extension is not loaded", "restart", hint.BrokenOff},
		{"outer hint wins", hint.Wrap(fmt.Errorf("a: %w", hint.Wrap(plain, "inner")), "outer"), "a: extension is not loaded", "outer", hint.BrokenOff},
		{"joined", errors.Join(plain, hint.Wrap(plain, "restart")), "extension is not loaded\nextension is not loaded", "restart", hint.BrokenOff},
		{"status", hint.Exit(plain, hint.NotStarted), "extension is not loaded", "", hint.NotStarted},
		{"hint in status", hint.Exit(hint.Wrap(plain, "restart"), hint.NotStarted), "extension is not loaded", "restart", hint.NotStarted},
		{"status in hint", hint.Wrap(hint.Exit(plain, hint.NotStarted), "restart"), "extension is not loaded", "restart", hint.NotStarted},
		{"outer status wins", hint.Exit(hint.Exit(plain, hint.NotStarted), hint.Interrupted), "extension is not loaded", "", hint.Interrupted},
		{"nil hinted", hint.Wrap(nil, "restart"), "", "", hint.Pass},
		{"nil formatted", hint.Wrapf(nil, "restart"), "", "", hint.Pass},
		{"nil with status", hint.Exit(nil, hint.NotStarted), "", "", hint.Pass},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err != nil && tt.err.Error() != tt.text {
				t.Errorf("Error() = %q, want %q", tt.err, tt.text)
			}
			if got := hint.Of(tt.err); got != tt.hint {
				t.Errorf("Of = %q, want %q", got, tt.hint)
			}
			if got := hint.Status(tt.err); got != tt.status {
				t.Errorf("Status = %d, want %d", got, tt.status)
			}
		})
	}
}

func TestErrorsStayVisible(t *testing.T) {
	err := hint.Exit(hint.Wrap(fmt.Errorf("open: %w", fs.ErrPermission), "chmod"), hint.NotStarted)
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("errors.Is(%v, fs.ErrPermission) = false, want true", err)
	}
}
