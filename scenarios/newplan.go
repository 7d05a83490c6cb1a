package scenarios

import "errors"

// NewPlan makes a staircase of the scenario: steps that rise linearly to the
// top, each settling first, then measured. Zero fields of load are taken from
// the scenario. Hosts of limits are allowed beside the target's own. An error
// carries a hint and the exit status for a run that was not started.
func NewPlan(s *Scenario, target string, load Load, seed int64, limits Limits) (*Plan, error) {
	return nil, errors.New("scenarios: to be built")
}
