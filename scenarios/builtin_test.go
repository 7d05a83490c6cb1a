package scenarios

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestBuiltins(t *testing.T) {
	for _, name := range Builtins() {
		s, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != name || s.Source != "builtin:"+name || s.Doc == "" {
			t.Errorf("%s: name %q, source %q, doc %q", name, s.Name, s.Source, s.Doc)
		}
		if _, err := NewPlan(s, "http://127.0.0.1:1", Load{}, 1, DefaultLimits()); err != nil {
			t.Error(err)
		}
	}
	if _, err := Builtin("lsm"); err == nil || err.Error() != `there is no built-in scenario "lsm" (did you mean "lms"?)` {
		t.Error(err)
	}
}

// The mix is what makes the load of the bundled app realistic: reading above
// all, a few percent of writing.
func TestMixOfLMS(t *testing.T) {
	s, err := Builtin("lms")
	if err != nil {
		t.Fatal(err)
	}
	m := s.Mix()
	share := map[string]float64{}
	sum := 0.0
	for _, p := range m.Endpoints {
		share[p.Endpoint] = p.Share
		sum += p.Share
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("the shares sum to %v", sum)
	}
	share["notifications"] = share["GET /api/v1/notifications"] + share["GET /api/v1/notifications/unread-count"]
	for _, tt := range []struct {
		endpoint string
		lo, hi   float64
	}{
		{"GET /api/v1/me/dashboard", 0.18, 0.23},
		{"notifications", 0.16, 0.22},
		{"GET /api/v1/courses/{id}", 0.13, 0.18},
		{"GET /api/v1/items/{id}", 0.18, 0.24},
		{"POST /api/v1/assignments/{id}/submit", 0.035, 0.06},
		{"POST /api/v1/register", 0.02, 0.04},
		{"POST /api/v1/login", 0.03, 0.06},
	} {
		if got := share[tt.endpoint]; got < tt.lo || got > tt.hi {
			t.Errorf("%s has %.1f %% of the requests, want %g to %g %%", tt.endpoint, 100*got, 100*tt.lo, 100*tt.hi)
		}
	}
	if rate := 600 / float64(m.Think); rate < 180 || rate > 210 {
		t.Errorf("600 users send %.0f requests/s, want 180 to 210", rate)
	}
}

func TestThinkSample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []Think{
		{Const: 2}, {Mean: 3}, {Mean: 3, Max: 4}, {Median: 2, Sigma: 0.8}, {Median: 2, Sigma: 0.8, Max: 3}, {Quantiles: []Seconds{1, 2, 9}}, {},
	} {
		sum := 0.0
		const n = 200_000
		for range n {
			sum += float64(tt.Sample(r))
		}
		if got, want := sum/n, float64(tt.Average()); math.Abs(got-want) > 0.02*want {
			t.Errorf("%+v: mean of %d is %.3f s, want %.3f s", tt, n, got, want)
		}
	}
	capped := Think{Mean: 5, Max: 6}
	for range 1000 {
		if v := capped.Sample(r); v > 6 {
			t.Fatalf("%v s, want at most 6", v)
		}
	}
}

func TestTemplate(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"plain", nil},
		{"${a}", []string{"a"}},
		{"/x/${a.id}/${b}?q=${a.id}", []string{"a.id", "b"}},
		{"$${literal} $ {no} ${a}", []string{"a"}},
	} {
		got, err := ParseTemplate(tt.in)
		if err != nil || len(got.Vars()) != len(tt.want) {
			t.Errorf("%q: %v, %v, want %v", tt.in, got.Vars(), err, tt.want)
		}
	}
	for _, bad := range []string{"${", "${}", "${a b}", "${a..b}", "x${a"} {
		if got, err := ParseTemplate(bad); err == nil {
			t.Errorf("%q: %v, want an error", bad, got)
		}
	}
}

func TestSetRange(t *testing.T) {
	s, err := Builtin("lms")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetRange("user.n", 1, 10_000); err != nil || s.Data[0].Range[1] != 10_000 {
		t.Errorf("%v, %+v", err, s.Data[0])
	}
	for _, name := range []string{"user.email", "nobody"} {
		if err := s.SetRange(name, 1, 2); err == nil {
			t.Errorf("%s has a range", name)
		}
	}
	if err := s.SetRange("user.n", 2, 1); err == nil {
		t.Error("an empty range is accepted")
	}
}
