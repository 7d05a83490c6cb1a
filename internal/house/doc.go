// Package house holds the shape of the house in tests: which way imports point,
// and where each third-party package lives.
package house
