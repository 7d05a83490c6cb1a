package engine

import (
	"context"
	"errors"
)

// Run follows the stages of the plan from now on. It returns when all of them
// are over or ctx ends; requests under way get a few seconds to finish. The
// error says that the plan could not be followed, never that the target failed.
func Run(ctx context.Context, o Options, sink Sink) error {
	return errors.New("engine: to be built")
}
