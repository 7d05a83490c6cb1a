package pg

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"
)

// One cluster per test binary: starting one costs two seconds. This is the one variable of the package that changes.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// ForTest returns a server for tests, started at the first call in a test binary and shared by its tests: a throwaway
// that does not care about durability. SCALECHECK_TEST_POSTGRES names the directory of the binaries to use. Where
// there is no PostgreSQL it is downloaded; if that fails too, so does the test: it does not skip.
//
// The server ends with the test binary. Use [Main] to have it stopped before.
func ForTest(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		// Not t's context: the server outlives the test.
		ctx, cancel := context.WithTimeout(context.Background(), downloadTimeout+startTimeout)
		defer cancel()
		shared.cluster, shared.err = Start(ctx, testOptions())
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

func testOptions() Options {
	return Options{
		BinDir:    os.Getenv("SCALECHECK_TEST_POSTGRES"),
		Throwaway: true,
		Settings: map[string]string{
			"fsync":              "off",
			"synchronous_commit": "off",
			"full_page_writes":   "off",
			"shared_buffers":     "64MB", // several test binaries run at a time
		},
	}
}

// Main runs the tests, then stops the server of ForTest if one was started.
//
//	func TestMain(m *testing.M) { pg.Main(m) }
func Main(m *testing.M) {
	m.Run() // TestMain's caller exits with its result
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		shared.cluster.Stop(context.Background())
	}
}

// TestDatabase returns the connection string of a new, empty database, dropped at the end of the test.
func (c *Cluster) TestDatabase(t testing.TB) (dsn string) {
	t.Helper()
	name := runPrefix + random()
	if err := c.CreateDatabase(t.Context(), name, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// t's context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.DropDatabase(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return c.DSN(name)
}
