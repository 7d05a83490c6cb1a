package scenarios

import (
	_ "embed"
	"strings"
)

//go:embed start.tmpl
var startText string

// Start returns a commented file to begin a scenario of that name with.
func Start(name string) []byte { return []byte(strings.Replace(startText, "NAME", name, 1)) }
