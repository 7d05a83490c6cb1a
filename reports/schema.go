package reports

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of what JSON writes.
//
// The file is generated from the document's types by go test -update, and a
// test fails when the two differ.
func Schema() []byte { return slices.Clone(schema) }
