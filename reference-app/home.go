package referenceapp

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed home.html
var homeHTML string

var homePage = template.Must(template.New("home").Parse(homeHTML))

// home is the page for people who open the app in a browser: what there is to call.
func home(patterns []string) (http.Handler, error) {
	var b bytes.Buffer
	if err := homePage.Execute(&b, patterns); err != nil {
		return nil, err
	}
	page := b.Bytes()
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// A browser that left is not our error.
		_, _ = w.Write(page)
	}), nil
}
