package analyzers

import (
	"slices"
	"strings"
)

// What follows reads the shape of a statement from its tokens (see words): the
// text has no literals and no comments, so that a keyword is a keyword.

// wordAfter reports whether next follows word somewhere.
func wordAfter(ts []string, word string, next func(string) bool) bool {
	for i, t := range ts {
		if t == word && next(at(ts, i+1)) {
			return true
		}
	}
	return false
}

func isParameter(s string) bool { return strings.HasPrefix(s, "$") }

// skips reports whether the statement passes over rows before it returns any.
func skips(ts []string) bool { return wordAfter(ts, "offset", isParameter) }

var aggregateFunctions = []string{
	"count", "sum", "avg", "min", "max", "stddev", "variance", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg",
	"jsonb_object_agg", "bool_and", "bool_or", "every", "percentile_cont", "percentile_disc", "mode", "rank", "dense_rank", "row_number",
	"ntile", "percent_rank", "cume_dist", "lag", "lead", "first_value", "last_value",
}

// aggregates reports whether the statement makes few rows out of many, or looks
// at all of them to make one: groups, aggregates, windows.
func aggregates(ts []string) bool {
	if wordAfter(ts, "group", func(s string) bool { return s == "by" }) || wordAfter(ts, "select", func(s string) bool { return s == "distinct" }) {
		return true
	}
	for i, t := range ts {
		if at(ts, i+1) == "(" && slices.Contains(aggregateFunctions, t) {
			return true
		}
	}
	return false
}

// joins reports whether the statement reads more than one table.
func joins(ts []string) bool {
	from := 0
	for i, t := range ts {
		switch t {
		case "join":
			return true
		case "from", "using":
			if at(ts, i+1) != "(" {
				from++
			}
		}
	}
	return from > 1
}
