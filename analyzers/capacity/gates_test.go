package capacity

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/scalecheck/scalecheck/evidence"
)

var update = flag.Bool("update", false, "rewrite the outcome in testdata")

// TestGateCases holds the gates to the cases of testdata/gates: a sentence, the
// least evidence that matters and what comes of it.
func TestGateCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/gates/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		arc, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var run evidence.Run
		if err := json.Unmarshal(arc.Files[0].Data, &run); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		m, err := Fit(&run)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got, want := outcome(m), string(arc.Files[1].Data)
		if got != want && !*update {
			t.Errorf("%s:\n got:\n%s\nwant:\n%s", path, got, want)
		}
		if *update {
			arc.Files[1].Data = []byte(got)
			if err := os.WriteFile(path, txtar.Format(arc), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func outcome(m *Model) string {
	var b strings.Builder
	fmt.Fprintf(&b, "step %d is judged: %s\n", m.Judged+1, m.Step().Status)
	fmt.Fprintf(&b, "carries %g, breaks at %g\n", m.Capacity.Users+m.Capacity.Sessions, m.Capacity.NextUsers+m.Capacity.NextSessions)
	for _, g := range m.Gates {
		if !g.OK {
			fmt.Fprintf(&b, "%s: %s\n", g.Name, g.Reason)
		}
	}
	for _, c := range m.Caveats {
		fmt.Fprintf(&b, "caveat: %s\n", c)
	}
	return b.String()
}
