package k6

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestTickSurvivesThePipe(t *testing.T) {
	h, lag := evidence.NewHistogram(), evidence.NewHistogram()
	for i := range 1000 {
		h.Record(time.Duration(i*i) * time.Microsecond)
		lag.Record(time.Duration(i) * time.Microsecond)
	}
	in := evidence.Tick{
		Start: time.Unix(1700000000, 0).UTC(), Length: 1, Alive: true,
		Endpoints: []evidence.Endpoint{{
			Name: "GET /a", Requests: 1000, Failed: 1, Bytes: 7, Latency: h, FailedLatency: lag,
			Errors: map[string]int64{"timeout": 1}, Statuses: map[int]int64{200: 999},
		}},
		Paths:     []evidence.PathTime{{Name: "p", Walked: 7, Failed: 2, Latency: h}},
		Generator: evidence.Generator{Clock: evidence.IntendedStart, Started: 1000, Completed: 1000, Offered: 9, Sessions: 5, Dropped: 2, Waiting: 2, Lag: lag, InFlight: 3.5, ActiveUsers: 9},
	}
	b, err := json.Marshal(Record{Tick: (*Tick)(&in)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"latency":[[`) {
		t.Errorf("latency does not travel as buckets: %.200s", b)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	// Compared as a file would hold them: that form has all of a histogram.
	want, _ := json.Marshal(in)
	got, _ := json.Marshal(evidence.Tick(*r.Tick))
	if string(got) != string(want) {
		t.Errorf("tick changed on its way:\nwant %s\ngot  %s", want, got)
	}

	in.Generator.Lag, in.Endpoints, in.Paths = nil, nil, nil
	b, err = json.Marshal(Record{Tick: (*Tick)(&in)})
	if err != nil {
		t.Fatal(err)
	}
	r = Record{}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Tick.Generator.Lag != nil || r.Tick.Endpoints != nil || r.Tick.Paths != nil {
		t.Errorf("absent lag and endpoints came back as something: %s", b)
	}
}
