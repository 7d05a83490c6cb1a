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
//   - In open load (Stage.Rate) sessions start as a Poisson process, whether
//     or not earlier ones have ended. Inside a session requests wait for each
//     other, as they do in a browser.
//
// Session number k has the same persona and makes the same choices for the
// same seed, whoever runs it: that is what lets several processes share a plan
// (Options.Segment). Which of two sessions comes first in closed load depends
// on how fast the target answers.
//
// The package keeps no figures (a Sink does), judges nothing and knows nothing
// of k6.
package engine
