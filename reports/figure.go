package reports

import (
	"math"
	"strconv"

	"github.com/scalecheck/scalecheck/internal/digits"
)

// Figures for people: three significant digits, a unit, and a dash for what
// was not measured. Same figure, same text in every format.

// none is printed for what was not measured.
const none = "–"

// seconds prints a duration: 850 µs, 12.3 ms, 612 ms, 1.84 s, 95 s, 12.4 min.
func seconds(n number) string {
	v := float64(n)
	switch a := math.Abs(v); {
	case !n.known():
		return none
	case a == 0:
		return "0 s"
	case a < 0.9995e-3:
		return digits.Three(v*1e6) + " µs"
	case a < 0.9995:
		return digits.Three(v*1e3) + " ms"
	case a < 180:
		return digits.Three(v) + " s"
	case a < 180*60:
		return digits.Three(v/60) + " min"
	case a < 72*3600:
		return digits.Three(v/3600) + " h"
	}
	return digits.Three(v/86400) + " d"
}

// rate prints a number per second: 118/s.
func rate(n number) string {
	if !n.known() {
		return none
	}
	return digits.Three(float64(n)) + "/s"
}

// rps is rate for the requests of the whole system: 118 requests/s.
func rps(n number) string {
	if !n.known() {
		return none
	}
	return digits.Three(float64(n)) + " requests/s"
}

// perMinute prints a number per minute: 4 680/min.
func perMinute(n number) string {
	if !n.known() {
		return none
	}
	return digits.Three(float64(n)) + "/min"
}

// share prints a part of a whole: 61 %, 0.4 %.
func share(n number) string {
	v := float64(n) * 100
	switch {
	case !n.known():
		return none
	case v != 0 && math.Abs(v) < 0.05:
		return "<0.1 %"
	case math.Abs(v) < 9.95:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " %"
	}
	return digits.Group(math.Round(v)) + " %"
}

// plain prints a number: 0.03, 2.61, 31.4, 612, 38 412.
func plain(n number) string {
	if !n.known() {
		return none
	}
	return digits.Three(float64(n))
}

// bytes prints a size: 9.1 MB.
func bytesOf(n number) string {
	if !n.known() {
		return none
	}
	v, i := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for math.Abs(v) >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	return digits.Three(v) + " " + units[i]
}

// inUnit prints an exhibit.
func inUnit(n number, unit string) string {
	switch unit {
	case "s":
		return seconds(n)
	case "1/s":
		return rate(n)
	case "share":
		return share(n)
	case "bytes", "B":
		return bytesOf(n)
	case "":
		return plain(n)
	}
	if !n.known() {
		return none
	}
	return plain(n) + " " + unit
}

// count prints an integer.
func count(n int64) string { return digits.Group(float64(n)) }

// plural prints 1 request, 2 requests.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return digits.Group(float64(n)) + " " + noun + "s"
}
