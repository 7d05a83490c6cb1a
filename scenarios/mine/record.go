package mine

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/scalecheck/scalecheck/scenarios"
)

// RecordOptions say what log to write.
type RecordOptions struct {
	Sessions int
	Rate     float64 // sessions started per second
	Seed     uint64
	JSON     bool // a JSON object a line, times in milliseconds; else the combined format with $request_time
}

// Record writes the access log that users of the scenario would leave: a
// truth to hold a mined model against. Answers take 5 to 50 ms.
func Record(w io.Writer, s *scenarios.Scenario, o RecordOptions) error {
	d, err := NewSampler(s)
	if err != nil {
		return err
	}
	type line struct {
		at, took    float64
		session     int
		method, uri string
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x7265636f))
	origin := float64(time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC).Unix())
	var lines []line
	for i, at := range simulate(s.Arrivals, o.Rate, o.Sessions, r) {
		at += origin
		for _, x := range d.Session(r) {
			e := &s.Endpoints[x.Endpoint]
			at += float64(x.Think)
			took := 0.005 + 0.045*r.Float64()
			lines = append(lines, line{at, took, i, e.Method, fill(e, x.Values)})
			at += took
		}
	}
	// Servers write a line when the answer is sent.
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at+a.took, b.at+b.took) })
	out := bufio.NewWriter(w)
	for _, l := range lines {
		client := fmt.Sprintf("10.%d.%d.%d", l.session>>16&255, l.session>>8&255, l.session&255)
		end := l.at + l.took
		if o.JSON {
			b, err := json.Marshal(map[string]any{"time": math.Round(end*1e3) / 1e3, "remote_addr": client, "request_method": l.method,
				"request_uri": l.uri, "status": 200, "request_time": math.Round(l.took*1e3) / 1e3, "http_user_agent": "Mozilla/5.0"})
			if err != nil {
				return err
			}
			_, _ = out.Write(append(b, '\n')) // Flush says
			continue
		}
		_, _ = fmt.Fprintf(out, "%s - - [%s] \"%s %s HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0\" %.3f\n",
			client, time.Unix(int64(end), 0).UTC().Format(clfTime), l.method, l.uri, l.took)
	}
	return out.Flush()
}

// fill puts values into the endpoint's path.
func fill(e *scenarios.Endpoint, values []string) string {
	t, _ := scenarios.ParseTemplate(e.Path) // NewModel has taken it
	vars := e.Vars()
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.Text)
		if p.Var != "" {
			b.WriteString(url.QueryEscape(values[slices.Index(vars, p.Var)]))
		}
	}
	return b.String()
}
