package referenceapp

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var createTable = regexp.MustCompile(`(?m)^create table (\w+)`)

// Modules returns the module that owns each of the app's tables: that of the
// schema file which makes it. The queue's own tables belong to jobs.
func Modules() map[string]string {
	owner := map[string]string{}
	for _, t := range []string{"river_client", "river_client_queue", "river_job", "river_leader", "river_migration", "river_queue"} {
		owner[t] = "jobs"
	}
	files, err := fs.Glob(schemaFS, "schema/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range files {
		b, err := schemaFS.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		for _, m := range createTable.FindAllSubmatch(b, -1) {
			owner[string(m[1])] = strings.TrimSuffix(path.Base(name), ".sql")
		}
	}
	return owner
}
