package house

import (
	"bufio"
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/scalecheck/scalecheck/"

// may says which packages of ours a package may import. A trailing /... takes
// all below. The line of the house is
//
//	scenarios → evidence → analyzers/capacity → analyzers → reports → cmd
//
// and beside it stands what touches the world.
var may = map[string][]string{
	"scenarios":               {"internal/hint"},
	"scenarios/mine":          {"scenarios", "internal/hint"},
	"scenarios/mine/accuracy": {"scenarios", "scenarios/mine", "internal/engine", "internal/pg", "internal/bundled", "reference-app"},
	"evidence":                {"scenarios"},
	"analyzers/capacity":      {"scenarios", "evidence"},
	"analyzers":               {"scenarios", "evidence", "analyzers/capacity", "internal/digits"},
	"analyzers/growth":        {"scenarios", "evidence", "analyzers", "internal/digits"},
	"analyzers/tablemap":      {"scenarios", "evidence", "analyzers"},
	"reports":                 {"scenarios", "evidence", "analyzers/...", "internal/digits"},

	"reference-app/...": {"reference-app/..."},

	"internal/hint":    {},
	"internal/digits":  {},
	"internal/house":   {},
	"internal/commit":  {},
	"internal/pg":      {"internal/hint"},
	"internal/engine":  {"scenarios", "internal/hint"},
	"internal/k6":      {"scenarios", "evidence", "internal/hint"},
	"internal/collect": {"scenarios", "evidence", "internal/hint"},
	"internal/record":  {"scenarios", "evidence", "internal/hint", "internal/collect", "internal/engine"},
	"internal/bundled": {"scenarios", "internal/hint", "internal/pg", "reference-app/..."},
	"internal/matrix":  {"internal/pg"},

	"internal/matrix/cmd":     {"internal/commit", "internal/matrix"},
	"internal/pg/versions":    {"internal/pg"},
	"internal/bench/overhead": {"evidence", "internal/commit"},

	"internal/bench":           {},
	"internal/bench/analysis":  {"scenarios", "evidence", "internal/commit", "reports"},
	"internal/bench/users":     {"scenarios", "evidence", "internal/bench", "internal/k6"},
	"internal/bench/generator": {"scenarios", "internal/bench", "internal/k6"},
	"internal/bench/vegeta":    {},

	"scenarios/k6ext": {"scenarios", "evidence", "internal/engine", "internal/k6", "internal/hint"},
	"cmd/scalecheck":  {"..."},
}

// homes says who may import a third-party module.
var homes = map[string][]string{
	"github.com/spf13/cobra":              {"cmd/scalecheck"},
	"go.k6.io/k6":                         {"scenarios/k6ext", "cmd/scalecheck"},
	"github.com/olekukonko/tablewriter":   {"reports"},
	"github.com/jackc/pgx/v5":             {"internal/collect", "internal/record", "internal/pg", "reference-app/...", "scenarios/mine/accuracy"},
	"github.com/HdrHistogram":             {"evidence"},
	"github.com/fergusstrange":            {"internal/pg"},
	"github.com/riverqueue/river":         {"reference-app/..."},
	"github.com/emersion":                 {"reference-app/..."},
	"go.opentelemetry.io":                 {"reference-app/..."},
	"github.com/prometheus/common":        {"internal/collect"},
	"github.com/prometheus/client_golang": {"reference-app/..."},
	"gonum.org/v1/gonum":                  {"analyzers/capacity", "analyzers/growth"},
	"github.com/tsenart/vegeta":           {"internal/bench/vegeta"},
	"go.yaml.in/yaml":                     {"scenarios"},
}

// TestImports holds both tables.
func TestImports(t *testing.T) {
	imports := list(t)
	for pkg, deps := range imports {
		allowed, known := rule(pkg)
		if !known {
			t.Errorf("%s stands in no line of the table: say what it may import", pkg)
			continue
		}
		for _, dep := range deps {
			if own, ok := strings.CutPrefix(dep, module); ok {
				if !within(own, allowed) {
					t.Errorf("%s imports %s: imports point the other way", pkg, own)
				}
				continue
			}
			for third, owners := range homes {
				if (dep == third || strings.HasPrefix(dep, third+"/")) && !within(pkg, owners) {
					t.Errorf("%s imports %s, whose home is %s", pkg, dep, strings.Join(owners, ", "))
				}
			}
		}
	}
	for pattern := range may {
		if !slices.ContainsFunc(keys(imports), func(p string) bool { return within(p, []string{pattern}) }) {
			t.Errorf("%s is in the table but not in the house", pattern)
		}
	}
}

// list asks the go command which package imports which, tests left out.
func list(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	imports := map[string][]string{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		imports[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	return imports
}

func rule(pkg string) ([]string, bool) {
	if r, ok := may[pkg]; ok {
		return r, true
	}
	for pattern, r := range may {
		if within(pkg, []string{pattern}) {
			return r, true
		}
	}
	return nil, false
}

func within(pkg string, patterns []string) bool {
	for _, p := range patterns {
		if below, ok := strings.CutSuffix(p, "..."); ok {
			if strings.HasPrefix(pkg+"/", below) {
				return true
			}
		} else if pkg == p {
			return true
		}
	}
	return false
}

func keys(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}
