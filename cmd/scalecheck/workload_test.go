package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A shop answers with pages of its own, or as get says.
func shop(t *testing.T, get func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case get(w, r):
		case r.URL.Path == "/items":
			_, _ = io.WriteString(w, "<h1>items of the shop</h1>")
		default:
			_, _ = io.WriteString(w, "<h1>an item of the shop</h1>")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// limiter lets each address in five times a second, as X-Forwarded-For has it
// behind a proxy.
func limiter() func(w http.ResponseWriter, r *http.Request) bool {
	var mu sync.Mutex
	seen := map[string]int{}
	second := time.Now().Unix()
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().Unix(); now != second {
			second = now
			clear(seen)
		}
		seen[r.Header.Get("X-Forwarded-For")]++
		if seen[r.Header.Get("X-Forwarded-For")] <= 5 {
			return false
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
}

// scenario writes the shop's scenario with a line more.
func scenario(t *testing.T, more string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/load/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(path, append(text, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An application that does not let the load in is not measured by it.
func TestRefusedLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, more string
		get        func(w http.ResponseWriter, r *http.Request) bool
		reason     string // why it is inconclusive; empty: the workload is in order
	}{
		{"rate limit per address", "", limiter(), "`client_ip: per_user`"},
		{"one address for each user", "client_ip: per_user\n", limiter(), ""},
		{"login page", "", func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.WriteString(w, "<form>please log in</form>")
			return true
		}, "not the pages that were meant"},
		{"overloaded", "", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/items" || time.Now().UnixMilli()%10 > 2 {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, noServer, scenario(t, tt.more), "--target", shop(t, tt.get), "--no-probe", "--slo", "errors<5%")
			if status := s.status(); tt.reason != "" && status != 3 {
				t.Errorf("exit status %d, want 3", status)
			}
			// Other gates go by what else the machine does.
			for _, g := range s.document().Gates {
				if g.Name == "workload" && (g.OK != (tt.reason == "") || !strings.Contains(g.Reason, tt.reason)) {
					t.Errorf("gate holds: %v, %s; want %q", g.OK, g.Reason, tt.reason)
				}
			}
		})
	}
}
