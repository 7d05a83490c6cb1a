package scenarios

import "testing"

func TestParseObjective(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Objective
	}{
		{"p95<300ms", Objective{Quantile: 0.95, Limit: 0.3}},
		{"p99.9 < 2s", Objective{Quantile: 0.999, Limit: 2}},
		{"GET /courses/{id} p50<20ms", Objective{Endpoint: "GET /courses/{id}", Quantile: 0.5, Limit: 0.02}},
		{"open course: p95<2s", Objective{Endpoint: "open course", Quantile: 0.95, Limit: 2}},
		{"open course errors<2%", Objective{Endpoint: "open course", Errors: 0.02}},
		{"errors<1%", Objective{Errors: 0.01}},
		{"POST /login errors<0.02", Objective{Endpoint: "POST /login", Errors: 0.02}},
	} {
		got, err := ParseObjective(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseObjective(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
			continue
		}
		if again, err := ParseObjective(got.String()); err != nil || again != got {
			t.Errorf("%q does not read back: %+v, %v", got, again, err)
		}
	}
	for _, bad := range []string{"", "p95", "p95<", "p95<300", "p0<1s", "p100<1s", "p95<-1s", "errors<0%", "errors<100%", "errors<x"} {
		if o, err := ParseObjective(bad); err == nil {
			t.Errorf("ParseObjective(%q) = %+v, want an error", bad, o)
		}
	}
}
