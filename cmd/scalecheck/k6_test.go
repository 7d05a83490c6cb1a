package main

import (
	"slices"
	"testing"
)

func TestAsK6(t *testing.T) {
	for _, tt := range []struct {
		args, want []string
	}{
		{[]string{"/usr/bin/k6", "run", "x.js"}, []string{"/usr/bin/k6", "run", "x.js"}},
		{[]string{`k6.exe`, "version"}, []string{`k6.exe`, "version"}},
		{[]string{"bin/scalecheck", "k6", "run", "k6"}, []string{"k6", "run", "k6"}},
		{[]string{"scalecheck", "k6"}, []string{"k6"}},
		{[]string{"scalecheck", "run", "k6"}, nil},
		{[]string{"scalecheck"}, nil},
		{[]string{"scalecheck-k6", "run"}, nil},
	} {
		if got, ok := asK6(tt.args); !slices.Equal(got, tt.want) || ok != (tt.want != nil) {
			t.Errorf("asK6(%q) = %q, %v; want %q", tt.args, got, ok, tt.want)
		}
	}
}
