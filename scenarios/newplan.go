package scenarios

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/scalecheck/scalecheck/internal/hint"
)

// settleShare of a step goes to settling.
const settleShare = 0.3

const (
	// minSettle is about one think time: users who were added have sent
	// something before anything is judged.
	minSettle Seconds = 3
	// minMeasure: below, a window holds too little to say anything.
	minMeasure Seconds = 3

	defaultDuration Seconds = 60
)

const defaultSteps = 4

// NewPlan makes a staircase of the scenario: steps that rise linearly to the
// top, each settling first, then measured. Zero fields of load are taken from
// the scenario. Hosts of limits are allowed beside the target's own. An error
// carries a hint and the exit status of a run that was not started.
func NewPlan(s *Scenario, target string, load Load, seed int64, limits Limits) (*Plan, error) {
	p, err := newPlan(s, target, load, seed, limits)
	if err != nil {
		return nil, hint.Exit(fmt.Errorf("plan %s: %w", s.Name, err), hint.NotStarted)
	}
	return p, nil
}

func newPlan(s *Scenario, target string, load Load, seed int64, limits Limits) (*Plan, error) {
	host, target, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	limits = limits.Lower(s.Limits)
	limits.Hosts = slices.Clone(limits.Hosts)
	if !slices.Contains(limits.Hosts, host) {
		limits.Hosts = append(limits.Hosts, host)
	}
	load, err = s.load(load)
	if err != nil {
		return nil, err
	}
	if err := limits.check(load); err != nil {
		return nil, err
	}
	if err := s.checkExclusive(load); err != nil {
		return nil, err
	}
	p := &Plan{
		Name: s.Name, Kind: Journeys, Source: s.Source, SHA256: s.SHA256,
		Target: target, Seed: seed, ClientIP: s.ClientIP,
		Objectives: slices.Clone(s.Objectives), Paths: s.routes(), Limits: limits, Follows: s.Follows(),
	}
	if mix := s.Mix(); mix.Requests > 0 {
		p.Mix = &mix
	}
	length := load.Duration / Seconds(load.Steps)
	settle := max(settleShare*length, minSettle)
	for i := range load.Steps {
		up := float64(i+1) / float64(load.Steps)
		p.Stages = append(p.Stages, Stage{
			Users: math.Round(load.Users * up), Rate: load.Rate * up,
			Settle: settle, Measure: length - settle,
		})
	}
	return p, nil
}

// routes returns the paths with their endpoints by route.
func (s *Scenario) routes() []Path {
	var out []Path
	for _, p := range s.Paths {
		q := Path{Name: p.Name}
		for _, name := range p.Endpoints {
			for i := range s.Endpoints {
				if s.Endpoints[i].Name == name {
					q.Endpoints = append(q.Endpoints, s.Endpoints[i].Route())
				}
			}
		}
		out = append(out, q)
	}
	return out
}

// parseTarget returns host:port and the base URL without credentials.
func parseTarget(target string) (host, base string, err error) {
	u, err := url.Parse(target)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", "", hint.Wrap(fmt.Errorf("target is no base URL"), "give scheme, host and port, such as http://127.0.0.1:8080")
	}
	if u.User != nil {
		return "", "", hint.Wrap(fmt.Errorf("target has credentials in its URL"), "leave them out; a scenario logs its users in")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return HostPort(u), u.String(), nil
}

// HostPort returns the URL's host with its port, the scheme's own if it has
// none.
func HostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// load fills in what the caller left open.
func (s *Scenario) load(l Load) (Load, error) {
	if l.Users > 0 && l.Rate > 0 {
		return l, hint.Wrap(fmt.Errorf("both users and a rate are given"), "give --users for so many at once, or --rate for sessions that start per second")
	}
	if l.Users < 0 || l.Rate < 0 || l.Duration < 0 || l.Steps < 0 {
		return l, fmt.Errorf("users, rate, duration and steps can't be negative")
	}
	if l.Users == 0 && l.Rate == 0 {
		l.Users, l.Rate = s.Load.Users, s.Load.Rate
	}
	if l.Users == 0 && l.Rate == 0 {
		return l, hint.Wrap(fmt.Errorf("neither the command nor the scenario says how many users"), "give --users, or load: {users: …} in the scenario")
	}
	if l.Duration == 0 {
		l.Duration = s.Load.Duration
	}
	if l.Duration == 0 {
		l.Duration = defaultDuration
	}
	asked := l.Steps > 0
	if !asked {
		l.Steps = s.Load.Steps
	}
	if l.Steps == 0 {
		l.Steps = defaultSteps
	}
	fit := int(l.Duration / (minSettle + minMeasure))
	if l.Users > 0 {
		l.Users = math.Max(1, math.Round(l.Users))
		fit = min(fit, int(l.Users)) // each step has more users than the one before
	}
	if l.Steps <= fit {
		return l, nil
	}
	if fit < 1 || asked {
		return l, hint.Wrapf(fmt.Errorf("%d steps do not fit into %v with %v", l.Steps, l.Duration.Duration(), l.String()),
			"a step takes at least %v: a longer --duration, or fewer --steps", (minSettle + minMeasure).Duration())
	}
	l.Steps = fit
	return l, nil
}

// String says how many: "300 users", or "5 sessions/s".
func (l Load) String() string {
	if l.Rate > 0 {
		return fmt.Sprintf("%g sessions/s", l.Rate)
	}
	return fmt.Sprintf("%g users", l.Users)
}

// Lower returns l with each ceiling that o sets lower. Hosts stay.
func (l Limits) Lower(o Limits) Limits {
	lower := func(a, b float64) float64 {
		if b > 0 && (a == 0 || b < a) {
			return b
		}
		return a
	}
	l.Rate = lower(l.Rate, o.Rate)
	l.Users = lower(l.Users, o.Users)
	l.Duration = Seconds(lower(float64(l.Duration), float64(o.Duration)))
	l.BodyBytes = int64(lower(float64(l.BodyBytes), float64(o.BodyBytes)))
	return l
}

func (l Limits) check(load Load) error {
	const raise = "ask for less; if the target is yours to load, raise --max-%s (a limit in the scenario file counts too)"
	switch {
	case l.Users > 0 && load.Users > l.Users:
		return hint.Wrapf(fmt.Errorf("%g users exceed the limit of %g", load.Users, l.Users), raise, "users")
	case l.Rate > 0 && load.Rate > l.Rate:
		return hint.Wrapf(fmt.Errorf("%g sessions/s exceed the limit of %g requests/s", load.Rate, l.Rate), raise, "rate")
	case l.Duration > 0 && load.Duration > l.Duration:
		return hint.Wrapf(fmt.Errorf("%v of load exceed the limit of %v", load.Duration.Duration(), l.Duration.Duration()), raise, "duration")
	}
	return nil
}

// checkExclusive makes sure that a value which no two users may share is there
// for each. In open load nobody knows how many are active at once.
func (s *Scenario) checkExclusive(load Load) error {
	for _, d := range s.Data {
		if !d.Exclusive || d.Range == nil {
			continue
		}
		// All active users may be of the personas that draw it: short sessions
		// of others are over while theirs last.
		if n := float64(d.Range[1] - d.Range[0] + 1); load.Users > n {
			return hint.Wrapf(fmt.Errorf("%g users need a value of %s each, and there are %g", load.Users, d.Name, n),
				"widen the range of %s, run fewer users, or draw: random", d.Name)
		}
	}
	return nil
}
