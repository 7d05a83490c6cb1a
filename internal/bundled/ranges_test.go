package bundled

import (
	"testing"

	referenceapp "github.com/scalecheck/scalecheck/reference-app"
	"github.com/scalecheck/scalecheck/scenarios"
)

// Every range of every built-in scenario follows the data, and the files are
// those of the smallest size.
func TestFollowSize(t *testing.T) {
	for _, name := range scenarios.Builtins() {
		for _, size := range []referenceapp.Size{referenceapp.XS, referenceapp.S, referenceapp.M, referenceapp.L} {
			file, err := scenarios.Builtin(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := scenarios.Builtin(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := FollowSize(s, size); err != nil {
				t.Fatal(err)
			}
			for i, d := range s.Data {
				if d.Range == nil {
					continue
				}
				n := sized[d.Name]
				if n == nil {
					t.Fatalf("%s: how much of %s is there?", name, d.Name)
				}
				if *d.Range != [2]int64{1, int64(n(size))} {
					t.Errorf("%s: size %s has %d of %s, the scenario visits %v", name, size, n(size), d.Name, *d.Range)
				}
				if size == referenceapp.XS && *file.Data[i].Range != *d.Range {
					t.Errorf("%s: the file visits %v of %s, the smallest size has %d", name, *file.Data[i].Range, d.Name, n(size))
				}
			}
		}
	}
}
