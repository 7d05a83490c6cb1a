// Package engine walks users through their journeys: it decides what each user
// does next, sends the requests itself and hands every outcome to a Sink.
//
// The clock is honest: a request has an intended start, and what delays it
// beyond that (the engine itself, a rate ceiling, a server that answers the
// previous one late in open load) shows in End minus Intended.
//
//   - In closed load (Stage.Users) that many users are active. Those who are
//     added join in the middle of a session; who ends one is replaced at once.
//     A request is intended for the end of the previous one plus think time.
//   - In open load (Stage.Rate) sessions are due at random instants, whether or
//     not earlier ones have ended: a Poisson process, or with the bursts, the
//     curve and the events of Scenario.Arrivals. Inside a session requests wait
//     for each other, as they do in a browser. Where there are as many users as
//     may be, sessions wait for one to leave, which counts as latency; a bound on
//     how many wait is far away, and beyond it they are dropped.
//
// Session number k has the same persona and makes the same choices for the
// same seed, whoever runs it: that is what lets several processes share a plan
// (Options.Segment). Which of two sessions comes first in closed load depends
// on how fast the target answers.
//
// The package keeps no figures (a Sink does), judges nothing and knows nothing
// of k6.
package engine
