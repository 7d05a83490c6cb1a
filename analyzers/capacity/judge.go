package capacity

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/scalecheck/scalecheck/evidence"
	"github.com/scalecheck/scalecheck/scenarios"
)

// chance: an objective is missed when, were it just kept, so many slow answers
// would come in less than one window of a hundred. A run judges some twenty
// endpoints in five steps: with one in twenty, a healthy system near its limit
// would miss something in every run.
const chance = 0.01

// judge holds the traffic of one endpoint against one objective.
//
// Counts decide, not the quantile: if a share p of all answers is too slow,
// the number among n is binomial, so P(at least k of n) says whether k is
// evidence or luck. This works for the five slow answers of a rare endpoint as
// well as for a million. An answer that failed is too slow, however fast, and so is
// one that has not come when the window ends though it was due by then.
func judge(o scenarios.Objective, e evidence.Endpoint) Judgement {
	j := Judgement{Objective: o, Endpoint: e.Name, N: e.Requests, Failed: e.Failed}
	var bad int64
	var allowed float64
	if o.Quantile > 0 {
		j.Overdue = e.Pending.Above(float64(o.Limit))
		j.N += j.Overdue
		j.Got, j.Limit = quantile(e, j.N, o.Quantile), float64(o.Limit)
		allowed = 1 - o.Quantile
		bad = min(e.Requests, e.Latency.Above(float64(o.Limit))+e.Failed) + j.Overdue
	} else {
		j.Limit, allowed, bad = o.Errors, o.Errors, e.Failed
		if e.Requests > 0 {
			j.Got = float64(e.Failed) / float64(e.Requests)
		}
	}
	j.Need = need(allowed)
	switch {
	case j.N == 0:
		j.Status = Unmeasured
	case atLeast(bad, j.N, allowed) < chance:
		j.Status = Missed
	case float64(bad) > allowed*float64(j.N) && j.N >= j.Need:
		j.Status = Boundary
	case j.N < j.Need:
		j.Status = TooFew
	default:
		j.Status = Met
	}
	return j
}

// quantile returns the latency, in seconds, below which the share q of n requests
// was answered in order. Those that failed never were, nor those that are overdue:
// where the share takes one of them, it is infinite.
func quantile(e evidence.Endpoint, n int64, q float64) float64 {
	rank := q*float64(n) - 1e-9 // 0.07·100 is a little more than 7
	answered := float64(e.Latency.Count())
	if rank > answered {
		return math.Inf(1)
	}
	return e.Latency.Quantile(rank / max(1, answered))
}

// need returns how many answers, all good, it takes to be 95 % sure that at
// most the share p is bad: (1−p)^n ≤ 0.05 (Wilks 1941, distribution-free
// bound of a quantile). For p95 it is 59.
func need(p float64) int64 {
	return int64(math.Ceil(math.Log(0.05) / math.Log(1-p)))
}

// atLeast returns P(X ≥ k) for X binomial with n trials of probability p, by
// the regularized incomplete beta function I_p(k, n−k+1) (Abramowitz & Stegun
// 26.5.24).
func atLeast(k, n int64, p float64) float64 {
	if k <= 0 {
		return 1
	}
	if k > n {
		return 0
	}
	return mathext.RegIncBeta(float64(k), float64(n-k+1), p)
}

// worse returns the worse of two outcomes.
func worse(a, b Status) Status {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

func rank(s Status) int {
	switch s {
	case Missed:
		return 4
	case Boundary:
		return 3
	case Met:
		return 2
	case TooFew:
		return 1
	}
	return 0
}
