package k6ext

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.k6.io/k6/cmd"

	"github.com/scalecheck/scalecheck/internal/k6"
)

// parentTest names the variable that makes the test binary a parent of a load:
// it holds its k6.Options.
const parentTest = "K6EXT_TEST_PARENT"

// The test binary is a k6 with our extension when it is called so, as
// cmd/scalecheck's is.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "k6" {
		cmd.Execute()
		return
	}
	if o := os.Getenv(parentTest); o != "" {
		parent(o)
	}
	os.Exit(m.Run())
}

// parent starts a load, prints its process number and is there for ever.
func parent(options string) {
	var o k6.Options
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		panic(err)
	}
	l, err := k6.Start(context.Background(), o)
	if err != nil {
		panic(err)
	}
	fmt.Println(l.PID())
	for range l.Ticks() {
	}
	select {}
}
