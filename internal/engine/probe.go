package engine

import (
	"context"
	"errors"
)

// A Prober is one user who sends single requests: the isolation probe.
type Prober struct{}

// NewProber returns a prober for the endpoints of the scenario. Of the plan it
// uses target, seed and limits.
func NewProber(o Options) (*Prober, error) { return nil, errors.New("engine: to be built") }

// Endpoints returns the routes of the scenario, in its order.
func (p *Prober) Endpoints() []string { return nil }

// Method returns the method of the endpoint.
func (p *Prober) Method(endpoint string) string { return "" }

// Prepare logs in and requests whatever is needed so that the endpoint can be
// requested, by the cheapest path. Afterwards nothing is sent until Send.
func (p *Prober) Prepare(ctx context.Context, endpoint string) error { return nil }

// Send sends exactly the one request that was prepared, for a different entity
// each time where the data allows it.
func (p *Prober) Send(ctx context.Context) (Result, error) { return Result{}, nil }
