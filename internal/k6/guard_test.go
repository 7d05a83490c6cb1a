package k6

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scalecheck/scalecheck/internal/hint"
	"github.com/scalecheck/scalecheck/scenarios"
)

func TestComplement(t *testing.T) {
	for _, tt := range []struct {
		name          string
		allowed       []string
		want          int // prefixes
		inside, apart []string
	}{
		{"nothing allowed", nil, 2, []string{"127.0.0.1", "::1", "255.255.255.255", "0.0.0.0"}, nil},
		{"one v4", []string{"127.0.0.1"}, 33, []string{"127.0.0.0", "127.0.0.2", "0.0.0.0", "10.0.0.1", "::1", "::"}, []string{"127.0.0.1", "::ffff:127.0.0.1"}},
		{"loopback", []string{"127.0.0.1", "::1"}, 32 + 128, []string{"127.0.0.2", "::", "::2", "fe80::1"}, []string{"127.0.0.1", "::1"}},
		{"neighbours", []string{"10.0.0.0", "10.0.0.1"}, 31 + 1, []string{"10.0.0.2", "9.255.255.255"}, []string{"10.0.0.0", "10.0.0.1"}},
		{"ends", []string{"0.0.0.0", "255.255.255.255"}, 62 + 1, []string{"0.0.0.1", "255.255.255.254"}, []string{"0.0.0.0", "255.255.255.255"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var allowed []netip.Addr
			for _, a := range tt.allowed {
				allowed = append(allowed, netip.MustParseAddr(a))
			}
			got := complement(allowed)
			if len(got) != tt.want {
				t.Errorf("%d prefixes, want %d: %v", len(got), tt.want, got)
			}
			for _, a := range tt.inside {
				if !covers(t, got, a) {
					t.Errorf("%s is not covered", a)
				}
			}
			for _, a := range tt.apart {
				if covers(t, got, a) {
					t.Errorf("%s is covered", a)
				}
			}
		})
	}
}

func TestComplementAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	v4 := func() netip.Addr {
		return netip.AddrFrom4([4]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())})
	}
	var allowed []netip.Addr
	for range 20 {
		allowed = append(allowed, v4())
	}
	got := complement(allowed)
	for range 2000 {
		a := v4()
		if covers(t, got, a.String()) == slices.Contains(allowed, a) {
			t.Fatalf("%s: covered %v", a, covers(t, got, a.String()))
		}
	}
	for _, a := range allowed {
		if covers(t, got, a.String()) || !covers(t, got, a.Next().String()) && !slices.Contains(allowed, a.Next()) {
			t.Fatalf("%s or its neighbour is on the wrong side", a)
		}
	}
}

// covers looks as k6's dialer does: with net.IPNet.
func covers(t *testing.T, ps []netip.Prefix, addr string) bool {
	t.Helper()
	ip := net.ParseIP(addr)
	for _, p := range ps {
		_, n, err := net.ParseCIDR(p.String())
		if err != nil {
			t.Fatal(err)
		}
		if n.Contains(ip) {
			return true
		}
	}
	return false
}

func TestAllowedHosts(t *testing.T) {
	p := &scenarios.Plan{Target: "http://app.test:8080/x", Limits: scenarios.Limits{Hosts: []string{"app.test:8080", "[::1]:80", "10.0.0.1", "cdn.test"}}}
	got, err := allowedHosts(p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"10.0.0.1", "::1", "app.test", "cdn.test"}, got); diff != "" {
		t.Error(diff)
	}
	for _, p := range []*scenarios.Plan{{}, {Target: "localhost"}} {
		if _, err := allowedHosts(p); hint.Status(err) != hint.NotStarted || hint.Of(err) == "" {
			t.Errorf("target %q: error %v, want one that says what to do", p.Target, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env := []string{
		"PATH=/bin", "HOME=/h", "TOKEN=t", "PGPASSWORD=x", "pgservice=x", "DSN=postgres://u:p@h/db", "HTTP_PROXY=p", "https_proxy=p",
		"K6_VUS=3", "K6_OUT=json", "K6_WEB_DASHBOARD=true", "K6_OTEL_SERVICE_NAME=s", "BASE_URL=user", "K6_CLOUD_TOKEN=x",
	}
	ours := []string{"K6_AUTO_EXTENSION_RESOLUTION=false", "K6_NO_USAGE_REPORT=true"}
	for _, tt := range []struct {
		name   string
		script bool
		want   []string
	}{
		{"script", true, append(ours, "BASE_URL=b", "HOME=/h", "K6_OTEL_SERVICE_NAME=s", "K6_VUS=3", "PATH=/bin", "TOKEN=t")},
		{"journeys", false, append(ours, "BASE_URL=b", "HOME=/h", "K6_OTEL_SERVICE_NAME=s", "PATH=/bin")},
	} {
		got := environment(env, tt.script, map[string]string{"BASE_URL": "b"})
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestRequirementsCheck(t *testing.T) {
	l := scenarios.Limits{Users: 100, Duration: 60}
	for _, tt := range []struct {
		name string
		r    Requirements
		ok   bool
	}{
		{"inside", Requirements{MaxVUs: 100, Duration: 60}, true},
		{"too many users", Requirements{MaxVUs: 101, Duration: 60}, false},
		{"too long", Requirements{MaxVUs: 1, Duration: 61}, false},
		{"endless", Requirements{MaxVUs: 1, Endless: true}, false},
	} {
		err := tt.r.check(l)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err != nil && (hint.Status(err) != hint.NotStarted || hint.Of(err) == "") {
			t.Errorf("%s: status %d, hint %q", tt.name, hint.Status(err), hint.Of(err))
		}
	}
}
