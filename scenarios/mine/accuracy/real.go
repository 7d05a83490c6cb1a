package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/scenarios"
	"github.com/scalecheck/scalecheck/scenarios/mine"
)

// A real is what came of a log that an application wrote.
type real struct {
	Truth    string          `json:"truth"`
	Size     string          `json:"size"`    // of the app's data
	Rate     float64         `json:"rate"`    // sessions started per second
	Seconds  float64         `json:"seconds"` // for which they started
	Users    visits          `json:"users"`   // as they were sent
	Sessions int             `json:"sessions"`
	Requests int             `json:"requests"` // kept of the log
	ToldBy   []string        `json:"told_by"`  // by what sessions were told apart
	Verdicts []*mine.Verdict `json:"verdicts"`
	Replay   *replay         `json:"replay"`
}

// measureReal lets users of the truth use the app, mines its access log, and
// sends the users that were mined.
func measureReal(ctx context.Context, at *site, truth *scenarios.Scenario, l load) (*real, error) {
	r := &real{Truth: truth.Name, Size: string(at.size), Rate: l.rate, Seconds: float64(l.length)}
	var text bytes.Buffer
	err := at.serve(ctx, &text, func(url, _ string) error {
		v, err := l.send(ctx, truth, url)
		if err != nil {
			return err
		}
		r.Users = *v
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(r.Users.Failed) > 0 {
		return nil, fmt.Errorf("the app failed at %g sessions/s: %v", l.rate, r.Users.Failed)
	}
	seed := uint64(l.seed)
	m, err := mine.New(mine.Options{Seed: seed})
	if err != nil {
		return nil, err
	}
	if err := m.Read("access.jsonl", &text); err != nil {
		return nil, err
	}
	mined, err := m.Log()
	if err != nil {
		return nil, err
	}
	r.Sessions, r.Requests, r.ToldBy = mined.Report.Sessions, mined.Report.Kept, mined.Report.Keys()
	whole, err := mine.Fit(mined, mine.FitOptions{Seed: seed})
	if err != nil {
		return nil, err
	}
	if r.Verdicts, err = judge(mined, seed, append(whole.Rules(), translate(truth, mined)...)); err != nil {
		return nil, err
	}
	r.Replay, err = measureReplay(ctx, at, whole, truth, l)
	return r, err
}

// fillIn returns the model's scenario with what no log can hold, bodies and
// credentials, from the truth.
func fillIn(m *mine.Model, truth *scenarios.Scenario) (*scenarios.Scenario, error) {
	s := *m.Scenario
	s.Endpoints = slices.Clone(s.Endpoints)
	for what := range m.Blanks {
		name, ok := strings.CutPrefix(what, "endpoint ")
		if !ok {
			return nil, fmt.Errorf("%s: %s", what, m.Blanks[what])
		}
		e := &s.Endpoints[slices.IndexFunc(s.Endpoints, func(e scenarios.Endpoint) bool { return e.Name == name })]
		i := slices.IndexFunc(truth.Endpoints, func(t scenarios.Endpoint) bool { return t.Route() == e.Route() })
		if i < 0 {
			return nil, fmt.Errorf("%s: the truth requests no %s", what, e.Route())
		}
		e.JSON, e.Form, e.Body = truth.Endpoints[i].JSON, truth.Endpoints[i].Form, truth.Endpoints[i].Body
	}
	s.Data = slices.Clone(s.Data)
	for _, d := range truth.Data {
		if !slices.ContainsFunc(s.Data, func(own scenarios.Source) bool { return own.Name == d.Name }) {
			s.Data = append(s.Data, d) // those that no body uses are never drawn
		}
	}
	return &s, nil
}

func (r *real) table(b *strings.Builder, cores int) {
	fmt.Fprintf(b, "\n## %s: the access log of an application\n\n", r.Truth)
	fmt.Fprintf(b, "scalecheck's users of the built-in scenario %s used the bundled app on a private PostgreSQL (data of size %s, %d cores for\n"+
		"everything): %.3g sessions a second for %.0f s, each to its end. %d sessions, %d requests, none failed. The app wrote the log\n"+
		"(JSON, times in milliseconds); mining found %d sessions with %d requests in it, told apart by %s.\n\n",
		r.Truth, r.Size, cores, r.Rate, r.Seconds, r.Users.Sessions, r.Users.Requests, r.Sessions, r.Requests, strings.Join(r.ToldBy, "; "))
	verdictTable(b, r.Verdicts)
	r.Replay.table(b)
}
