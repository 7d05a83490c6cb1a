package reports

import (
	"bytes"
	"encoding/xml"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []float64
		want   []float64
		log    bool
	}{
		{"linear from zero", []float64{20, 97}, []float64{0, 25, 50, 75, 100}, false},
		{"nothing", nil, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}, false},
		{"zeros", []float64{0, 0}, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}, false},
		{"three decades", []float64{0.01, 4}, []float64{0.01, 0.03, 0.1, 0.3, 1, 3}, true},
		{"nine decades", []float64{1e-6, 1e3}, []float64{1e-6, 1e-4, 0.01, 1, 100}, true},
	} {
		s := newScale(tt.values, 0, 100)
		got := s.ticks(5)
		if s.log != tt.log || !slices.EqualFunc(got, tt.want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b) }) {
			t.Errorf("%s: log %v, ticks %v, want %v", tt.name, s.log, got, tt.want)
		}
	}
}

func TestPlaced(t *testing.T) {
	in := []label{{y: 50, text: "a"}, {y: 51, text: "b"}, {y: 10, text: "c"}, {y: 99, text: "d"}, {y: 98, text: "e"}}
	got := placed(in, 12, 10, 100)
	for i := range got {
		if i > 0 && got[i].y-got[i-1].y < 12-1e-9 {
			t.Errorf("%s at %v is too close to %s at %v", got[i].text, got[i].y, got[i-1].text, got[i-1].y)
		}
		if got[i].y < 10 || got[i].y > 100 {
			t.Errorf("%s at %v is outside", got[i].text, got[i].y)
		}
	}
}

// TestChartsAreDrawings: well-formed, titled, without a number that is none and
// with nothing far outside of them.
func TestChartsAreDrawings(t *testing.T) {
	for name, sample := range samples {
		d, err := newDocument(sample())
		if err != nil {
			t.Fatal(err)
		}
		sanitize(d)
		if len(d.Steps) == 0 {
			continue
		}
		for kind, chart := range map[string]template.HTML{
			"latency": latencyChart(d), "throughput": throughputChart(d), "inflight": stationsChart(d, false), "parts": stationsChart(d, true),
		} {
			if chart == "" {
				if name != "odd" {
					t.Errorf("%s: no %s", name, kind)
				}
				continue
			}
			drawing(t, name+" "+kind, string(chart))
		}
	}
}

func drawing(t *testing.T, name, svg string) {
	t.Helper()
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("%s: a number that is none", name)
	}
	if !strings.Contains(svg, "<title id=") || !strings.Contains(svg, "<desc id=") {
		t.Errorf("%s: no title or description", name)
	}
	f := newFrame()
	for dec := xml.NewDecoder(bytes.NewReader([]byte(svg))); ; {
		tok, err := dec.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local == "pattern" {
			continue
		}
		for _, a := range e.Attr {
			v, err := strconv.ParseFloat(a.Value, 64)
			switch limit := f.width; a.Name.Local {
			case "y", "y1", "y2", "cy", "height":
				limit = f.height
				fallthrough
			case "x", "x1", "x2", "cx", "width":
				if err != nil || v < -1 || v > limit+1 {
					t.Errorf("%s: %s of %s is %s", name, a.Name.Local, e.Name.Local, a.Value)
				}
			}
		}
	}
}

// TestContrast holds the colours of text to WCAG AA, in both themes.
func TestContrast(t *testing.T) {
	blocks := strings.Split(pageCSS, "--bg:")
	if len(blocks) < 3 {
		t.Fatal("no themes in page.css")
	}
	for i, theme := range []string{"light", "dark"} {
		colors := map[string]string{}
		block, _, _ := strings.Cut("--bg:"+blocks[i+1], "}")
		for decl := range strings.SplitSeq(block, ";") {
			k, v, _ := strings.Cut(strings.TrimSpace(decl), ":")
			colors[strings.TrimPrefix(k, "--")] = v
		}
		for _, pair := range [][2]string{
			{"ink", "bg"}, {"ink", "surface"}, {"ink", "soft"}, {"muted", "bg"}, {"muted", "surface"}, {"muted", "soft"}, {"link", "bg"}, {"link", "surface"},
			{"good", "surface"}, {"bad", "surface"}, {"warn", "surface"}, {"bad", "soft"}, {"good", "soft"}, {"muted", "good-bg"}, {"ink", "good-bg"},
		} {
			a, b := luminance(t, colors[pair[0]]), luminance(t, colors[pair[1]])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, AA wants 4.5", theme, pair[0], pair[1], ratio)
			}
		}
		// What is drawn rather than written needs less.
		for _, c := range strings.Fields("p50 p95 p99 worst cpu io lock pool workers network external memory other") {
			a, b := luminance(t, colors[c]), luminance(t, colors["surface"])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 3 {
				t.Errorf("%s: %s has a contrast of %.2f, AA wants 3", theme, c, ratio)
			}
		}
		// Text on the strongest shade of the table's heat.
		var rgb [3]float64
		surface := hex(t, colors["surface"])
		for j, c := range strings.Split(colors["heat"], ",") {
			v, _ := strconv.ParseFloat(c, 64)
			rgb[j] = v*0.52 + surface[j]*0.48
		}
		a, b := luminance(t, colors["ink"]), relative(rgb)
		if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
			t.Errorf("%s: text on heat has a contrast of %.2f", theme, ratio)
		}
	}
}

func hex(t *testing.T, s string) (rgb [3]float64) {
	t.Helper()
	s = strings.TrimPrefix(s, "#")
	if len(s) == 3 {
		s = string([]byte{s[0], s[0], s[1], s[1], s[2], s[2]})
	}
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 6 {
		t.Fatalf("color %q", s)
	}
	return [3]float64{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
}

func luminance(t *testing.T, s string) float64 { t.Helper(); return relative(hex(t, s)) }

// relative luminance, WCAG 2.2.
func relative(rgb [3]float64) float64 {
	for i, v := range rgb {
		v /= 255
		if v <= 0.04045 {
			rgb[i] = v / 12.92
		} else {
			rgb[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*rgb[0] + 0.7152*rgb[1] + 0.0722*rgb[2]
}
