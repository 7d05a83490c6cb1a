package referenceapp

import (
	_ "embed"
	"net/http"
)

//go:embed home.html
var homePage []byte

// home is for people who open the app in a browser.
func home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// A browser that left is not our error.
	_, _ = w.Write(homePage)
}
