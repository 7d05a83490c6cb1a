package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFollows(t *testing.T) {
	get := func(name string) Endpoint { return Endpoint{Name: name, Method: "GET", Path: "/" + name} }
	s := &Scenario{
		Name:      "shop",
		Endpoints: []Endpoint{get("login"), get("home"), get("list"), get("item"), get("cart"), get("pay"), get("bye")},
		Personas: []Persona{
			{Name: "walks", Share: 0.5, Start: []string{"login", "home"}, Journey: []Node{
				{Name: "looks", Sequence: []string{"list", "item"}, Repeat: &Repeat{Times: &[2]int{1, 3}}, To: []Edge{{To: "buys", Share: 0.5}, {To: End, Share: 0.5}}},
				{Name: "buys", Endpoint: "cart", To: []Edge{{To: "looks", Share: 1}}},
			}},
			{Name: "was recorded", Share: 0.5, Start: []string{"login"}, Skeletons: []Skeleton{
				{Weight: 1, Steps: []Step{{Endpoint: "cart"}, {Endpoint: "pay"}, {Endpoint: "pay"}, {Endpoint: "bye"}}},
			}},
		},
	}
	want := map[string][]string{
		"GET /login": {"GET /cart", "GET /home"},
		"GET /home":  {"GET /list"},
		"GET /list":  {"GET /item"},
		"GET /item":  {"GET /cart", "GET /list"},
		"GET /cart":  {"GET /list", "GET /pay"},
		"GET /pay":   {"GET /bye", "GET /pay"},
	}
	if diff := cmp.Diff(want, s.Follows()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	s.Personas[0].Start = []string{"nowhere"}
	if got := s.Follows(); got != nil {
		t.Errorf("a scenario that does not hold together: %v", got)
	}
}
