package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.k6.io/k6/cmd"

	_ "github.com/scalecheck/scalecheck/scenarios/k6ext" // k6 finds it in its registries
)

// asK6 returns the arguments that k6 shall see, and whether the binary was
// called as k6: by that name, as the k6 operator calls its runners, or with k6
// as the first word.
func asK6(args []string) ([]string, bool) {
	if strings.TrimSuffix(filepath.Base(args[0]), ".exe") == "k6" {
		return args, true
	}
	if len(args) > 1 && args[1] == "k6" {
		return append([]string{"k6"}, args[2:]...), true
	}
	return nil, false
}

// runK6 is k6, with our extension. It does not return.
//
// Two habits of k6 are off unless the environment turns them on: it reports
// its use, and it downloads another binary of itself when a script imports an
// extension that this one lacks.
func runK6(args []string) {
	for k, v := range map[string]string{"K6_NO_USAGE_REPORT": "true", "K6_AUTO_EXTENSION_RESOLUTION": "false"} {
		if _, set := os.LookupEnv(k); !set {
			os.Setenv(k, v)
		}
	}
	os.Args = args
	cmd.Execute()
}

// newK6 stands in the help; asK6 has answered before cobra looks.
func newK6() *cobra.Command {
	return &cobra.Command{
		Use:   "k6 …",
		Short: "a full k6 with scalecheck's extension; also when the binary is called k6",
		Long: `Everything that k6 does, with the extension of scalecheck compiled in, as xk6 would:
the output "scalecheck" and the executor "scalecheck". scalecheck k6 --help is k6's
own help.`,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return usage(errors.New("k6 has to be the first word"), "scalecheck k6 run script.js; k6's own flags follow")
		},
	}
}
