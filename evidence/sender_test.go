package evidence_test

import (
	"strings"
	"testing"

	"github.com/scalecheck/scalecheck/evidence"
)

func TestSender(t *testing.T) {
	for _, tt := range []struct{ name, comment, want string }{
		{"express", `db_driver='pg%3A8.11',route='%2Fcourses%2F%3Aid',traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'`, "/courses/{}"},
		{"django", `controller='courses%3Adetail',framework='django%3A4.2',route='%5Ecourses/%28%3FP%3Cpk%3E%5B%5E/%5D%2B%29/%24'`, "/courses/{}"},
		{"flask", `framework='flask%3A2.0',controller='course',route='/courses/%3Cint%3Aid%3E'`, "/courses/{}"},
		{"rails by sqlcommenter", `action='show',controller='courses'`, "courses#show"},
		{"rails", `application:Shop,controller:courses,action:show`, "courses#show"},
		{"spring", `action='show',controller='CoursesController',framework='spring'`, "CoursesController#show"},
		{"controller alone", `controller='Api%3A%3AV1%3A%3ACourses'`, "Api::V1::Courses"},
		{"with its method", `route='GET%20%2Fapi%2Fv1%2Fcourses%2F%7Bid%7D'`, "GET /api/v1/courses/{}"},
		{"escaped quote", `note='it\'s',route='%2Fcourses'`, "/courses"},
		{"root", `route='%2F'`, "/"},
		{"spaces", ` controller='courses' , action='show' `, "courses#show"},
		{"nothing of interest", `traceparent='00-1-2-01'`, ""},
		{"prose", `this is a comment`, ""},
		{"ours", ` scalecheck `, ""},
		{"a url", `see https://example.test/secret`, ""},
		{"cut", `controller='courses',route='%2Fcourses%2`, ""},
		{"a bad escape", `route='%2'`, ""},
		{"unbalanced", `route='%2Fa%28'`, ""},
	} {
		if got := evidence.Sender(tt.comment); got != tt.want {
			t.Errorf("%s: Sender(%q) = %q, want %q", tt.name, tt.comment, got, tt.want)
		}
	}
}

// An application may put an address where a route belongs, and anything beside it.
func TestSenderTellsNoValues(t *testing.T) {
	for _, comment := range []string{
		`route='%2Fusers%2F4711'`,
		`route='%2Fusers%2F4711%3Ftoken%3D4711'`,
		`route='%2Fusers%2Fann4711@example.test'`,
		`route='%2Fusers%2F0b4711aa-9f3c-4bd0-8d0c-1b1f4a4c4711'`,
		`controller='4711'`,
		`controller='users',action='show 4711'`,
		`controller='users',action='show_4711'`,
		`user='4711',route='%2Fusers%2F%3Aid'`,
		`application:4711,controller:users,action:show`,
	} {
		if got := evidence.Sender(comment); strings.Contains(got, "4711") || strings.Contains(got, "example") {
			t.Errorf("Sender(%q) = %q", comment, got)
		}
	}
}

func TestRoute(t *testing.T) {
	for _, tt := range []struct{ route, want string }{
		{"/api/v1/courses/{id}", "/api/v1/courses/{}"},
		{"GET /api/v1/courses/{id}/", "GET /api/v1/courses/{}"},
		{"api/v1/courses/<int:id>", "/api/v1/courses/{}"},
		{"/files/{path:.*/.*}", "/files/{}"},
		{"/a-{b}/c", "/{}/c"},
		{"/search?q=:q", "/search"},
	} {
		if got := evidence.Route(tt.route); got != tt.want {
			t.Errorf("Route(%q) = %q, want %q", tt.route, got, tt.want)
		}
	}
}

func FuzzSender(f *testing.F) {
	f.Add(`action='show',controller='courses',route='%2Fcourses%2F%3Aid'`)
	f.Add(`controller:courses,action:show`)
	f.Add(`a='\'`)
	f.Fuzz(func(t *testing.T, comment string) {
		if got := evidence.Sender(comment); strings.ContainsAny(got, "'%=@\n") {
			t.Errorf("Sender(%q) = %q", comment, got)
		}
	})
}
