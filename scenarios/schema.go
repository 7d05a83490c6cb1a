package scenarios

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema of a scenario file, for editors. It knows the
// form; what names what only Parse knows.
func Schema() []byte { return slices.Clone(schema) }
