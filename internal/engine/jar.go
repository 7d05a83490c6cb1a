package engine

import (
	"net/http"
	"net/http/cookiejar"
)

// newJar returns an empty jar. Without a public suffix list a host may set a
// cookie for its whole top-level domain; the few hosts of an allow-list are no
// strangers to each other.
func newJar() http.CookieJar {
	jar, _ := cookiejar.New(nil) // has no error to give
	return jar
}
