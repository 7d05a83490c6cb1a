// Package scenarios says who the users are: scenario files, the plan that a
// run makes of one, and the objectives that the answers are held against.
package scenarios
