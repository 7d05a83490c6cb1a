package k6ext

import "testing"

func TestEndpoint(t *testing.T) {
	for _, tt := range []struct{ method, name, want string }{
		{"GET", "http://h:8080/courses/42", "GET /courses/{id}"},
		{"GET", "http://h/courses/42?page=3#x", "GET /courses/{id}"},
		{"GET", "http://h", "GET /"},
		{"GET", "http://h?x=1", "GET /"},
		{"GET", "http://h/", "GET /"},
		{"POST", "https://h/api/v1/users/0b5c9bd0-9a3f-4b83-9d0a-3f1a0c6a4c11/notes", "POST /api/v1/users/{id}/notes"},
		{"GET", "http://h/courses/${}/lessons/${}", "GET /courses/{id}/lessons/{id}"},
		{"GET", "http://h/c/course-123", "GET /c/course-{id}"},
		{"GET", "http://h/assets/app.3f2a9c10.js", "GET /assets/app.{id}.js"},
		{"GET", "http://h/assets/main.css", "GET /assets/main.css"},
		{"GET", "http://h/blob/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "GET /blob/{id}"},
		{"GET", "http://h/u/ada@example.com", "GET /u/{id}"},
		{"GET", "http://h/u/ada%40example.com", "GET /u/{id}"},
		{"GET", "http://h/t/dGhpc2lzYXRva2VuMTIzNDU2Nzg", "GET /t/{id}"},
		{"GET", "http://h/facade/decade", "GET /facade/decade"},
		{"GET", "http://h/oauth2/v1/internationalization-settings", "GET /oauth2/v1/internationalization-settings"},
		{"GET", "Course page", "Course page"},
		{"GET", "/already/named", "/already/named"},
		{"GET", "see http://h/x", "see http://h/x"},
		{"GET", "", "GET (unnamed)"},
	} {
		if got := endpoint(tt.method, tt.name); got != tt.want {
			t.Errorf("endpoint(%q, %q) = %q, want %q", tt.method, tt.name, got, tt.want)
		}
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:1/x": "h:1", "http://u:p@h/x": "h", "https://[::1]:80?x": "[::1]:80", "Name": "Name",
	} {
		if got := host(in); got != want {
			t.Errorf("host(%q) = %q, want %q", in, got, want)
		}
	}
}
