package reports

import (
	"math"
	"testing"
)

func TestFigures(t *testing.T) {
	nan := number(math.NaN())
	for _, tt := range []struct {
		name   string
		format func(number) string
		in     number
		want   string
	}{
		{"seconds", seconds, nan, "–"}, {"seconds", seconds, 0, "0 s"}, {"seconds", seconds, 43e-6, "43 µs"},
		{"seconds", seconds, 0.0123, "12.3 ms"}, {"seconds", seconds, 0.612, "612 ms"}, {"seconds", seconds, 0.9996, "1 s"},
		{"seconds", seconds, 1.84, "1.84 s"}, {"seconds", seconds, 94, "94 s"}, {"seconds", seconds, 744, "12.4 min"},
		{"seconds", seconds, 5 * 86400, "5 d"}, {"seconds", seconds, number(math.Inf(1)), "–"},
		{"rate", rate, 118.2, "118/s"}, {"rate", rate, 6.1, "6.1/s"}, {"rate", rate, 0, "0/s"},
		{"perMinute", perMinute, 4680, "4 680/min"},
		{"share", share, 0.612, "61 %"}, {"share", share, 0.0041, "0.4 %"}, {"share", share, 0.00001, "<0.1 %"},
		{"share", share, 0, "0 %"}, {"share", share, 1, "100 %"}, {"share", share, nan, "–"},
		{"plain", plain, 38412, "38 412"}, {"plain", plain, 2.613, "2.61"}, {"plain", plain, 31.42, "31.4"}, {"plain", plain, 0.03, "0.03"},
		{"plain", plain, -1234567, "-1 234 567"}, {"plain", plain, 99.96, "100"}, {"plain", plain, 999999.6, "1 000 000"},
		{"bytesOf", bytesOf, 9_100_000, "9.1 MB"}, {"bytesOf", bytesOf, 999_900, "1 MB"},
	} {
		if got := tt.format(tt.in); got != tt.want {
			t.Errorf("%s(%v) = %q, want %q", tt.name, float64(tt.in), got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in    string
		width int
		want  string
	}{
		{"one two three", 8, "one two\n  three"},
		{"it takes 1 750 ms", 12, "it takes\n  1 750 ms"},
		{"limit 300 ms, then", 10, "limit\n  300 ms,\n  then"},
		{"abcdefghijkl m", 5, "abcd\n  efgh\n  ijkl\n  m"},
		{"価格価格価格", 5, "価格\n  価格\n  価格"},
		{"", 5, ""},
	} {
		if got := wrap(tt.in, tt.width, "  "); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.in, tt.width, got, tt.want)
		}
	}
}

func TestFit(t *testing.T) {
	if got, want := fit("SELECT something", 8), "SELECT …"; got != want {
		t.Errorf("fit = %q, want %q", got, want)
	}
	if got, want := fitEnds("GET /a/long/route/{id}", 12), "GET /…e/{id}"; got != want {
		t.Errorf("fitEnds = %q, want %q", got, want)
	}
}
