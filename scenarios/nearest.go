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

// distance is Levenshtein's: insertions, deletions and replacements of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
