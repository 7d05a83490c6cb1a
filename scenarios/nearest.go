package scenarios

import "fmt"

// didYouMean returns ` (did you mean "x"?)` with the candidate nearest to s, or
// "" if none is near.
func didYouMean(s string, candidates []string) string {
	// A third of the letters may be wrong, and two in any case: "tnik" for "think".
	best, at := max(2, len(s)/3)+1, ""
	for _, c := range candidates {
		if d := distance(s, c); d < best && d < max(len(s), len(c)) {
			best, at = d, c
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", at)
}

// distance counts insertions, deletions and replacements of bytes and swaps of
// neighbours (Damerau and Levenshtein's, in its restricted form).
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := row[j]
			if a[i] != b[j] {
				cost++
			}
			next[j+1] = min(cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
