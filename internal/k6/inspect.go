package k6

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Requirements are what a script asks for, as k6 itself reads its options.
type Requirements struct {
	MaxVUs    int64
	Duration  scenarios.Seconds // of its scenarios, without the time that k6 lets them run out
	Endless   bool              // it may run for ever
	Scenarios []Executor
	// Thresholds are the metrics that the script has thresholds on.
	Thresholds []string
	RPS        int64 // 0: no ceiling
	// BlacklistIPs are the script's own; ours are added to them.
	BlacklistIPs []string
}

// An Executor is one scenario of a script: which k6 executor runs it.
type Executor struct{ Name, Executor string }

// Inspect asks k6 what the script of o requires. It runs the script's init
// code, which can send no requests.
func Inspect(ctx context.Context, o Options) (Requirements, error) {
	exe, err := o.exe()
	if err != nil {
		return Requirements{}, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, exe)
	cmd.Args = []string{"k6", "inspect", "--execution-requirements", "--include-system-env-vars", "--no-color", "--log-output=stderr", "--log-format=text", o.Script}
	cmd.Env = o.environment()
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = childAttr()
	done := make(chan error, 1)
	inThread(func() { done <- cmd.Run() })
	if err := <-done; err != nil {
		if ctx.Err() != nil {
			return Requirements{}, ctx.Err()
		}
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return Requirements{}, fmt.Errorf("start k6: %w", err)
		}
		msg, detail := lastError(stderr.String())
		if msg == "" {
			msg = err.Error()
		}
		if detail == "" {
			detail = "correct the script; scalecheck k6 inspect " + o.Script + " shows all of k6's answer"
		}
		return Requirements{}, hint.Exit(hint.Wrap(fmt.Errorf("inspect script %s: %s", o.Script, msg), detail), hint.NotStarted)
	}
	r, err := parseRequirements(stdout.Bytes())
	if err != nil {
		return r, fmt.Errorf("inspect script %s: %w", o.Script, err)
	}
	return r, nil
}

func parseRequirements(b []byte) (Requirements, error) {
	var in struct {
		MaxVUs        int64                      `json:"maxVUs"`
		TotalDuration duration                   `json:"totalDuration"`
		RPS           *int64                     `json:"rps"`
		BlacklistIPs  []string                   `json:"blacklistIPs"`
		Thresholds    map[string]json.RawMessage `json:"thresholds"`
		Scenarios     map[string]struct {
			Executor     string    `json:"executor"`
			StartTime    duration  `json:"startTime"`
			Duration     *duration `json:"duration"`
			MaxDuration  *duration `json:"maxDuration"`
			GracefulStop *duration `json:"gracefulStop"`
			Stages       []struct {
				Duration duration `json:"duration"`
			} `json:"stages"`
		} `json:"scenarios"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return Requirements{}, fmt.Errorf("read k6's answer: %w", err)
	}
	r := Requirements{MaxVUs: in.MaxVUs, BlacklistIPs: in.BlacklistIPs, Thresholds: sortedKeys(in.Thresholds)}
	if in.RPS != nil {
		r.RPS = *in.RPS
	}
	for _, name := range sortedKeys(in.Scenarios) {
		s := in.Scenarios[name]
		r.Scenarios = append(r.Scenarios, Executor{name, s.Executor})
		var d duration
		switch {
		case len(s.Stages) > 0:
			for _, st := range s.Stages {
				d += st.Duration
			}
		case s.Duration != nil:
			d = *s.Duration
		case s.MaxDuration != nil:
			d = *s.MaxDuration
		default:
			// An executor that we don't know: take k6's figure, which
			// includes the graceful stop.
			d = in.TotalDuration - s.StartTime
		}
		if s.Executor == "externally-controlled" && d == 0 {
			r.Endless = true
		}
		r.Duration = max(r.Duration, scenarios.Seconds(s.StartTime+d))
	}
	return r, nil
}

// A duration is k6's: "1m30s", or a number of milliseconds. In seconds.
type duration float64

func (d *duration) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if s == "null" || s == "" {
		return nil
	}
	if ms, err := strconv.ParseFloat(s, 64); err == nil {
		*d = duration(ms / 1000)
		return nil
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		return err
	}
	*d = duration(t.Seconds())
	return nil
}
