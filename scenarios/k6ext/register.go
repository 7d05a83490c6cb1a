package k6ext

import (
	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/lib"
	"go.k6.io/k6/output"

	"github.com/scalecheck/scalecheck/internal/engine"
)

const name = "scalecheck"

// k6 finds extensions by what their init registers.
func init() {
	watchParent()
	output.RegisterExtension(name, newOutput)
	lib.RegisterExecutorConfigType(name, newConfig)
	modules.Register("k6/x/"+name, &module{made: map[string]*engine.Sessions{}})
}
