// Package growth says how what a statement costs grows with the data: from runs
// of the same application at two or three sizes, the exponent b of
//
//	cost of a call = a · size^b
//
// fitted as a line through logarithms, as Goldsmith, Aiken and Wilkerson do
// ("Measuring empirical computational complexity", ESEC/FSE 2007).
//
// Cost is shared blocks touched, a counter that neither the machine nor its
// neighbours change; rows where a statement touches none; execution time last.
// Size is the rows of the tables that the statement names, as the catalog has
// them. Statements are matched by the fingerprint of their text, since queryid
// differs from server to server.
//
// # How sure
//
// Two or three points leave no residuals to judge a line by. The interval comes
// from within the runs instead: each run's windows, or the five-second slices of
// them, are so many looks at the same cost. That makes the cost of a call a ratio
// estimator with the variance of Cochran (Sampling Techniques, 1977, section 6.4),
// which the delta method carries to the logarithm and the line, a weighted sum of
// the logarithms, to the exponent. Quantiles are Student's with the degrees of
// freedom of Satterthwaite (1946). So the interval holds what varies within a run.
// It does not hold that users of one size behave otherwise than those of another,
// nor that the catalog's numbers of rows are the planner's estimates.
//
// # What it can't see
//
// An exponent is that of the sizes which were looked at. A constant part of the
// cost hides growth in small data, so that a prediction from small sizes is rather
// too low. Where a statement reads a table whole at one size and not at another,
// or three sizes lie on no line, only the larger sizes count, and where that
// leaves one there is no answer. Calls are taken as they are: that an endpoint
// sends more of them when there is more data is noted, not predicted.
package growth
