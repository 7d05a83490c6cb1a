package reports

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/analyzers/growth"
)

// growing is what two sizes say of an application with a missing index.
func growing() *growth.Growth {
	fit := func(m growth.Measure, exponent, margin, now, factor, spread float64) growth.Fit {
		return growth.Fit{
			Measure: m, Costs: []float64{now / 10, now}, Exponent: exponent, Low: exponent - margin, High: exponent + margin,
			Now: now, Then: now * factor, ThenLow: now * factor * (1 - spread), ThenHigh: now * factor * (1 + spread), Looks: 12,
		}
	}
	return &growth.Growth{
		Sizes: []growth.Size{{Label: "S", Rows: 912_000, Bytes: 91e6}, {Label: "M", Rows: 9_400_000, Bytes: 930e6}},
		Statements: []growth.Statement{
			{
				Fingerprint: "fp-a1", Text: rosterSQL, Tables: []string{"enrollments", "users"}, By: "rows of its tables", Sizes: []float64{16_500, 110_000},
				Fits:  []growth.Fit{fit(growth.Blocks, 1.01, 0.03, 4210, 10.2, 0.07), fit(growth.Seconds, 1.1, 0.2, 0.019, 12, 0.4)},
				Shape: growth.Linear, Flag: growth.LinearLookup, PerSecond: 29.4,
				Effects: []growth.Effect{{Endpoint: "GET /courses/{id}/roster", Calls: []float64{1, 1}, Now: 4226, Then: 42_958}},
			},
			{
				Fingerprint: "fp-b2", Text: inboxSQL, Tables: []string{"messages"}, By: "rows of its tables", Sizes: []float64{100_000, 1_200_000},
				Fits: []growth.Fit{fit(growth.Blocks, 0.04, 0, 6, 1.1, 0)}, Shape: growth.Constant, PerSecond: 408,
				Notes:   []string{"GET /inbox sends it more often where there is more data: 4 times a request, then 26"},
				Effects: []growth.Effect{{Endpoint: "GET /inbox", Calls: []float64{4, 26}, Now: 172, Then: 188}},
			},
			{
				Fingerprint: "fp-g7", Text: "SELECT pg_sleep($1)", By: "bytes of the database", Sizes: []float64{91e6, 930e6},
				Fits: []growth.Fit{fit(growth.Seconds, 0.31, 0.22, 0.0041, 2.04, 0.5)}, Shape: growth.Sublinear, PerSecond: 0.2,
			},
			{Fingerprint: "fp-e5", Text: countSQL, Tables: []string{"notifications"}, By: "rows of its tables", Shape: growth.Inconclusive, PerSecond: 60,
				Why: "its plan is another at size S: notifications is read whole at one of the sizes and not at the other, and what is left are no two sizes"},
		},
		Endpoints: []growth.Endpoint{
			{Name: "GET /courses/{id}/roster", Now: 4226, Then: 42_958, Unknown: 0.003},
			{Name: "GET /inbox", Now: 172, Then: 188, Unknown: 0.07},
		},
		Caveats: []string{"the runs differ in work_mem too, so that not all growth is the data's"},
	}
}

var growthFormats = map[string]func(io.Writer, *growth.Growth) error{
	"text":     func(w io.Writer, g *growth.Growth) error { return GrowthText(w, g, false) },
	"json":     GrowthJSON,
	"markdown": GrowthMarkdown,
}

func writeGrowth(t *testing.T, format string, g *growth.Growth) string {
	t.Helper()
	var b bytes.Buffer
	if err := growthFormats[format](&b, g); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func TestGrowthGolden(t *testing.T) {
	for format := range growthFormats {
		golden(t, "growth."+format, writeGrowth(t, format, growing()))
	}
}

func TestGrowthFits(t *testing.T) {
	for line := range strings.Lines(writeGrowth(t, "text", growing())) {
		if line = strings.TrimRight(line, "\n"); len([]rune(line)) > 100 || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns: %q", len([]rune(line)), line)
		}
	}
}

func TestGrowthIsValid(t *testing.T) {
	growingSchema.valid(t, []byte(writeGrowth(t, "json", growing())))
	growingSchema.valid(t, []byte(writeGrowth(t, "json", &growth.Growth{})))
}

// Statements come from outside here as well.
func TestGrowthOfHostileTexts(t *testing.T) {
	for _, p := range payloads {
		g := growing()
		fields(reflect.ValueOf(g).Elem(), "", func(path string, set func(string)) {
			if !strings.HasSuffix(path, ".Measure") && !strings.HasSuffix(path, ".Shape") && !strings.HasSuffix(path, ".Flag") {
				set(p)
			}
		})
		for format := range growthFormats {
			for line := range strings.Lines(writeGrowth(t, format, g)) {
				if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), hidden) && format != "markdown" {
					t.Errorf("%s has what can't be seen: %q", format, line)
				}
				if strings.HasPrefix(line, "::") || strings.HasPrefix(line, "##[") || strings.HasPrefix(line, "##vso") {
					t.Errorf("%s has a command: %q", format, line)
				}
			}
		}
	}
}
